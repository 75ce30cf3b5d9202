/**
 * Goal: every network nemesis adds the rules that it describes, is seen only when they did
 * something, and leaves nothing behind. Method: links and a cluster that only take notes.
 */
import { describe, expect, it } from 'vitest'
import type { Cluster, ClusterNode, NodeState } from '../../../jepsen-style/cluster/cluster.ts'
import { networkNemeses } from '../../../jepsen-style/nemesis/network/index.ts'
import type { Nemesis, Scene } from '../../../jepsen-style/nemesis/nemesis.ts'
import type {
  ActiveRule,
  LinkEffect,
  LinkRule,
  Links,
} from '../../../jepsen-style/network/links.ts'
import { seededChance } from './helpers.ts'

interface Noted extends ActiveRule {
  readonly rule: LinkRule
  affected: number
  refused: number
}

const allEffects: readonly LinkEffect['type'][] = [
  'cut',
  'delay',
  'loss',
  'duplicate',
  'reorder',
  'bandwidth',
  'corrupt',
]

const unused = (): never => {
  throw new Error('not for a network nemesis')
}

class NotingLinks implements Links {
  readonly backend = 'relay'
  readonly effects: ReadonlySet<LinkEffect['type']>
  readonly active = new Set<Noted>()
  /** Of removals that will fail. */
  failures = 0

  constructor(effects = allEffects) {
    this.effects = new Set(effects)
  }

  listenAddresses = unused
  peerAddress = unused
  clientAddress = unused
  commandOf = unused
  close = unused

  add(rule: LinkRule): Promise<ActiveRule> {
    const noted: Noted = {
      rule,
      affected: 0,
      refused: 0,
      counts: () => ({ affected: noted.affected, refused: noted.refused }),
      remove: () => {
        if (this.failures-- > 0) return Promise.reject(new Error('no'))
        this.active.delete(noted)
        return Promise.resolve()
      },
    }
    this.active.add(noted)
    return Promise.resolve(noted)
  }
}

function stage(options: { nodes?: number; leader?: string | undefined; seed?: number } = {}) {
  const ids = Array.from({ length: options.nodes ?? 5 }, (_, i) => `n${i + 1}`)
  const states = new Map<string, NodeState>(ids.map((id) => [id, 'running']))
  const node = (id: string): ClusterNode => ({
    id,
    dataDirectory: '',
    logFile: '',
    state: () => states.get(id) ?? 'stopped',
    pid: () => undefined,
    endings: () => ({ count: 0, last: undefined }),
  })
  const leader = 'leader' in options ? options.leader : 'n2'
  const cluster: Cluster = {
    nodes: ids.map(node),
    node,
    endpoints: '',
    tools: {
      startTwice: unused,
      flushes: unused,
      clocks: { type: 'missing', reason: 'not needed' },
      disks: { type: 'missing', reason: 'not needed' },
      operator: {
        transfer: unused,
        join: unused,
        replace: unused,
        remove: unused,
        kill: unused,
        clear: unused,
      },
      canJoin: false,
    },
    leader: () => Promise.resolve(leader),
    start: unused,
    kill: unused,
    stop: unused,
    pause: unused,
    resume: unused,
    report: unused,
    ready: unused,
    close: unused,
  }
  const links = new NotingLinks()
  const chance = seededChance(options.seed ?? 1)
  const taken = new Set<string>()
  const isTaken = (id: string): boolean => taken.has(id)
  const scene: Scene = { cluster, links, chance, damaged: new Set(), busy: taken, isTaken }
  return { scene, links, states, ids, taken }
}

function nemesis(name: string): Nemesis {
  const found = networkNemeses.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no nemesis ${name}`)
  return found
}

/** The directed pairs that some rule is for. */
function directions(links: NotingLinks, ids: readonly string[]): string[] {
  const all = [...ids, 'clients']
  return all.flatMap((from) =>
    all
      .filter((to) => to !== from && [...links.active].some(({ rule }) => rule.applies(from, to)))
      .map((to) => `${from}>${to}`),
  )
}

const names = [
  'partition-majority',
  'partition-halves',
  'isolate-leader',
  'isolate-one',
  'partition-bridge',
  'partition-ring',
  'one-way-link',
  'one-way-node',
  'clients-from-leader',
  'omission',
  'half-open',
  'flapping',
  'delay',
  'jitter',
  'loss',
  'duplicate',
  'reorder',
  'bandwidth',
  'corrupt',
]

describe('network nemeses', () => {
  it('are these', () => {
    expect(networkNemeses.map(({ name }) => name).toSorted()).toEqual(names.toSorted())
  })

  it.each(names)(
    '%s: begins with rules, is seen when all did something, heals all',
    async (name) => {
      for (let seed = 0; seed < 10; seed++) {
        const { scene, links } = stage({ seed })
        expect(nemesis(name).unavailable(scene)).toBeUndefined()
        const fault = await nemesis(name).draw(scene)
        expect(fault).toBeDefined()
        expect(links.active.size).toBe(0)

        await fault!.begin()
        expect(links.active.size).toBeGreaterThan(0)
        expect(await fault!.seen()).toBeUndefined()
        for (const rule of links.active) rule.affected = 2
        if (name !== 'flapping') expect(await fault!.seen()).toContain('messages')

        await fault!.heal()
        expect(links.active.size).toBe(0)
      }
    },
  )

  it.each(['isolate-leader', 'clients-from-leader'])('%s: none without a leader', async (name) => {
    const { scene } = stage({ leader: undefined })
    expect(await nemesis(name).draw(scene)).toBeUndefined()
  })

  it('isolate-leader: cuts the leader from all nodes, both ways, and from no client', async () => {
    const { scene, links, ids } = stage({ nodes: 3 })
    const fault = await nemesis('isolate-leader').draw(scene)
    await fault!.begin()
    expect(directions(links, ids).toSorted()).toEqual(['n1>n2', 'n2>n1', 'n2>n3', 'n3>n2'])
  })

  it('clients-from-leader: cuts clients from the leader alone', async () => {
    const { scene, links, ids } = stage()
    const fault = await nemesis('clients-from-leader').draw(scene)
    await fault!.begin()
    expect(directions(links, ids).toSorted()).toEqual(['clients>n2', 'n2>clients'])
  })

  it('half-open: one node, silent for nodes and clients', async () => {
    const { scene, links, ids } = stage()
    const fault = await nemesis('half-open').draw(scene)
    await fault!.begin()
    expect(directions(links, ids)).toHaveLength(2 * 5)
    for (const { rule } of links.active) expect(rule.effect).toEqual({ type: 'cut', how: 'silent' })
  })

  it('cuts are drawn silent and with resets', async () => {
    const hows = new Set<string>()
    for (let seed = 0; seed < 20; seed++) {
      const { scene, links } = stage({ seed })
      const fault = await nemesis('partition-halves').draw(scene)
      await fault!.begin()
      for (const { rule } of links.active) if (rule.effect.type === 'cut') hows.add(rule.effect.how)
    }
    expect([...hows].toSorted()).toEqual(['reset', 'silent'])
  })

  it('partition-majority and omission put the leader where it must lose its lead, half the time', async () => {
    for (const name of ['partition-majority', 'omission']) {
      const lost = new Set<boolean>()
      for (let seed = 0; seed < 30; seed++) {
        const { scene, links, ids } = stage({ seed })
        const fault = await nemesis(name).draw(scene)
        await fault!.begin()
        const cut = directions(links, ids).filter((each) => each.startsWith('n2>')).length
        lost.add(cut >= 3)
      }
      expect(lost, name).toEqual(new Set([true, false]))
    }
  })

  it('disturbances leave the links of clients alone', async () => {
    for (const name of [
      'delay',
      'jitter',
      'loss',
      'duplicate',
      'reorder',
      'bandwidth',
      'corrupt',
    ]) {
      const { scene, links, ids } = stage()
      const fault = await nemesis(name).draw(scene)
      await fault!.begin()
      const pairs = directions(links, ids)
      expect(pairs).toHaveLength(5 * 4)
      expect(pairs.join()).not.toContain('clients')
    }
  })

  it('a cut is not seen while one of its directions stopped nothing', async () => {
    const { scene, links } = stage({ nodes: 3 })
    const fault = await nemesis('isolate-leader').draw(scene)
    await fault!.begin()
    const [first, ...rest] = links.active
    for (const rule of rest) rule.affected = 1
    expect(await fault!.seen()).toBeUndefined()
    first!.refused = 1
    expect(await fault!.seen()).toBe('3 messages stopped, 1 connections refused or cut')
  })

  it('a cut owes nothing between nodes of which one is down, but something in all', async () => {
    const { scene, links, states } = stage({ nodes: 3 })
    const fault = await nemesis('isolate-leader').draw(scene)
    await fault!.begin()
    states.set('n1', 'paused')
    for (const rule of links.active) {
      if (!rule.rule.applies('n1', 'n2') && !rule.rule.applies('n2', 'n1')) rule.affected = 1
    }
    expect(await fault!.seen()).toBeDefined()
    for (const rule of links.active) rule.affected = 0
    for (const id of ['n1', 'n2', 'n3']) states.set(id, 'stopped')
    expect(await fault!.seen()).toBeUndefined()
  })

  it('nor of which another fault has one, whenever that began: it may know nobody to call', async () => {
    const { scene, links, taken } = stage({ nodes: 3 })
    const fault = await nemesis('isolate-leader').draw(scene)
    await fault!.begin()
    for (const rule of links.active) {
      if (!rule.rule.applies('n2', 'n1') && !rule.rule.applies('n2', 'n3')) rule.refused = 1
    }
    expect(await fault!.seen()).toBeUndefined()
    taken.add('n2')
    expect(await fault!.seen()).toBe('0 messages stopped, 2 connections refused or cut')
  })

  it('healing goes on after a failure, says it, and can be tried again', async () => {
    const { scene, links } = stage({ nodes: 3 })
    const fault = await nemesis('isolate-leader').draw(scene)
    await fault!.begin()
    links.failures = 1
    await expect(fault!.heal()).rejects.toThrow('no')
    expect(links.active.size).toBe(1)
    await fault!.heal()
    expect(links.active.size).toBe(0)
  })

  it('say why they cannot be had', () => {
    const { scene } = stage({ nodes: 3 })
    const bare: Scene = { ...scene, links: new NotingLinks(['cut']) }
    expect(nemesis('loss').unavailable(bare)).toBe('the links (relay) have no loss here')
    expect(nemesis('isolate-one').unavailable(bare)).toBeUndefined()
    expect(nemesis('omission').unavailable(scene)).toContain('5 nodes')
    expect(nemesis('partition-ring').unavailable(stage({ nodes: 2 }).scene)).toContain('3 nodes')
    for (const each of networkNemeses) {
      expect(each.about).not.toBe('')
      expect(each.kind).toBe('network')
    }
  })
})
