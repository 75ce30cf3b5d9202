/** A run of the simulation, from its options to its last line. */
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { swarmOf } from '../lifetime.ts'
import type { LifetimeResult } from '../lifetime.ts'
import { describeSwarm } from '../world/swarm.ts'
import { campaign, exitCodeOf, lastLine } from './campaign.ts'
import type { Lived } from './campaign.ts'
import { failureLines, reportFailure } from './failures.ts'
import { figureLines } from './figures.ts'
import type { Request } from './job.ts'
import { lostResult } from './job.ts'
import { seedMax } from './options.ts'
import type { SimOptions } from './options.ts'
import { Pool } from './pool.ts'
import { Progress } from './progress.ts'

/** Where a run writes to. */
export interface RunIo {
  /** Standard output. */
  readonly print: (line: string) => void
  /** Standard error: what is only for people. */
  readonly tell: (line: string) => void
}

const here = dirname(fileURLToPath(import.meta.url))
/** The built worker beside this file. */
const workerFile = join(here, 'worker.js')
/** The traces of failures. */
const failuresFolder = resolve('build/sim-failures')
/** So many failures are shortened and shown in full; of the others only the replay is. */
const shortenedMax = 3

/** Runs, the `known` lifetimes first; the exit code. */
export async function runSim(
  options: SimOptions,
  known: readonly Request[],
  io: RunIo,
): Promise<number> {
  const pool = new Pool({ file: workerFile, workers: options.workers })
  try {
    return await new Run(options, io, pool).all(known)
  } finally {
    pool.close()
  }
}

class Run {
  readonly #options: SimOptions
  readonly #io: RunIo
  readonly #pool: Pool
  #shown = 0
  /** The outcome that came last. */
  #newest: LifetimeResult | undefined

  constructor(options: SimOptions, io: RunIo, pool: Pool) {
    this.#options = options
    this.#io = io
    this.#pool = pool
  }

  async all(known: readonly Request[]): Promise<number> {
    const { from, count } = this.#options
    const before = known.length === 0 ? [] : await this.#known(known)
    const single = count === 1 ? this.#describe(from) : 0
    const lived = await this.#range()
    const all = this.#options.twice ? await this.#again(lived) : lived
    if (count === 1 && all[0]?.failed === undefined) this.#printOutcome(single)
    for (const line of figureLines(all)) this.#io.tell(line)
    await this.#report(all)
    this.#io.print(lastLine(all, from))
    return exitCodeOf([...before, ...all])
  }

  /** What the lifetime will be like, before it begins; how many lines that were. */
  #describe(seed: number): number {
    const lines = describeSwarm(swarmOf({ ...this.#options.common, seed }))
    this.#io.print(`seed ${seed}`)
    for (const line of lines) this.#io.print(`  ${line}`)
    return lines.length
  }

  /** The rest of what was drawn, and what the lifetime came to. */
  #printOutcome(shown: number): void {
    if (this.#newest === undefined) return
    const { description, figures, hash } = this.#newest
    const { acked, faults, elections, simulatedMs, events } = figures
    for (const line of description.slice(shown)) this.#io.print(`  ${line}`)
    this.#io.print(
      `acked ${acked}, faults ${faults}, elections ${elections}, simulated ms ${Math.floor(simulatedMs)}, events ${events}, hash ${hash}`,
    )
  }

  async #range(): Promise<readonly Lived[]> {
    const { from, count, budgetMs, common, traceFile } = this.#options
    const end = budgetMs === undefined ? Infinity : performance.now() + budgetMs
    const last = count === undefined ? seedMax : from + count - 1
    let seed = from
    // One lifetime at least, however little time there is.
    const next = (): Request | undefined =>
      seed > last || (seed > from && performance.now() >= end)
        ? undefined
        : { ...common, seed: seed++ }
    return await this.#campaign('seeds', count, next, traceFile)
  }

  async #campaign(
    what: string,
    count: number | undefined,
    next: () => Request | undefined,
    traceFile?: string,
  ): Promise<readonly Lived[]> {
    const progress = new Progress({ what, count, tell: this.#io.tell })
    const lived = await campaign({
      live: (request) => this.#pool.run(request, traceFile),
      width: this.#pool.width,
      next,
      onResult: (result, { seed }) => {
        this.#newest = result
        progress.done(seed, result.failure)
      },
    })
    progress.end()
    return lived
  }

  /** Lives all once more, the last seed first, and fails those that were not the same again. */
  async #again(first: readonly Lived[]): Promise<readonly Lived[]> {
    const left = first.map(({ request }) => request)
    const again = await this.#campaign('seeds again', left.length, () => left.pop())
    const hashes = new Map(again.map(({ request, hash }) => [request.seed, hash]))
    return first.map((lived): Lived => {
      const other = hashes.get(lived.request.seed)
      if (other === lived.hash || lived.failed !== undefined) return lived
      const message = `the same seed gave the hashes ${lived.hash} and ${other ?? 'none'}`
      return { ...lived, failed: lostResult(lived.request, 'determinism', message) }
    })
  }

  async #known(requests: readonly Request[]): Promise<readonly Lived[]> {
    const left = [...requests]
    const lived = await this.#campaign('known ones', left.length, () => left.shift())
    await this.#report(lived)
    const failed = lived.filter((each) => each.failed !== undefined).length
    this.#io.print(`known ok ${lived.length - failed} failed ${failed}`)
    return lived
  }

  async #report(all: readonly Lived[]): Promise<void> {
    const { traceFile } = this.#options
    const { print, tell } = this.#io
    for (const { request, failed } of all) {
      if (failed === undefined) continue
      if (this.#shown++ < shortenedMax) {
        const options = { print, tell, shrink: this.#options.shrink, traceFile }
        await reportFailure(
          { ...options, pool: this.#pool, folder: failuresFolder },
          request,
          failed,
        )
      } else this.#brief(request, failed)
    }
  }

  #brief(request: Request, result: LifetimeResult): void {
    const lines = failureLines(request, result)
    for (const line of [...lines.slice(0, 2), ...lines.slice(-1)]) this.#io.print(line)
  }
}
