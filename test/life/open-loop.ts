/**
 * Puts at a steady rate, whatever the answers take: each is timed from the moment at which it was
 * due, so that a stall counts for all that fell into it.
 */
import { QuorateError } from '../../src/index.ts'
import type { Client } from '../../src/index.ts'
import { pause } from './nodes.ts'

/** Calls under way at once; one more is not made, and counts as failed. */
const underWayMax = 5_000

/** What an open loop saw. */
export interface OpenLoopResult {
  /** Of those that succeeded, ms. */
  readonly latencies: readonly number[]
  readonly failed: number
  /** How late the machine was to make a call, at most, ms: of the loop, not of the cluster. */
  readonly latestMs: number
}

/** Runs until `ended` says so; `perSecond` puts of `bytes` each under keys of the prefix. */
export async function openLoop(options: {
  db: Client
  prefix: string
  perSecond: number
  bytes: number
  ended: () => boolean
}): Promise<OpenLoopResult> {
  const { db, prefix, perSecond, bytes, ended } = options
  const latencies: number[] = []
  const value = Buffer.alloc(bytes, 'v')
  const begin = performance.now()
  let failed = 0
  let underWay = 0
  let latestMs = 0
  const put = async (i: number, dueAt: number): Promise<void> => {
    underWay += 1
    try {
      await db.put(`${prefix}${i}`, value, { timeout: 20_000 })
      latencies.push(performance.now() - dueAt)
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      failed += 1
    } finally {
      underWay -= 1
    }
  }
  for (let i = 0; !ended();) {
    const now = performance.now()
    for (; begin + (1_000 * i) / perSecond <= now; i++) {
      const dueAt = begin + (1_000 * i) / perSecond
      latestMs = Math.max(latestMs, now - dueAt)
      if (underWay < underWayMax) void put(i, dueAt)
      else failed += 1
    }
    await pause(1)
  }
  while (underWay > 0) await pause(5)
  return { latencies, failed, latestMs }
}
