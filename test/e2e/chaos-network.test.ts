/**
 * Goal: the faults of the network do to real nodes what they say; what the cluster promises holds
 * meanwhile and afterwards. Method: three nodes behind relays, and, where this machine has them, in
 * network namespaces; a client writes all the time; conditions with a deadline.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster } from '../../jepsen-style/cluster/cluster.ts'
import { nodeIds, openCluster } from '../../jepsen-style/cluster/local.ts'
import { networkNemeses } from '../../jepsen-style/nemesis/network/index.ts'
import { cutFault } from '../../jepsen-style/nemesis/network/rules.ts'
import type { Fault, Scene } from '../../jepsen-style/nemesis/nemesis.ts'
import type { Links } from '../../jepsen-style/network/links.ts'
import { detectNamespaces, openNamespaces } from '../../jepsen-style/network/namespaces/index.ts'
import { run } from '../../jepsen-style/network/namespaces/command.ts'
import { openRelays } from '../../jepsen-style/network/relay/index.ts'
import { isolated } from '../../jepsen-style/network/topology.ts'
import type { Client } from '../../src/index.ts'
import { connect } from '../../src/index.ts'
import { seededChance } from '../jepsen-style/network/helpers.ts'
import { pause, until } from './harness.ts'

const ids = nodeIds(3)
const support = await detectNamespaces()
if (!support.available) console.log(`no network namespaces here: ${support.reason}`)

let directory: string
let links: Links
let cluster: Cluster
let db: Client
let scene: Scene
let written: number
let stopped: boolean
let writing: Promise<void>
let cleanUps: (() => Promise<unknown>)[]

async function open(opened: Links): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'quorate-chaos-network-'))
  cleanUps = [async () => rmSync(directory, { recursive: true, force: true })]
  links = opened
  cleanUps.unshift(() => links.close())
  cluster = await openCluster({ directory, nodes: 3, links })
  cleanUps.unshift(() => cluster.close())
  expect(await cluster.ready(ids, 30_000)).toBe(true)
  db = await connect(cluster.endpoints, { timeout: 20_000 })
  cleanUps.unshift(() => db.close())
  scene = {
    cluster,
    links,
    chance: seededChance(1),
    damaged: new Set(),
    busy: new Set(),
    isTaken: () => false,
  }
  stopped = false
  written = 0
  writing = (async () => {
    for (; !stopped; written++) {
      await db.put(`key ${written}`, `value ${written}`)
      await pause(5)
    }
  })()
  cleanUps.unshift(() => writing)
}

async function close(): Promise<void> {
  stopped = true
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
}

async function draw(name: string): Promise<Fault> {
  const nemesis = networkNemeses.find((each) => each.name === name)
  expect(nemesis?.unavailable(scene)).toBeUndefined()
  return await until(`${name} can be drawn`, async () => nemesis?.draw(scene))
}

const isSeen = (fault: Fault): Promise<string> =>
  until(`${fault.detail} is seen`, () => fault.seen(), 10_000)

/** The writer has come further, by so many writes that began from now on. */
async function writesGoOn(): Promise<void> {
  const from = written
  await until('writes go on', async () => written >= from + 2, 15_000)
}

/** Everything written is on all nodes, and they agree. No more is written. */
async function allEqual(): Promise<void> {
  expect(await cluster.ready(ids, 30_000)).toBe(true)
  stopped = true
  await writing
  await until('all nodes stand at the same place', async () => {
    const reports = await Promise.all(ids.map((id) => cluster.report(id)))
    const places = reports.map((each) => `${each?.appliedIndex}/${each?.revision}`)
    return new Set(places).size === 1
  })
  for (const id of ids) {
    const one = await connect(links.clientAddress(id), { timeout: 10_000 })
    try {
      for (const i of [0, Math.floor(written / 2), written - 1]) {
        const found = await one.get(`key ${i}`, { consistency: 'stale' })
        expect(String(found), `key ${i} on ${id}`).toBe(`value ${i}`)
      }
    } finally {
      await one.close()
    }
  }
}

async function isolateLeader(how: 'silent' | 'reset'): Promise<void> {
  const leader = await until('a node leads', () => cluster.leader())
  const fault = cutFault(scene, `${leader} is alone`, isolated(leader, ids), how)
  await fault.begin()
  try {
    await isSeen(fault)
    await until('another one leads', async () => {
      const now = await cluster.leader()
      return now !== undefined && now !== leader
    })
    await until('the isolated one has lost its lead', async () => {
      return (await cluster.report(leader))?.role !== 'leader'
    })
    await writesGoOn()
  } finally {
    await fault.heal()
  }
}

// One cluster and one writer for all tests of a backend; each heals what it broke.
describe('behind relays', () => {
  beforeAll(async () => open(await openRelays({ nodes: ids, chance: seededChance(2) })))
  afterAll(close)

  it.each(['silent', 'reset'] as const)(
    'an isolated leader (%s) is replaced, and writes go on',
    async (how) => {
      await isolateLeader(how)
      expect(await cluster.ready(ids, 30_000)).toBe(true)
    },
  )

  it('messages are lost, repeated, moved, delayed, damaged, all at once, and writes go on', async () => {
    const names = ['loss', 'duplicate', 'reorder', 'delay', 'corrupt']
    const faults = await Promise.all(names.map(draw))
    for (const fault of faults) await fault.begin()
    try {
      for (const fault of faults) await isSeen(fault)
      await writesGoOn()
    } finally {
      for (const fault of faults) await fault.heal()
    }
    expect(await cluster.ready(ids, 30_000)).toBe(true)
  })

  it('cuts of one direction, of clients and of a silent host are seen and healed', async () => {
    for (const name of ['one-way-link', 'clients-from-leader', 'half-open', 'flapping']) {
      const fault = await draw(name)
      await fault.begin()
      try {
        await isSeen(fault)
      } finally {
        await fault.heal()
      }
      await writesGoOn()
    }
  })

  it('what was written meanwhile is the same on all nodes in the end', allEqual)
})

describe.skipIf(!support.available)('in namespaces', () => {
  // Of a run that died.
  const dead = spawnSync('true').pid
  beforeAll(async () => {
    await run(['ip', 'netns', 'add', `quorate-${dead}-1-router`])
    await open(await openNamespaces({ nodes: ids }))
  })
  afterAll(close)

  it('an isolated leader is replaced, with packets gone and with connections refused', async () => {
    await isolateLeader('silent')
    expect(await cluster.ready(ids, 30_000)).toBe(true)
    await isolateLeader('reset')
    expect(await cluster.ready(ids, 30_000)).toBe(true)
  })

  it('a cut of one direction is seen; nothing is left behind, nor by runs that died', async () => {
    expect(await run(['ip', 'netns', 'list'])).not.toContain(`quorate-${dead}-`)
    const fault = await draw('one-way-link')
    await fault.begin()
    try {
      await isSeen(fault)
      await writesGoOn()
    } finally {
      await fault.heal()
    }
    await allEqual()
    await close()
    const left = [await run(['ip', 'netns', 'list']), await run(['ip', 'link', 'show'])].join('\n')
    expect(left).not.toContain(`quorate-${process.pid}-`)
    expect(left).not.toContain(`qr${process.pid}.`)
  })
})
