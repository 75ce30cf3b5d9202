/**
 * Many lifetimes: seeds are handed out in order, as many at once as there are workers, and what
 * came of them is put together in the order of the seeds, whoever was done first.
 */
import { Trace } from '../kernel/trace.ts'
import type { Figures, LifetimeResult } from '../lifetime.ts'
import type { Request } from './job.ts'

/** Lives one lifetime. */
export type Live = (request: Request) => Promise<LifetimeResult>

/** What a campaign is told. */
export interface CampaignOptions {
  readonly live: Live
  /** Lifetimes under way at once. */
  readonly width: number
  /** The lifetimes, one after the other; undefined: no more are begun. */
  readonly next: () => Request | undefined
  /** Told of each as it is done. */
  readonly onResult?: (result: LifetimeResult, request: Request) => void
}

/** What is remembered of a lifetime that is over. */
export interface Lived {
  readonly request: Request
  readonly hash: string
  readonly figures: Figures
  /** The whole of it where it failed. */
  readonly failed: LifetimeResult | undefined
}

/** Lives all; the outcomes are in the order in which the lifetimes were handed out. */
export async function campaign(options: CampaignOptions): Promise<readonly Lived[]> {
  const lived: Lived[] = []
  let handedOut = 0
  const work = async (): Promise<void> => {
    for (;;) {
      const request = options.next()
      if (request === undefined) return
      const place = handedOut++
      const result = await options.live(request)
      const { hash, figures, failure } = result
      lived[place] = { request, hash, figures, failed: failure === undefined ? undefined : result }
      options.onResult?.(result, request)
    }
  }
  await Promise.all(Array.from({ length: options.width }, work))
  return lived
}

/** One hash over all, in their order: 16 hex digits. */
export function combinedHash(all: readonly Lived[]): string {
  const trace = new Trace()
  for (const { request, hash } of all) {
    trace.note(request.seed, 'lived', Number.parseInt(hash.slice(0, 8), 16))
    trace.note(request.seed, 'lived', Number.parseInt(hash.slice(8), 16))
  }
  return trace.hash
}

/** Exit codes of failures; where there are several, the worst counts. */
const exitCodes = { safety: 12, crash: 10, liveness: 11 } as const

/** The exit code for these outcomes. */
export function exitCodeOf(all: readonly Lived[]): number {
  const kinds = new Set(all.map(({ failed }) => failed?.failure?.kind))
  for (const kind of ['safety', 'crash', 'liveness'] as const) {
    if (kinds.has(kind)) return exitCodes[kind]
  }
  return 0
}

/** The last line of a run. */
export function lastLine(all: readonly Lived[], from: number): string {
  const failed = all.filter((lived) => lived.failed !== undefined).length
  const to = Math.max(from, ...all.slice(-1).map(({ request }) => request.seed))
  return `seeds ${from}..${to} ok ${all.length - failed} failed ${failed} hash ${combinedHash(all)}`
}
