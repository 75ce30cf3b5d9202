/**
 * Goal: the harness's nodes are real processes that do what they are told; each kind of fault of
 * processes, disks and clocks happens, is seen, and is healed; nothing is left running, whatever
 * becomes of the harness.
 * Method: three nodes on direct links, under writes from one client; conditions with a deadline.
 */
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from '../../jepsen-style/cluster/cluster.ts'
import { OrderedFlushes } from '../../jepsen-style/cluster/flushes/node-flushes.ts'
import { orderVariable } from '../../jepsen-style/cluster/flushes/order.ts'
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
import { pause, processesOf, until } from './harness.ts'

const ids = nodeIds(3)
const nemeses = [...processNemeses, ...diskNemeses, ...clockNemeses]

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-chaos-cluster-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

// One cluster and one writer for all tests; each heals what it broke, and the last one ends it.
describe('three nodes', () => {
  let cluster: Cluster
  let db: Client
  let scene: Scene
  let writing: Promise<void>
  let stopped: boolean
  const cleanUps: (() => Promise<unknown>)[] = []
  const noSmallDisks = whyNoSmallDisks()

  beforeAll(async () => {
    const links = await directLinks(ids)
    const smallDisks = noSmallDisks === undefined
    cluster = await openCluster({ directory, nodes: 3, links, smallDisks })
    cleanUps.push(() => cluster.close())
    expect(await cluster.ready(ids, 30_000)).toBe(true)
    db = await connect(cluster.endpoints, { timeout: 20_000 })
    cleanUps.unshift(() => db.close())
    const [damaged, busy] = [new Set<string>(), new Set<string>()]
    scene = { cluster, links, chance: fakeChance(1), damaged, busy, isTaken: () => false }
    stopped = false
    writing = (async () => {
      for (let i = 0; !stopped; i++) {
        await db.put(`key ${i}`, `value ${i}`)
        await pause(5)
      }
    })()
    cleanUps.unshift(() => writing)
    await db.put('first', 'there')
  })
  async function close(): Promise<void> {
    stopped = true
    const failures: unknown[] = []
    for (const cleanUp of cleanUps.splice(0)) {
      await cleanUp().catch((error: unknown) => failures.push(error))
    }
    expect(failures).toEqual([])
    expect(processesOf(directory)).toEqual([])
  }
  afterAll(close)

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
    await cluster.start(killed)
    expect(await cluster.ready(ids, 30_000)).toBe(true)
  })

  test('a damaged log is brought back by the others, a damaged or lost state is made anew', async () => {
    expect((await exercise('damage-wal')).seen).toMatch(
      /groups\/0\/wal\/\d+\.wal: .* its log says: the log is damaged and begins anew/,
    )
    expect((await exercise('damage-state')).seen).toContain('made anew')
    await exercise('lose-state')
    // Each had everything back before the next one was hit.
    expect([...scene.damaged]).toEqual([])
    expect(await db.get('first', { valueEncoding: 'utf8' })).toBe('there')
  })

  test('with the log and the vote damaged a node refuses to start', async () => {
    expect((await exercise('damage-vote')).seen).toMatch(
      /refused to start: QUORATE_CORRUPT, groups\/0\/wal\/\d+\.wal at byte \d+/,
    )
  })

  test('clocks jump in the processes, and are right again', async () => {
    const { fault } = await exercise('clock-jump')
    for (const id of fault.takes) {
      const clocks = cluster.tools?.clocks
      const answer = clocks?.type === 'had' ? clocks.of(id).answer() : undefined
      expect(answer?.pid).toBe(cluster.node(id).pid())
      // Two clocks are read one after the other, and a ms may pass between them.
      expect(Math.abs(answer?.differenceMs ?? Infinity)).toBeLessThanOrEqual(1)
    }
    await exercise('clock-strobe')
  })

  test('flushes of a node are slow, and then as fast as before', async () => {
    const { fault, seen } = await exercise('slow-disk')
    expect(seen).toMatch(/flushes of n\d took \d+ ms longer in all, as its process says/)
    const [id = ''] = fault.takes
    const answer = cluster.tools?.flushes(id).answer()
    expect(answer).toEqual({ pid: cluster.node(id).pid(), flushes: 0, delayedMs: 0 })
  })

  test('so are flushes by calls that block, however they were imported', async () => {
    const path = join(directory, 'blocking.flushes')
    new OrderedFlushes(path).slow([30])
    const program = `
      import fs, { fdatasyncSync, fsyncSync, openSync } from 'node:fs'
      const fd = openSync(${JSON.stringify(join(directory, 'blocking'))}, 'w')
      const msOf = (call) => { const at = performance.now(); call(fd); return performance.now() - at }
      const slow = () => [fdatasyncSync, fsyncSync, fs.fdatasyncSync].every((call) => msOf(call) >= 30)
      const end = performance.now() + 20_000
      // The order is looked for now and then.
      while (!slow() && performance.now() < end) await new Promise((done) => setTimeout(done, 20))
      console.log(slow() ? 'slow' : 'as fast as ever')
      process.exit()`
    const slow = resolve(import.meta.dirname, '../../dist/jepsen-style/cluster/flushes/slow.js')
    const args = ['--import', pathToFileURL(slow).href, '--input-type=module', '-e', program]
    const env = { ...process.env, [orderVariable]: path }
    const { stdout } = await promisify(execFile)(process.execPath, args, { env })
    expect(stdout).toBe('slow\n')
  })

  test('a full disk ends a node, which comes back with everything', async () => {
    if (noSmallDisks === undefined) {
      expect((await exercise('full-disk')).seen).toMatch(/no space left|takes no writes/i)
      return
    }
    console.log(`no disk is filled: ${noSmallDisks}`)
    const fullDisk = diskNemeses.find((nemesis) => nemesis.name === 'full-disk')
    expect(fullDisk?.unavailable(scene)).toBe('the nodes were not given file systems of their own')
  })

  test('closed, it leaves no process and no mount, and all of its data', async () => {
    await close()
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(directory)
    for (const id of ids) expect(existsSync(join(directory, id, 'node.json'))).toBe(true)
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
