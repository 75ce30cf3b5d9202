/**
 * Goal: clients make the planned calls of a real cluster, every call ends, and nothing depends on
 * anything but the seed.
 * Method: three real nodes that never fail; mixes that are known to hold what a test looks at.
 */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../../src/random.ts'
import { settle } from '../kernel/settle.ts'
import { finalKey, finalReads } from './final-reads.ts'
import type { FinalReads } from './final-reads.ts'
import { drawMix } from './mix.ts'
import type { ClientMix, WorkloadMix } from './mix.ts'
import { SmallWorld } from './small-world.ts'
import { originOf } from './values.ts'

const plain: ClientMix = {
  inflight: 4,
  timeout: 2_000,
  attemptTimeout: undefined,
  pin: undefined,
  consistency: 'linearizable',
}

/** A mix of which a few things are as a test wants them. */
function mixOf(seed: number, changes: Partial<WorkloadMix> = {}): WorkloadMix {
  const drawn = drawMix(new SeededRandom(seed), { clients: 2 })
  return { ...drawn, clients: [plain, plain], reopenShare: 0, restShare: 0, ...changes }
}

async function started(mix: WorkloadMix, seed = 1): Promise<SmallWorld> {
  const world = new SmallWorld(seed, mix)
  await world.start()
  return world
}

function atEnd(world: SmallWorld): Promise<FinalReads> {
  const process = world.process('final')
  const network = world.network.port('final', process)
  const { random, endpoints, history, kernel } = world
  const reads = finalReads({ process, network, random, endpoints, history, timeout: 2_000 })
  return settle(kernel, reads)
}

describe('clients', () => {
  test('make about as many calls as planned, in bursts too, and nearly all succeed', async () => {
    const shares = { burstShare: 0.6, tinyTimeoutShare: 0, abortShare: 0 }
    const world = await started(mixOf(3, { callsPerSecond: 60, ...shares }))
    await world.run(10_000)
    const { calls, acked, byOutcome } = world.history.figures
    expect(calls).toBeGreaterThan(450)
    expect(calls).toBeLessThan(750)
    expect(acked).toBeGreaterThan(200)
    expect(byOutcome.get('read')).toBeGreaterThan(20)
    expect(byOutcome.get('QUORATE_TIMEOUT unknown') ?? 0).toBeLessThan(calls / 20)
  })

  test('name values after their calls, and see of a scan what its limit says', async () => {
    const weights = { ...mixOf(3).weights, scan: 400 }
    const world = await started(mixOf(3, { weights, callsPerSecond: 60, keys: 32, hotKeys: 32 }))
    await world.run(5_000)
    let [limited, full] = [0, 0]
    for (const { id, request, outcome } of world.history.calls) {
      const changes = 'changes' in request ? request.changes : []
      for (const { value = '' } of changes) {
        if (value.startsWith('v')) expect(originOf(value)).toMatchObject({ call: id })
      }
      if (request.kind !== 'scan' || request.limit === undefined) continue
      if (outcome?.type !== 'read') continue
      expect(outcome.rows.length).toBeLessThanOrEqual(request.limit)
      limited++
      if (outcome.rows.length === request.limit && request.limit > 0) full++
    }
    expect(limited).toBeGreaterThan(20)
    // There are enough rows for nearly all of them but those of a narrow prefix.
    expect(full).toBeGreaterThan(limited / 2)
  })

  test('have at most so many calls open, and catch up after an outage', async () => {
    const inflight = 2
    const clients = [{ ...plain, inflight }]
    const weights = { ...mixOf(3).weights, putMany: 0 }
    const world = await started(mixOf(3, { clients, weights, callsPerSecond: 20 }))
    await world.run(2_000)
    const cut = (): { readonly cut: 'hold' } => ({ cut: 'hold' })
    world.weather.add(cut)
    let most = 0
    world.history.listen({ onCall: () => (most = Math.max(most, world.history.open().length)) })
    await world.run(5_000)
    const before = world.history.figures.calls
    world.weather.remove(cut)
    // An election comes first: without catching up there would be fewer than planned.
    await world.run(8_000)
    expect(most).toBe(inflight)
    expect(world.history.figures.calls - before).toBeGreaterThan(8 * 20)
  })

  test('end all calls once they are stopped, and are silent after that', async () => {
    const world = await started(mixOf(4))
    await world.run(3_000)
    const stopped = Promise.all(world.clients.map((client) => client.stop()))
    await settle(world.kernel, stopped)
    const { calls } = world.history.figures
    expect(world.history.open()).toEqual([])
    expect(world.clients.map(({ open }) => open)).toEqual([0, 0])
    await world.run(2_000)
    expect(world.history.figures.calls).toBe(calls)
    await settle(world.kernel, Promise.all(world.clients.map((client) => client.close())))
    await world.run(2_000)
    // Two links of each node to each other are left.
    expect(world.network.connections).toBe(12)
  })

  test('close with calls under way, which then end', async () => {
    const world = await started(mixOf(5, { callsPerSecond: 200 }))
    await world.run(3_000)
    world.weather.add(() => ({ cut: 'hold' }))
    await world.run(200)
    expect(world.history.open().length).toBeGreaterThan(0)
    await settle(world.kernel, Promise.all(world.clients.map((client) => client.close())))
    expect(world.history.open()).toEqual([])
    expect(world.history.figures.byOutcome.get('QUORATE_CLOSED unknown')).toBeGreaterThan(0)
  })

  test('leave their calls open when they are killed', async () => {
    const world = await started(mixOf(6, { callsPerSecond: 200 }))
    await world.run(3_000)
    world.weather.add(() => ({ cut: 'hold' }))
    await world.run(200)
    const open = world.history.open().filter(({ client }) => client === 'c1')
    expect(open.length).toBeGreaterThan(0)
    world.kill(0)
    expect(world.history.open().filter(({ client }) => client === 'c1')).toEqual([])
    await world.run(5_000)
    for (const call of open) expect(call).toMatchObject({ outcome: undefined, abandoned: true })
  })

  test('close and begin anew, as other SDK clients', async () => {
    const world = await started(mixOf(7, { reopenShare: 0.1, callsPerSecond: 100 }))
    await world.run(4_000)
    const connections = new Set(world.history.calls.map(({ connection }) => connection))
    expect(connections.size).toBeGreaterThan(5)
    // The one before was closed, with what it had under way.
    const { byOutcome } = world.history.figures
    expect(byOutcome.get('QUORATE_CLOSED unknown')).toBeGreaterThan(5)
  })

  test('end the lifetime when a listener finds a violation', async () => {
    const world = await started(mixOf(8))
    world.history.listen({
      onReturn: () => {
        throw new Error('found')
      },
    })
    await expect(world.run(5_000)).rejects.toMatchObject({ cause: { message: 'found' } })
  })

  test('do the same for the same seed, and other things for another', async () => {
    const hashes: string[] = []
    for (const seed of [1, 1, 2]) {
      const mix = mixOf(9, { reopenShare: 0.01, abortShare: 0.05, restShare: 0.01 })
      const world = await started(mix, seed)
      await world.run(3_000)
      hashes.push(world.kernel.trace.hash)
    }
    expect(hashes[0]).toBe(hashes[1])
    expect(hashes[0]).not.toBe(hashes[2])
  })

  test('find the same rows and digests on every node at the end', async () => {
    const world = await started(mixOf(10))
    await world.run(3_000)
    await settle(world.kernel, Promise.all(world.clients.map((client) => client.close())))
    const { put, scan, nodes, digest } = await atEnd(world)
    expect(put).toMatchObject({ type: 'written', verdict: 'applied' })
    expect(scan).toMatchObject({ type: 'read' })
    expect(scan.type === 'read' && scan.rows.length).toBeGreaterThan(1)
    expect(nodes.map(({ endpoint }) => endpoint)).toEqual(world.endpoints)
    for (const node of nodes) expect(node.scan).toEqual(scan)
    expect(digest?.nodes.map(({ id }) => id)).toEqual(['n1', 'n2', 'n3'])
    expect(new Set(digest?.nodes.map(({ effects, rows }) => effects + rows)).size).toBe(1)
  })

  test('read at the end from each node what that node has', async () => {
    const world = await started(mixOf(12))
    await world.run(3_000)
    await settle(world.kernel, Promise.all(world.clients.map((client) => client.close())))
    const nodes = new Set(['n1', 'n2', 'n3'])
    world.weather.add((from, to) => {
      const isolated = nodes.has(from) && nodes.has(to) && (from === 'n3' || to === 'n3')
      return isolated ? { cut: 'hold' } : undefined
    })
    await world.run(2_000)
    const found = await atEnd(world)
    const scans = found.nodes.map(({ scan }) => (scan.type === 'read' ? scan.rows : []))
    expect(scans.map((rows) => rows.some((row) => row?.key === finalKey))).toEqual([
      true,
      true,
      false,
    ])
    expect(scans[2]!.length).toBeGreaterThan(1)
    expect(found.digest?.nodes.map(({ id }) => id)).toEqual(['n1', 'n2'])
  })

  test('are told at the end that nobody answers', async () => {
    const world = await started(mixOf(11))
    await world.run(3_000)
    await settle(world.kernel, Promise.all(world.clients.map((client) => client.close())))
    world.weather.add(() => ({ cut: 'hold' }))
    const { put, scan, nodes, digestError } = await atEnd(world)
    expect(put).toMatchObject({ type: 'failed', outcome: 'not-applied', attempts: 0 })
    expect(scan).toMatchObject({ type: 'failed' })
    expect(nodes).toEqual([])
    expect(digestError).toMatch(/^QUORATE_/)
  })
})
