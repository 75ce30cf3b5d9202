/** What people are shown of a failure: what it was, how to see it again, and its shortest trace. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LifetimeResult } from '../lifetime.ts'
import type { Request } from './job.ts'
import { replayCommand } from './options.ts'
import type { Pool } from './pool.ts'
import { shrink } from './shrink.ts'

/** How failures are reported. */
export interface ReportOptions {
  readonly pool: Pool
  readonly print: (line: string) => void
  /** What is going on, for people who wait. */
  readonly tell: (line: string) => void
  readonly shrink: boolean
  /** Where the trace goes; undefined: `<folder>/seed-<n>.trace`. */
  readonly traceFile: string | undefined
  readonly folder: string
}

const attemptsMax = 60
const shrinkMsMax = 90_000
const stackLinesMax = 16
const traceLinesShown = 40

/** What failed, in a few lines, without looking any closer. */
export function failureLines(request: Request, result: LifetimeResult): readonly string[] {
  const { failure, description } = result
  if (failure === undefined) return []
  const stack = (failure.stack ?? '').split('\n').slice(1, stackLinesMax)
  const messages = failure.message.split('\n').slice(0, stackLinesMax)
  const at = failure.at.toFixed(3)
  return [
    `seed ${request.seed} FAILED (${failure.kind}, ${failure.check}) at ${at} ms`,
    ...messages.map((line) => `  ${line}`),
    ...stack.filter((line) => line.trim() !== '').map((line) => `  ${line}`),
    ...description.map((line) => `  ${line}`),
    `replay: ${replayCommand(request)}`,
  ]
}

/** Shows a failure, shortens it, and leaves the shortest trace in a file. */
export async function reportFailure(
  options: ReportOptions,
  request: Request,
  result: LifetimeResult,
): Promise<void> {
  const { pool, print, tell } = options
  for (const line of failureLines(request, result)) print(line)
  let shortest: Request = request
  if (options.shrink && result.failure?.check !== 'determinism') {
    tell(`shortening the failure of seed ${request.seed}`)
    const limits = {
      attemptsMax,
      msMax: shrinkMsMax,
      width: pool.width,
      now: () => performance.now(),
    }
    const found = await shrink({ request, result }, (each) => pool.run(each), limits)
    shortest = found.request
    const { failure, figures } = found.result
    print(
      `shortest of ${found.attempts} attempts: ${figures.faults} faults, fails at ${(failure?.at ?? 0).toFixed(3)} ms`,
    )
    print(`  ${(failure?.message ?? '').split('\n')[0] ?? ''}`)
    print(`replay: ${replayCommand(shortest)} --no-shrink`)
  }
  await leaveTrace(options, shortest)
}

async function leaveTrace(options: ReportOptions, request: Request): Promise<void> {
  const { pool, print, folder } = options
  const file = options.traceFile ?? join(folder, `seed-${request.seed}.trace`)
  if (options.traceFile === undefined) mkdirSync(folder, { recursive: true })
  await pool.run(request, file)
  print(`its trace is in ${file}, and ends so:`)
  for (const line of lastLines(file)) print(`  ${line}`)
}

function lastLines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-traceLinesShown)
  } catch {
    // The worker died before it wrote any.
    return []
  }
}
