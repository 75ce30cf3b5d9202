/**
 * Goal: what was acknowledged survives the death of all nodes at once; a minority alone refuses
 * writes honestly, still answers stale reads, and the cluster serves again when one returns; a
 * leader that was stopped and woken tells nobody the past.
 * Method: real processes, SIGKILL and SIGSTOP under load, the SDK as the witness.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { QuorateError } from '../../src/index.ts'
import type { Client } from '../../src/index.ts'
import { LocalCluster, quorate, quorateJson, until } from './harness.ts'

/** Writers that remember what was acknowledged, until told to stop. */
class Load {
  readonly acknowledged = new Map<string, { value: string; revision: number }>()
  readonly offered = new Map<string, string>()
  #stopped = false
  /** Of the keys, and of the tokens. */
  readonly prefix: string
  readonly #writers: Promise<void>[]

  constructor(db: Client, prefix: string, writers: number) {
    this.prefix = prefix
    this.#writers = Array.from({ length: writers }, (_, i) => this.#write(db, i))
  }

  async #write(db: Client, writer: number): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const key = `${this.prefix}/${writer}/${i}`
      const value = `value ${writer} ${i}`
      this.offered.set(key, value)
      try {
        const { revision } = await db.put(key, value, { token: key, timeout: 20_000 })
        this.acknowledged.set(key, { value, revision })
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#writers)
  }
}

/** Every acknowledged record is there, nothing was made up, no revision stands for two. */
async function checkAcknowledged(db: Client, load: Load): Promise<void> {
  const stored = new Map<string, { value: unknown; revision: number }>()
  for await (const entry of db.scan({ prefix: `${load.prefix}/`, valueEncoding: 'utf8' })) {
    stored.set(String(entry.key), { value: entry.value, revision: entry.revision })
  }
  for (const [key, acknowledged] of load.acknowledged) {
    expect(stored.get(key), key).toEqual(acknowledged)
  }
  for (const [key, { value }] of stored) expect(value).toBe(load.offered.get(key))
  const revisions = new Set([...stored.values()].map((row) => row.revision))
  expect(revisions.size).toBe(stored.size)
  expect([...revisions].reduce((a, b) => Math.max(a, b), 0)).toBe(stored.size)
}

describe('crashes', () => {
  // One cluster: each test leaves it whole, and the first one finds it empty.
  let cluster: LocalCluster
  beforeAll(async () => {
    cluster = await LocalCluster.up()
  })
  afterAll(() => cluster.down())

  test('all three are killed at once under load: nothing acknowledged is missing', async () => {
    await using db = await cluster.connect()
    const load = new Load(db, 'killed', 32)
    await until('some writes are acknowledged', async () => load.acknowledged.size > 500)

    for (const id of cluster.ids()) cluster.kill(id)
    for (const id of cluster.ids()) expect((await cluster.run('restart', id)).code).toBe(0)
    const before = load.acknowledged.size
    await until('writes go on', async () => load.acknowledged.size > before + 100)
    await load.stop()

    await checkAcknowledged(db, load)
    await cluster.caughtUp()
    const digest = await quorateJson(['digest', '-e', cluster.endpoints])
    const nodes = digest['nodes'] as { effects: string; rows: string }[]
    expect(new Set(nodes.map((node) => node.effects + node.rows)).size).toBe(1)
  })

  test('with two of three down, writes fail honestly and stale reads are answered', async () => {
    await using db = await cluster.connect()
    await db.put('there', 'before')
    const leader = await cluster.leader()
    const [survivor = '', ...others] = cluster.ids().filter((id) => id !== leader)
    await cluster.caughtUp()
    for (const id of [leader, ...others]) cluster.kill(id)

    const [failed, refused] = await Promise.all([
      quorate(['put', 'k', 'v', '-e', cluster.endpoints, '--timeout', '2000']),
      db.put('k', 'v', { timeout: 2_000 }).catch((error: unknown) => error),
    ])
    expect(failed.code === 5 || failed.code === 6).toBe(true)
    expect(refused).toMatchObject({ code: 'QUORATE_NO_QUORUM' })
    const status = await quorateJson(['status', '-e', cluster.endpoints])
    expect(status).toMatchObject({ leader: null })
    const stale = await quorate([
      'get', 'there', '--consistency', 'stale', '-e', cluster.endpoint(survivor),
    ]) // prettier-ignore
    expect(stale.code).toBe(0)
    expect(stale.stdout.toString()).toBe('before')

    expect((await cluster.run('restart', leader)).code).toBe(0)
    await until('writes work again', async () => (await db.put('k', 'v')).verdict === 'applied')
    for (const id of others) expect((await cluster.run('restart', id)).code).toBe(0)
    await cluster.caughtUp()
  })

  test('a leader that was stopped until another one led tells nobody the past', async () => {
    await using db = await cluster.connect()
    const leader = await cluster.leader()
    await using old = await cluster.pinned(leader)
    await db.put('counter', '0')
    const load = new Load(db, 'stopped', 16)
    let newest = 0
    let stopped = false
    const counter = (async () => {
      while (!stopped) {
        const next = newest + 1
        try {
          await db.put('counter', String(next), { timeout: 20_000 })
          newest = next
        } catch (error) {
          if (!(error instanceof QuorateError)) throw error
        }
      }
    })()
    const reader = (async () => {
      while (!stopped) {
        const least = newest
        const value = await old
          .get('counter', { valueEncoding: 'utf8', timeout: 1_000 })
          .catch((error: unknown) => {
            if (error instanceof QuorateError) return undefined
            throw error
          })
        if (value !== undefined && Number(value) < least) {
          throw new Error(`read ${Number(value)} after ${least} was acknowledged`)
        }
      }
    })()
    await until('writes are acknowledged', async () => load.acknowledged.size > 200)

    expect((await cluster.run('pause', leader)).code).toBe(0)
    const others = cluster.ids().filter((id) => id !== leader)
    await until('another one leads', async () => {
      const reports = await Promise.all(others.map((id) => cluster.report(id)))
      return reports.some((report) => report?.role === 'leader')
    })
    const meanwhile = load.acknowledged.size
    await until('writes go on elsewhere', async () => load.acknowledged.size > meanwhile + 100)
    expect((await cluster.run('resume', leader)).code).toBe(0)
    const before = load.acknowledged.size
    await until('writes go on', async () => load.acknowledged.size > before + 100)
    stopped = true
    await Promise.all([counter, reader, load.stop()])

    const stored = new Set<string>()
    for await (const entry of db.scan({ prefix: `${load.prefix}/`, keysOnly: true }))
      stored.add(String(entry.key))
    expect([...load.acknowledged.keys()].filter((key) => !stored.has(key))).toEqual([])
  })
})
