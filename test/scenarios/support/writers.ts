/**
 * Writers that keep account, and the judgement at the end. Every write has a key of its own, and a
 * revision is a count of effects: so as many keys must be there as the revision says, or something
 * was stored twice.
 */
import { expect } from 'vitest'
import type { Client } from '../../../src/client/index.ts'
import { QuorateError } from '../../../src/errors.ts'
import type { Cluster } from '../../node/support/cluster.ts'

/** What a writer puts, and how. */
export interface WriterOptions {
  readonly timeout?: number
  readonly bytes?: number
  readonly pauseMs?: number
}

/** What is known of some writes, by key. */
export class Account {
  readonly acknowledged: string[] = []
  readonly refused: string[] = []
  readonly unknown: string[] = []
  /** The client was closed: a test that failed takes everything down. */
  isClosed = false

  /** Keeps account of one write. */
  async note(key: string, write: Promise<{ verdict: string }>): Promise<void> {
    try {
      const { verdict } = await write
      expect(verdict).toBe('applied')
      this.acknowledged.push(key)
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      if (error.code === 'QUORATE_CLOSED') this.isClosed = true
      if (error.outcome === 'not-applied') this.refused.push(key)
      else this.unknown.push(key)
    }
  }
}

/** One write after the other until told to stop. */
export class Writer extends Account {
  /** The longest that a write took until it ended. */
  slowestMs = 0
  #stopped = false
  readonly #ended: Promise<void>

  constructor(on: Cluster, db: Client, name: string, options: WriterOptions = {}) {
    super()
    this.#ended = this.#run(on, db, name, options)
  }

  async #run(on: Cluster, db: Client, name: string, options: WriterOptions): Promise<void> {
    const { timeout = 2_000, bytes = 0, pauseMs = 0 } = options
    for (let i = 0; !this.#stopped && !this.isClosed; i++) {
      const key = `${name}-${i}`
      const began = on.clock.monotonic()
      await this.note(key, db.put(key, key.padEnd(bytes, '.'), { timeout }))
      this.slowestMs = Math.max(this.slowestMs, on.clock.monotonic() - began)
      if (pauseMs > 0) {
        await new Promise<void>((resolve) => void on.clock.timer(pauseMs, resolve))
      }
    }
  }

  async stop(on: Cluster): Promise<void> {
    this.#stopped = true
    await on.done(this.#ended)
  }
}

/** Several writers, each on a client of its own. */
export async function writers(
  on: Cluster,
  count: number,
  options: WriterOptions = {},
): Promise<Writer[]> {
  const made: Writer[] = []
  for (let i = 0; i < count; i++) made.push(new Writer(on, await on.client(), `w${i}`, options))
  return made
}

/**
 * What was acknowledged is there, what was refused is not, nothing took effect twice, and all nodes
 * hold the same. Nothing but the writers may have written.
 */
export async function expectHonest(on: Cluster, accounts: readonly Account[]): Promise<void> {
  const db = await on.client()
  const keys = new Set<string>()
  for await (const { key } of patient(on, db.scan({ keysOnly: true }))) keys.add(String(key))
  for (const { acknowledged, refused } of accounts) {
    expect(acknowledged.filter((key) => !keys.has(key))).toEqual([])
    expect(refused.filter((key) => keys.has(key))).toEqual([])
  }
  const { index, nodes } = await on.done(db.digest({ timeout: 20_000 }))
  expect(index).toBeGreaterThan(0)
  const digests = nodes.map((node) =>
    'error' in node ? String(node.error) : `${node.effects} ${node.rows}`,
  )
  expect(new Set(digests).size, digests.join('\n')).toBe(1)
  expect(digests.length).toBe(on.machines.length)
  for (const { status } of on.machines) expect(status.revision).toBe(keys.size)
}

/** An iterable of which each step may need time to pass. */
async function* patient<T>(on: Cluster, source: AsyncIterable<T>): AsyncIterable<T> {
  const iterator = source[Symbol.asyncIterator]()
  for (;;) {
    const next = await on.done(iterator.next())
    if (next.done === true) return
    yield next.value
  }
}
