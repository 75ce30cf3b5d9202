/**
 * A worker: a process that lives one lifetime after the other, each handed over by the runner.
 * What escapes a lifetime, by whatever way, is the failure of that lifetime and ends the worker,
 * since whatever comes after it could not be trusted.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import type { LifetimeOptions, LifetimeResult } from '../lifetime.ts'
import { lostResult } from './job.ts'
import type { Job, Report } from './job.ts'

/** Lines of a trace are written out in pieces of about so many characters. */
const pieceChars = 1 << 16

/** Takes jobs from the parent process until it disconnects. */
export function serve(live: (options: LifetimeOptions) => LifetimeResult): void {
  let under: Job | undefined
  const escaped = (error: unknown): void => {
    if (under === undefined) throw error
    const stack = error instanceof Error ? error.stack : undefined
    const lost = lostResult(
      under.request,
      'escaped',
      `it threw past the lifetime: ${String(error)}`,
    )
    const failure = lost.failure && { ...lost.failure, stack }
    const result = { ...lost, ...(failure && { failure }) }
    send({ type: 'done', result, last: true }, () => process.exit(1))
  }
  process.on('uncaughtException', escaped)
  process.on('disconnect', () => process.exit(0))
  process.on('message', (job: Job) => {
    under = job
    // Messages may be handed over from within a tick; a lifetime drains the ticks itself.
    setImmediate(() => {
      const result = run(live, job)
      // A turn, in which what the lifetime left behind can still be told as its own failure.
      setImmediate(() => {
        under = undefined
        send({ type: 'done', result, last: false })
      })
    })
  })
  send({ type: 'ready' })
}

function send(report: Report, sent: () => void = () => {}): void {
  process.send?.(report, undefined, undefined, sent)
}

function run(live: (options: LifetimeOptions) => LifetimeResult, job: Job): LifetimeResult {
  if (job.traceFile === undefined) return live(job.request)
  const file = openSync(job.traceFile, 'w')
  let lines: string[] = []
  let chars = 0
  const flush = (): void => {
    if (lines.length > 0) writeSync(file, `${lines.join('\n')}\n`)
    lines = []
    chars = 0
  }
  const trace = (line: string): void => {
    lines.push(line)
    chars += line.length
    if (chars > pieceChars) flush()
  }
  try {
    return live({ ...job.request, trace })
  } finally {
    flush()
    closeSync(file)
  }
}
