/**
 * Goal: the harness's nodes are real processes that do what they are told; each kind of fault of
 * processes, disks and clocks happens, is seen, and is healed; nothing is left running, whatever
 * becomes of the harness.
 * Method: three nodes on direct links, under writes from one client; conditions with a deadline.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Cluster } from '../../jepsen-style/cluster/cluster.ts'
import { nodeIds, openCluster } from '../../jepsen-style/cluster/local.ts'
import { whyNoSmallDisks } from '../../jepsen-style/cluster/small-disk.ts'
import { clockNemeses } from '../../jepsen-style/nemesis/clock/index.ts'
import { diskNemeses } from '../../jepsen-style/nemesis/disk/index.ts'
import type { Fault, Scene } from '../../jepsen-style/nemesis/nemesis.ts'
import { processNemeses } from '../../jepsen-style/nemesis/process/index.ts'
import { directLinks } from '../../jepsen-style/network/direct.ts'
import type { Client } from '../../src/index.ts'
import { connect } from '../../src/index.ts'
import { fakeChance } from '../jepsen-style/nemesis/fake-cluster.ts'
import { until } from './harness.ts'

const ids = nodeIds(3)
const nemeses = [...processNemeses, ...diskNemeses, ...clockNemeses]

/** Processes whose command line names this directory. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(`${directory}/`)
    } catch {
      return false
    }
  })
}

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-chaos-cluster-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('three nodes', () => {
  let cluster: Cluster
  let db: Client
  let scene: Scene
  let writing: Promise<void>
  let stopped: boolean
  let cleanUps: (() => Promise<unknown>)[]

  async function open(options: { smallDisks?: boolean } = {}): Promise<void> {
    cleanUps = []
    const links = await directLinks(ids)
    cluster = await openCluster({ directory, nodes: 3, links, ...options })
    cleanUps.push(() => cluster.close())
    expect(await cluster.ready(ids, 30_000)).toBe(true)
    db = await connect(cluster.endpoints, { timeout: 20_000 })
    cleanUps.unshift(() => db.close())
    const [damaged, busy] = [new Set<string>(), new Set<string>()]
    scene = { cluster, links, chance: fakeChance(1), damaged, busy }
    stopped = false
    writing = (async () => {
      for (let i = 0; !stopped; i++) await db.put(`key ${i}`, `value ${i}`)
    })()
    cleanUps.unshift(() => writing)
    await db.put('first', 'there')
  }
  afterEach(async () => {
    stopped = true
    const failures: unknown[] = []
    for (const cleanUp of cleanUps) await cleanUp().catch((error: unknown) => failures.push(error))
    expect(failures).toEqual([])
    expect(processesOf(directory)).toEqual([])
  })

  /** Draws one, begins it, waits until it is seen, heals it, and waits until all serve again. */
  async function exercise(name: string): Promise<{ fault: Fault; seen: string }> {
    const nemesis = nemeses.find((each) => each.name === name)
    expect(nemesis?.unavailable(scene)).toBeUndefined()
    const fault = await until(`${name} can be drawn`, async () => nemesis?.draw(scene))
    let seen: string
    try {
      await fault.begin()
      seen = await until(`${name} is seen`, () => fault.seen())
    } finally {
      await fault.heal()
    }
    expect(await cluster.ready(ids, 30_000), name).toBe(true)
    return { fault, seen }
  }

  test('kill, pause, and a second process on the same directory', async () => {
    await open()
    const killed = (await exercise('kill')).fault.takes[0] ?? ''
    expect(cluster.node(killed).endings()).toEqual({ count: 1, last: 'SIGKILL' })

    const leader = await cluster.leader()
    const { fault } = await exercise('pause-leader')
    expect(fault.takes).toEqual([leader])
    expect((await exercise('pause')).seen).toContain('did not answer')

    expect((await exercise('double-start')).seen).toContain('QUORATE_LOCKED')
    const endings = cluster.nodes.map((node) => node.endings().count)
    expect(endings.reduce((a, b) => a + b)).toBe(1)

    // Nothing starts it again, so there is nothing to wait for.
    await cluster.kill(killed)
    const asked = performance.now()
    expect(await cluster.ready(ids, 10_000)).toBe(false)
    expect(performance.now() - asked).toBeLessThan(5_000)
  })

  test('a damaged log is refused, a damaged or lost state is made anew', async () => {
    await open()
    const { fault, seen } = await exercise('damage-wal')
    expect(seen).toMatch(/refused to start: QUORATE_CORRUPT, groups\/0\/wal\/\d+\.wal at byte \d+/)
    // One of three is damaged: the others never may be.
    expect((await exercise('damage-state')).fault.takes).toEqual(fault.takes)
    expect((await exercise('lose-state')).fault.takes).toEqual(fault.takes)
    expect([...scene.damaged]).toEqual([...fault.takes])

    stopped = true
    await writing
    expect(await db.get('first', { valueEncoding: 'utf8' })).toBe('there')
  })

  test('clocks jump in the processes, and are right again', async () => {
    await open()
    const { fault } = await exercise('clock-jump')
    for (const id of fault.takes) {
      const clocks = cluster.tools?.clocks
      const answer = clocks?.type === 'had' ? clocks.of(id).answer() : undefined
      expect(answer).toEqual({ pid: cluster.node(id).pid(), differenceMs: 0 })
    }
    await exercise('clock-strobe')
  })

  test('a full disk ends a node, which comes back with everything', async () => {
    const reason = whyNoSmallDisks()
    await open({ smallDisks: reason === undefined })
    const fullDisk = diskNemeses.find((nemesis) => nemesis.name === 'full-disk')
    if (reason === undefined) {
      expect((await exercise('full-disk')).seen).toMatch(/no space left/i)
      stopped = true
      await writing
      await cluster.close()
      // The data is there after the small file systems are gone.
      expect(existsSync(join(directory, 'n1', 'node.json'))).toBe(true)
    } else {
      console.log(`no disk is filled: ${reason}`)
      expect(fullDisk?.unavailable(scene)).toBe(
        'the nodes were not given file systems of their own',
      )
    }
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(directory)
  })
})

test('a harness that is killed leaves no process and no mount behind', async () => {
  const dist = resolve(import.meta.dirname, '../../dist/jepsen-style')
  const program = `
    const { openCluster, nodeIds } = await import('${dist}/cluster/local.js')
    const { directLinks } = await import('${dist}/network/direct.js')
    const links = await directLinks(nodeIds(3))
    const cluster = await openCluster({
      directory: process.argv[1], nodes: 3, links, smallDisks: true,
    })
    cluster.pause('n2')
    process.stdout.write('open')
    setInterval(() => {}, 1_000)`
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', program, `${directory}/run`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  await new Promise((opened) => child.stdout.once('data', opened))
  expect(processesOf(`${directory}/run`).length).toBe(3)

  child.kill('SIGKILL')

  await until('its nodes are gone', async () => processesOf(`${directory}/run`).length === 0)
  await until('its mounts are gone', async () => {
    return !readFileSync('/proc/mounts', 'utf8').includes(directory)
  })
})
