/** Looks for a planted bug: lifetimes, seed by seed, until one fails that passes without the bug. */
import type { Failure, LifetimeResult } from '../lifetime.ts'
import { campaign } from '../runner/campaign.ts'
import type { Request } from '../runner/job.ts'
import { Pool } from '../runner/pool.ts'

/** A lifetime that failed. */
export interface Failed {
  readonly request: Request
  readonly failure: Failure
}

/** What came of it. */
export interface Found {
  /** Lifetimes up to the first that showed the bug, that one included; all, if none did. */
  readonly seeds: number
  readonly realSeconds: number
  /** How it showed. */
  readonly failure: Failure | undefined
  /** Lifetimes that fail without the bug as well, and so show nothing. */
  readonly without: readonly Failed[]
}

/** What is looked through. */
export interface HuntOptions {
  /** The workers of the build with the bug, and of the one without. */
  readonly mutated: string
  readonly clean: string
  readonly workers: number
  readonly seedsMax: number
  readonly request: (seed: number) => Request
}

/** Lives seeds 1, 2, 3, … until one shows the bug. The first such seed counts, not the quickest. */
export async function hunt(options: HuntOptions): Promise<Found> {
  const { workers, seedsMax } = options
  const mutated = new Pool({ file: options.mutated, workers })
  const clean = new Pool({ file: options.clean, workers })
  const without: Failed[] = []
  const began = performance.now()
  let seed = 0
  let shown = false
  try {
    const lived = await campaign({
      live: async (request) => {
        const result = await mutated.run(request)
        if (result.failure === undefined) return result
        const { failure } = await clean.run(request)
        if (failure === undefined) return result
        without.push({ request, failure })
        return passed(result)
      },
      width: workers,
      next: () => (shown || seed >= seedsMax ? undefined : options.request(++seed)),
      onResult: ({ failure }) => {
        shown ||= failure !== undefined
      },
    })
    const at = lived.findIndex((each) => each.failed !== undefined)
    return {
      seeds: at === -1 ? lived.length : at + 1,
      realSeconds: (performance.now() - began) / 1000,
      failure: lived[at]?.failed?.failure,
      without,
    }
  } finally {
    mutated.close()
    clean.close()
  }
}

function passed(result: LifetimeResult): LifetimeResult {
  const { failure: _failure, ...rest } = result
  return rest
}
