/**
 * Goal: elections of real nodes come out as they must in the situations in which other stores were
 * without a leader for hours, or changed it without end.
 * Method: whole nodes in one process on a clock that moves by hand: links are cut and stay cut,
 * processes stand still and go on; then it is watched who leads, and that writes get through.
 * The same situations, message by message, are in test/raft/faults-elections.test.ts.
 */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/random.ts'
import { Group, electionTicks } from '../raft/support/group.ts'
import { leaderOf } from '../raft/support/clock.ts'
import type { Cluster, Machine } from '../node/support/cluster.ts'
import {
  clusters,
  electionMs,
  highestTerm,
  leadersOver,
  leading,
  patienceMs,
  plantTerm,
  relinkMs,
} from './support/world.ts'
import { expectHonest, writers } from './support/writers.ts'

const cluster = clusters()

/** The leader, a follower, and one that is cut off. */
async function behindOne(on: Cluster): Promise<[Machine, Machine, Machine]> {
  const leader = await on.leader()
  const [near, away] = on.followers(leader) as [Machine, Machine]
  on.isolate(away)
  return [leader, near, away]
}

describe('a node that was away', () => {
  test('with the newest log and the lowest term, it comes to lead (etcd#8243)', async () => {
    const on = await cluster().up()
    const db = await on.client()
    const [full, gone, old] = await behindOne(on)
    await on.done(db.put('a', '1'))
    await on.clock.advance(100)
    for (const machine of on.machines) await on.done(machine.node.close())
    await plantTerm(old, 90)
    on.network.heal()
    for (const machine of [full, old]) await on.start(machine)
    expect(old.status.lastIndex).toBeLessThan(full.status.lastIndex)
    expect(old.status.term).toBeGreaterThan(full.status.term)

    gone.running = undefined
    const leader = await on.leader([full, old], patienceMs + relinkMs)

    expect(leader).toBe(full)
    expect(await on.done(db.get('a'))).toBe('1')
  })

  test('and a leader dies: those two find another one', async () => {
    const on = await cluster().up()
    const db = await on.client()
    const [leader, , away] = await behindOne(on)
    const others = on.followers(away)
    await on.done(db.put('a', '1'))
    await on.kill(leader)
    await on.start(leader)
    const dead = await on.leader(others)
    await on.done(db.put('b', '1'))

    await on.kill(dead)
    on.network.heal()
    const next = await on.leader(on.followers(dead), patienceMs + relinkMs)

    expect(next).not.toBe(away)
    expect(await on.done(db.get('b'))).toBe('1')
  })

  test('at a higher term, it is let in, and then there is peace (raft-rs#84)', async () => {
    const on = cluster()
    for (const machine of on.machines) await on.initialise(machine)
    const [, , far] = on.machines as [Machine, Machine, Machine]
    await plantTerm(far, 50)
    on.isolate(far)
    for (const machine of on.machines) await on.start(machine)
    await on.leader(on.followers(far))
    const db = await on.client()
    await on.done(db.put('a', '1'))
    expect(far.status.term).toBeGreaterThanOrEqual(50)

    on.network.heal()
    const leader = await on.leader(on.machines, patienceMs + relinkMs)

    expect(await leadersOver(on, 60_000)).toEqual([`${leader.id}/${leader.status.term}`])
    const pinned = await on.client({ pin: true }, [far.id])
    expect(await on.done(pinned.get('a'))).toBe('1')
  })

  test('a cut of minutes raises no term, and costs nobody the office (thesis 9.6)', async () => {
    const on = await cluster().up()
    const leader = await on.leader()
    const away = on.followers(leader)[0] as Machine
    const before = leading(on)
    on.isolate(away)
    await on.clock.advance(120_000)
    expect(away.status.role).not.toBe('leader')

    on.network.heal()

    expect(await leadersOver(on, 20_000)).toEqual([before])
    expect(away.status.leader).toBe(leader.id)
  })
})

/** With these cuts for ever: a leader soon, the same one from then on, and writes get through. */
async function expectOneLastingLeader(on: Cluster, what: string): Promise<void> {
  await on.clock.advance(relinkMs + patienceMs)
  const [leader, ...later] = await leadersOver(on, 30_000)
  expect(leader, what).toMatch(/^n/)
  expect(later, what).toEqual([])
  const majority = on.machines.filter(({ status }) => status.leader === leader?.split('/')[0])
  expect(majority.length, what).toBeGreaterThan(on.machines.length / 2)
  const db = await on.client(
    {},
    majority.map(({ id }) => id),
  )
  expect((await on.done(db.put(what, '1'))).verdict).toBe('applied')
}

describe('links that are cut for ever', () => {
  test.each(['from the start', 'under a leader'])(
    'five nodes with the links 1-2-3, 4-2 and 5-3 alone, %s (Cloudflare 2020-11-02)',
    async (when) => {
      const on = cluster(3, 5)
      const links = ['n1 n2', 'n1 n3', 'n2 n3', 'n2 n4', 'n3 n5']
      const cut = (): void => {
        for (const [i, a] of on.machines.entries()) {
          for (const b of on.machines.slice(i + 1)) {
            if (!links.includes(`${a.id} ${b.id}`)) on.network.cut(a.id, b.id)
          }
        }
      }
      if (when === 'from the start') {
        cut()
        for (const machine of on.machines) await on.initialise(machine)
        for (const machine of on.machines) await on.start(machine)
      } else {
        await on.up()
        cut()
      }
      await expectOneLastingLeader(on, when)
    },
  )

  const ids = ['n1', 'n2', 'n3']
  const links = ids.flatMap((a) => ids.filter((b) => b !== a).map((b) => [a, b] as const))
  test.each([
    ...links.map(([a, b]) => [`from ${a} to ${b}`, [[a, b]]] as const),
    ...ids.map((id) => [`all to ${id}`, links.filter(([, b]) => b === id)] as const),
    ...ids.map((id) => [`all from ${id}`, links.filter(([a]) => a === id)] as const),
  ])('%s, one way (TigerBeetle 2023-07-06, openraft t14)', async (what, cuts) => {
    const on = await cluster().up()
    for (const [a, b] of cuts) on.network.cutOneWay(a, b)
    await expectOneLastingLeader(on, what)
  })

  test('a leader that one follower does not hear keeps its office (thesis 4.2.3)', async () => {
    const on = await cluster(2).up()
    const leader = await on.leader()
    const before = leading(on)
    on.network.cut(leader.id, (on.followers(leader)[0] as Machine).id)
    expect(await leadersOver(on, 20_000)).toEqual([before])
  })

  test('a leader that hears nobody gives up within two election timeouts', async () => {
    const on = await cluster().up()
    const leader = await on.leader()
    for (const { id } of on.followers(leader)) on.network.cutOneWay(id, leader.id)
    await on.clock.advance(2 * electionMs + 50)
    expect(leader.status.role).not.toBe('leader')
  })
})

describe('nodes that start together', () => {
  /** Ticks until there is a leader; each node draws its timeouts from its own generator. */
  function ticksToLeader(seeds: readonly number[], ticksMax: number): number | undefined {
    const group = new Group(seeds.map(() => ({})))
    const randoms = seeds.map((seed) => new SeededRandom(seed))
    for (const [i, node] of [...group.nodes.values()].entries()) {
      node.random.draw = randoms[i]?.uint32() ?? 0
      group.restart(node.id)
    }
    for (let tick = 1; tick <= ticksMax; tick++) {
      for (const [i, node] of [...group.nodes.values()].entries()) {
        node.random.draw = randoms[i]?.uint32() ?? 0
        group.tick(node.id)
      }
      // What is sent arrives a tick later, so that those who stand together split the vote.
      const arriving = new Set(group.wire)
      group.deliver((message) => arriving.has(message))
      if (leaderOf(group) !== undefined) return tick
    }
    return undefined
  }

  test('99 of 100 groups of five have a leader in ten timeouts (hashicorp/raft#50)', () => {
    const ticks: number[] = []
    for (let seed = 0; seed < 1_000; seed++) {
      const seeds = [1, 2, 3, 4, 5].map((k) => seed * 10 + k)
      ticks.push(ticksToLeader(seeds, 60 * electionTicks) ?? Infinity)
    }
    ticks.sort((a, b) => a - b)
    expect(ticks[989]).toBeLessThanOrEqual(10 * electionTicks)
    expect(ticks[999]).toBeLessThan(Infinity)
  })

  test('with one generator for all they never have one: the test above can fail', () => {
    expect(ticksToLeader([1, 1, 1, 1, 1], 60 * electionTicks)).toBeUndefined()
  })
})

describe('processes that stand still', () => {
  test('a follower that wakes reads its sockets first: no election (etcd#7617, CCF#480)', async () => {
    const on = await cluster().up()
    const before = leading(on)
    for (const [i, ms] of [290, 600, 1_000, 1_500, 2_200, 3_000].entries()) {
      const sleeper = on.followers(await on.leader())[i % 2] as Machine
      const lines = sleeper.log.length
      sleeper.life.pause()
      await on.clock.advance(ms)
      sleeper.life.resume()
      expect(await leadersOver(on, 2_000, 10), `${ms} ms`).toEqual([before])
      expect(highestTerm(on)).toBe(Number(before?.split('/')[1]))
      // Others would refuse it their pre-vote: so it is looked at whether it asked.
      expect(sleeper.log.slice(lines).join('\n'), `${ms} ms`).not.toContain('preCandidate')
    }
  })

  test('all at once, as when their host stands still: the leader stays', async () => {
    const on = await cluster().up()
    const before = leading(on)
    for (const ms of [700, 2_500, 10_000]) {
      for (const { life } of on.machines) life.pause()
      await on.clock.advance(ms)
      for (const { life } of on.machines) life.resume()
      await on.clock.advance(2_000)
      expect(leading(on), `${ms} ms`).toBe(before)
    }
  })

  test('a leader that slept long finds a successor, follows, and asks for nothing', async () => {
    const on = await cluster().up()
    const old = await on.leader()
    const { term } = old.status
    old.life.pause()
    await on.clock.advance(10_000)
    const next = await on.leader(on.followers(old))
    old.life.resume()
    const after = await leadersOver(on, 10_000)
    expect(after.at(-1)).toBe(`${next.id}/${next.status.term}`)
    expect(old.status.leader).toBe(next.id)
    expect(highestTerm(on)).toBe(next.status.term)
    expect(next.status.term).toBeGreaterThan(term)
  })
})

test('a rolling restart under load: one election for each leader that went, nothing lost', async () => {
  const on = await cluster().up()
  const busy = await writers(on, 2, { pauseMs: 5 })
  const { term } = (await on.leader()).status
  let led = 0
  for (const machine of on.machines) {
    if ((await on.leader()) === machine) led++
    await on.done(machine.node.close())
    await on.clock.advance(500)
    await on.start(machine)
    await on.leader()
    await on.clock.advance(1_500)
  }
  expect(highestTerm(on)).toBeLessThanOrEqual(term + 2 * led)
  for (const writer of busy) await writer.stop(on)
  await expectHonest(on, busy)
})
