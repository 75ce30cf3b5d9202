/**
 * Goal: whatever operation of a node's disk is the last one of its process, or fails, while the
 * node's log is compacted, a snapshot is installed, its log or its state is made anew or it joins:
 * after a start it holds all that was acknowledged, and nothing half-made is left behind.
 * Method: whole nodes in one process. Each scenario is lived once to count what the disk does, and
 * then again with a failure at some of these operations; `LIFE_CRASHES` sets how many (default: a few;
 * `all`: every one).
 */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/random.ts'
import type { PlannedFailure } from '../suites/memory-disk.ts'
import type { Machine } from './support/cluster.ts'
import { group, RevivedCluster, value } from './support/revived-cluster.ts'

type Blow = Pick<PlannedFailure, 'operation' | 'error'> & { readonly power?: boolean }

const blows: readonly Blow[] = [
  { operation: 'any', error: 'kill' },
  { operation: 'change', error: 'kill', power: true },
  { operation: 'change', error: 'EIO' },
  { operation: 'change', error: 'ENOSPC' },
]

/** A scenario goes up to where the blow may fall, and on. */
interface Scenario {
  readonly name: string
  readonly before: (life: RevivedCluster) => Promise<Machine>
  readonly during: (life: RevivedCluster, victim: Machine) => Promise<void>
  readonly count?: number
  /** Whether a log is damaged by more than the blow. */
  readonly damagesLog?: boolean
}

async function leaderOf(life: RevivedCluster): Promise<string> {
  const db = life.db
  if (db === undefined) throw new Error('never up')
  return (await life.on.done(db.status())).leader ?? ''
}

/** A follower that is left behind, with a state that is not empty. */
async function away(life: RevivedCluster): Promise<Machine> {
  const victim = await compacted(life)
  await life.end(victim)
  await life.fill('meanwhile', 160)
  await life.on.clock.advance(1_000)
  return victim
}

async function compacted(life: RevivedCluster): Promise<Machine> {
  await life.fill('before', 140)
  await life.on.clock.advance(1_000)
  return life.follower(await leaderOf(life))
}

const scenarios: readonly Scenario[] = [
  {
    name: 'compaction',
    before: async (life) => {
      await life.fill('before', 20)
      return life.follower(await leaderOf(life))
    },
    during: async (life) => {
      await life.fill('during', 120)
    },
  },
  {
    name: 'a snapshot that is fetched and installed',
    before: away,
    during: async (life, victim) => {
      await life.start(victim)
      await life.pass(3_000)
      await life.fill('after', 20)
    },
  },
  {
    name: 'a damaged log that is replaced, and recovery from it',
    damagesLog: true,
    before: async (life) => {
      const victim = await compacted(life)
      await life.on.kill(victim)
      const [first] = (await life.on.done(victim.disk.list(`${group}/wal`))) ?? []
      victim.disk.flipBit(`${group}/wal/${first}`, 8 * 1_600)
      return victim
    },
    during: async (life, victim) => {
      await life.start(victim)
      await life.pass(3_000)
      await life.fill('after', 20)
    },
  },
  {
    name: 'a damaged state that is fetched anew',
    before: async (life) => {
      const victim = await compacted(life)
      await life.on.kill(victim, 0)
      const key = [...victim.database.rows().keys()].find((name) => name.startsWith('01'))
      victim.database.tamper(key ?? '', (row) => row.map((byte, i) => (i > 5 ? ~byte : byte)))
      return victim
    },
    during: async (life, victim) => {
      await life.start(victim)
      await life.pass(3_000)
      await life.fill('after', 20)
    },
  },
  {
    name: 'a node that joins',
    count: 4,
    before: async (life) => {
      await compacted(life)
      return await life.on.newcomer('n4')
    },
    during: async (life, victim) => {
      await life.start(victim)
      const adding: Promise<unknown> | undefined = life.db?.addMember(
        { id: 'n4', peerAddress: 'n4:7201' },
        { timeout: 120_000 },
      )
      await life.passUntil(Promise.resolve(adding), 120_000)
      await life.fill('after', 20)
    },
  },
]

async function live(scenario: Scenario, seed: number, blow?: Blow & { nth: number }) {
  const life = await new RevivedCluster(seed, blow?.power).up()
  try {
    const victim = await scenario.before(life)
    const { counts } = victim.disk
    const all = (): number => [...counts.values()].reduce((a, b) => a + b, 0)
    const start = { any: all(), change: victim.disk.changes }
    if (blow !== undefined) {
      const { operation, nth, error } = blow
      victim.disk.fail({ operation, nth, error })
    }
    await scenario.during(life, victim)
    const end = { any: all() - start.any, change: victim.disk.changes - start.change }
    victim.disk.healFaults()
    await life.settle(scenario.count ?? 3)
    if (scenario.damagesLog !== true) expect(life.damagedLogs).toEqual([])
    return { ...end, failures: life.failures }
  } finally {
    await life.on.down().catch(() => {})
  }
}

const wanted = process.env['LIFE_CRASHES'] ?? '1'

/** What the victim's disk does in a life without a blow. */
const quiet = new Map<Scenario, Promise<{ any: number; change: number }>>()

function operationsOf(scenario: Scenario): Promise<{ any: number; change: number }> {
  const known = quiet.get(scenario) ?? live(scenario, 1)
  quiet.set(scenario, known)
  return known
}

describe.each(scenarios)('$name', (scenario) => {
  test.each([...blows.entries()])(
    'goes on after blow %i: %o',
    async (at, blow) => {
      const counts = await operationsOf(scenario)
      const count = blow.operation === 'any' ? counts.any : counts.change
      expect(count).toBeGreaterThan(10)
      const samples = wanted === 'all' ? count : Math.min(count, Number(wanted))
      const problems: string[] = []
      for (let i = 0; i < samples; i++) {
        // Each blow meets other places, where they are few.
        const nth = 1 + Math.floor(((i + (at + 0.5) / blows.length) * count) / samples)
        try {
          await live(scenario, 1, { ...blow, nth })
        } catch (error) {
          problems.push(`${nth} of ${count}: ${String(error)}`)
        }
      }
      expect(problems).toEqual([])
    },
    3_600_000,
  )
})

describe('the switch to the state of a snapshot', () => {
  // The rename itself, the sync of its name, and what is done to the log behind it.
  const places = wanted === 'all' ? Array.from({ length: 30 }, (_, i) => i + 1) : [1, 2, 6]
  test.each([false, true])('is cut short, by a loss of power: %s (redisraft#43)', async (power) => {
    for (const nth of places) {
      const life = await new RevivedCluster(1, power).up()
      const victim = await away(life)
      let switches = 0
      life.on.onSwitch = (machine) => {
        if (machine !== victim || switches++ > 0) return
        machine.disk.fail({ operation: 'any', nth, error: 'kill' })
      }
      await life.start(victim)
      await life.pass(3_000)
      expect(switches).toBeGreaterThan(0)
      await life.settle(3)
      expect(life.failures.length).toBe(1)
      expect(life.damagedLogs).toEqual([])
      await life.on.down()
    }
  })
})

test('a state that is opened in vain is closed: the next attempt finds it free', async () => {
  const life = await new RevivedCluster(1).up()
  await life.fill('before', 20)
  const victim = life.follower(await leaderOf(life))
  victim.database.failWrites(new Error('ENOSPC: no space left on device'))
  // The first is that of the database itself; the second looks for what earlier ones have left.
  victim.disk.fail({ operation: 'list', nth: 2, error: 'EIO' })
  await life.fill('meanwhile', 20)
  await life.on.clock.advance(20_000)
  expect(victim.log.join('\n')).toContain('goes on from its last barrier')
  expect(victim.log.join('\n')).toContain('could not be opened again yet')
  await life.settle(3)
  expect(life.failures).toEqual([])
  await life.on.down()
})

describe('every machine loses power at once', () => {
  const cuts = wanted === 'all' ? 60 : Number(wanted) * 2
  test('while logs are compacted and a snapshot is installed', async () => {
    for (let cut = 1; cut <= cuts; cut++) {
      const life = await new RevivedCluster(cut, true).up()
      const victim = await away(life)
      const filling = life.put('during', 100)
      await life.start(victim)
      await life.on.clock.advance(Math.round((cut * 1_300) / cuts))
      for (const machine of life.on.machines) await life.end(machine)
      for (const machine of life.on.machines) await life.start(machine)
      await life.passUntil(filling, 60_000)
      await life.fill('after', 20)
      await life.settle(3)
      expect(life.failures).toEqual([])
      expect(life.damagedLogs).toEqual([])
      await life.on.down()
    }
  }, 600_000)
})

describe('one flipped bit', () => {
  const flips = wanted === 'all' ? 400 : Number(wanted) * 4

  /** Where a bit is flipped: any file but those that the state and damaged logs are made of. */
  function place(machine: Machine, random: SeededRandom): { path: string; bit: number } {
    const paths = machine.disk.paths().filter((path) => !path.includes('damaged'))
    const path = paths[random.uint32() % paths.length] ?? ''
    const bytes = machine.disk.peek(`/${path}`)
    const used = bytes.findLastIndex((byte) => byte !== 0) + 1
    return { path: `/${path}`, bit: random.uint32() % (8 * Math.max(used, 1)) }
  }

  test('of a stopped follower: it comes back whole, or refuses and names the file', async () => {
    const life = await new RevivedCluster(3).up()
    await life.fill('before', 140)
    const random = new SeededRandom(7)
    const outcomes = new Map<string, number>()
    for (let i = 0; i < flips; i++) {
      const leader = await leaderOf(life)
      const victim = life.follower(leader)
      await life.fill('more', 20)
      await life.end(victim)
      const { path, bit } = place(victim, random)
      victim.disk.flipBit(path, bit)
      let outcome = 'whole'
      try {
        await life.on.supervise(victim)
        if (victim.log.join('\n').includes('begins anew; the others')) outcome = 'recovered'
      } catch (error) {
        outcome = 'refused'
        const name = path.slice(path.lastIndexOf('/') + 1)
        expect(error).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: path } })
        expect(String(error)).toContain(name)
        expect(String(error)).toMatch(/byte \d+/)
        victim.disk.flipBit(path, bit)
      }
      victim.log.length = 0
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      if (outcome === 'refused') {
        await life.on.kill(victim)
        await life.start(victim)
      } else life.watch(victim)
      await life.pass(3_000)
      // It counts: with it and the leader there is a majority.
      const other = life.on.machines.find((machine) => machine !== victim && machine.id !== leader)
      if (other === undefined) throw new Error('there are three')
      await life.end(other)
      await life.fill(`flip-${i % 10}`, 20)
      await life.start(other)
      await life.settle(3)
    }
    expect(outcomes.size).toBeGreaterThan(1)
    expect(life.failures).toEqual([])
    await life.on.down()
  }, 3_600_000)
})

test('a log that lost its first segments, and began behind what was never committed', async () => {
  const life = await new RevivedCluster(5).up()
  await life.fill('before', 20)
  const leader = await leaderOf(life)
  const victim = life.on.machine(leader)
  life.on.isolate(victim)
  const alone = await life.on.client({ pin: true }, [leader])
  const lost: Promise<unknown>[] = []
  for (let i = 0; i < 60; i++) {
    lost.push(alone.put(`lost-${i}`, value, { timeout: 400 }))
    if (i % 6 === 5) await life.on.clock.advance(15)
  }
  await life.on.done(Promise.allSettled(lost))
  await life.end(victim)
  const names = (await life.on.done(victim.disk.list(`${group}/wal`))) ?? []
  expect(names.length).toBeGreaterThan(2)
  for (const name of names.slice(0, -1)) victim.disk.unplant(`${group}/wal/${name}`)
  life.on.network.heal()
  await life.on.clock.advance(2_000)
  await life.start(victim)
  await life.fill('after', 100)
  await life.settle(3)
  expect(life.failures).toEqual([])
  await life.on.down()
})
