/**
 * Goal: links follow the members as they come and go, a node that is no member here is heard and
 * answered as far as it must be and no further, and snapshots and entries do not keep each other out.
 * Method: whole transports over the memory network on a manual clock; strangers are played by hand
 * on bare connections.
 */
import { describe, expect, test } from 'vitest'
import { encodePeerFrame } from '../../src/transport/peer-codec.ts'
import { snapshotFrameBytesMax } from '../../src/transport/index.ts'
import type { SnapshotFrame } from '../../src/transport/index.ts'
import { append, Cluster, framesOf, heartbeat, hello, Member, rounds } from './peer-world.ts'

const at = (id: string, host = id) => ({ id, peerAddress: `${host}:7201` })
const snapshot = { term: 2, index: 9 }

const frame = (number: number, size = snapshotFrameBytesMax): SnapshotFrame => ({
  type: 'snapshotFrame',
  snapshot,
  frame: number,
  bytes: new Uint8Array(size).fill(1),
  last: false,
})

const numbers = (member: Member): number[] =>
  member.snapshots.flatMap((each) => ('frame' in each.frame ? [each.frame.frame] : []))

describe('members', () => {
  test('one that is added is linked to, before and after the start', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1', { members: [] })
    const b = new Member(cluster, 'n2', { members: [] })
    const c = new Member(cluster, 'n3', { members: [] })
    a.transport.setMembers([at('n1'), at('n2')])
    await cluster.start(a, b, c)
    expect([a.connected('n2'), a.connected('n3')]).toEqual([true, false])
    a.transport.setMembers([at('n1'), at('n2'), at('n3')])
    await cluster.clock.advance(2000)
    expect([a.connected('n2'), a.connected('n3')]).toEqual([true, true])
    expect(a.count('peerLinksLost')).toBe(0)
  })

  test('one that is removed gets what was queued, and can still be told so', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    a.transport.send([heartbeat('n2', 1)])
    a.transport.setMembers([at('n1')])
    await cluster.clock.advance(10)
    expect(rounds(b.received)).toEqual([1])
    a.transport.send([{ type: 'removed', from: 'n1', to: 'n2', term: 1, configIndex: 7 }])
    await cluster.clock.advance(10)
    expect(b.received.at(-1)).toMatchObject({ type: 'removed', configIndex: 7 })
    expect(a.transport.peer('n2')).toMatchObject({ guest: true })
  })

  test('one that is removed and away is not dialled for ever', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    await cluster.clock.until(b.transport.close())
    a.transport.setMembers([at('n1')])
    await cluster.clock.advance(60_000)
    expect(a.transport.peer('n2')).toBeUndefined()
    const dials = a.count('peerDialsFailed')
    await cluster.clock.advance(600_000)
    expect(a.count('peerDialsFailed')).toBe(dials)
  })

  test('one whose address changed is redialled there, and gets what was queued before', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    const moved = new Member(cluster, 'n2', { host: 'elsewhere' })
    await cluster.clock.until(moved.transport.start())
    a.transport.send([heartbeat('n2', 1)])
    a.transport.setMembers([at('n1'), at('n2', 'elsewhere')])
    await cluster.clock.advance(2000)
    a.transport.send([heartbeat('n2', 2)])
    await cluster.clock.advance(10)
    expect([rounds(b.received), rounds(moved.received)]).toEqual([[1], [2]])
  })

  test('its owner hears once of each address that it tells of itself', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    expect(a.advertised).toEqual(['n2'])
    await cluster.clock.until(b.transport.close())
    const again = new Member(cluster, 'n2')
    await cluster.start(again)
    expect(a.advertised).toEqual(['n2'])
    await cluster.clock.until(again.transport.close())
    const guest = new Member(cluster, 'n9', { members: [at('n1')] })
    await cluster.start(guest)
    expect([a.advertised, guest.advertised]).toEqual([['n2'], ['n1']])
    a.transport.setMembers([at('n2', 'elsewhere')])
    await cluster.start(new Member(cluster, 'n2', { host: 'elsewhere' }))
    expect(a.advertised).toEqual(['n2', 'n2'])
  })

  test('the same members again change nothing', async () => {
    const cluster = new Cluster()
    const [a] = await cluster.pair()
    a.transport.setMembers([at('n2'), at('n1'), at('n3')])
    await cluster.clock.advance(2000)
    expect([a.count('peerLinksLost'), a.connected('n2')]).toEqual([0, true])
  })

  test('after the end nothing is dialled any more', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1', { members: [] })
    await cluster.start(a)
    await cluster.clock.until(a.transport.close())
    a.transport.setMembers([at('n2')])
    await cluster.clock.advance(10_000)
    expect([cluster.wires.connections, cluster.clock.timers]).toEqual([0, 0])
  })
})

describe('guests', () => {
  test('a newcomer and a leader that it does not know talk in both directions', async () => {
    const cluster = new Cluster()
    const leader = new Member(cluster, 'n5', { members: [at('n5'), at('n4')] })
    const newcomer = new Member(cluster, 'n4', { members: [at('n1')] })
    await cluster.start(leader, newcomer)
    leader.transport.send([{ ...heartbeat('n4', 1), from: 'n5' }])
    await cluster.clock.advance(10)
    newcomer.transport.send([{ ...heartbeat('n5', 2), from: 'n4' }])
    await cluster.clock.advance(10)
    expect([rounds(newcomer.received), rounds(leader.received)]).toEqual([[1], [2]])
    expect(newcomer.transport.peer('n5')).toMatchObject({
      guest: true,
      connected: true,
      peerAddress: 'n5:7201',
      clientAddress: 'n5:7101',
    })
    expect(leader.transport.peer('n4')).toMatchObject({ guest: false, connected: true })
  })

  test('two that are guests of each other talk, and part once neither says anything', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1', { members: [at('n2')] })
    const b = new Member(cluster, 'n2', { members: [] })
    await cluster.start(a, b)
    a.transport.setMembers([])
    for (let round = 1; round <= 100; round++) {
      a.transport.send([heartbeat('n2', round)])
      b.transport.send([{ ...heartbeat('n1', round), from: 'n2' }])
      await cluster.clock.advance(1000)
    }
    expect([rounds(a.received).length, rounds(b.received).length]).toEqual([100, 100])
    expect([a.count('peerLinksLost'), b.count('peerLinksLost')]).toEqual([0, 0])
    await cluster.clock.advance(70_000)
    expect(cluster.wires.connections).toBe(0)
    expect([a.transport.peer('n2'), b.transport.peer('n1')]).toEqual([undefined, undefined])
  })

  test('one that is silent keeps its own links, and is dialled again when it speaks', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1', { members: [] })
    const b = new Member(cluster, 'n2', { members: [at('n1')] })
    await cluster.start(a, b)
    await cluster.clock.advance(120_000)
    // n2 holds on to n1, whom it takes for a member; n1 has nothing to say to it.
    expect([b.connected('n1'), a.connected('n2')]).toEqual([true, false])
    expect(b.count('peerLinksLost')).toBe(0)
    b.transport.send([{ ...heartbeat('n1', 1), from: 'n2' }])
    await cluster.clock.advance(100)
    a.transport.send([heartbeat('n2', 2)])
    await cluster.clock.advance(10)
    expect([rounds(a.received), rounds(b.received)]).toEqual([[1], [2]])
  })

  test('one that becomes a member keeps its links', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1', { members: [] })
    const b = new Member(cluster, 'n2', { members: [at('n1')] })
    await cluster.start(a, b)
    a.transport.setMembers([at('n1'), at('n2')])
    await cluster.clock.advance(120_000)
    expect([a.connected('n2'), a.transport.peer('n2')?.guest]).toEqual([true, false])
    expect([a.count('peerLinksLost'), b.count('peerLinksLost')]).toEqual([0, 0])
  })

  test('one whose incarnation is another than the first seen is told so, member or not', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1', { members: [], pins: new Map([['n9', 'first']]) })
    await cluster.start(a)
    const end = await cluster.bare()
    end.connection.send(hello({ nodeId: 'n9', incarnation: 'wiped' }))
    await cluster.clock.until(end.closed)
    expect(framesOf(end)).toMatchObject([
      { type: 'peerRefusal', code: 'QUORATE_WRONG_INCARNATION' },
    ])
    expect([a.received, a.transport.peer('n9'), a.refusals]).toEqual([[], undefined, []])
  })

  test('one too many is told why, and pins nothing; it is let in when another was silent long', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1', { members: [], limits: { guestsMax: 2 } })
    await cluster.start(a)
    const come = async (nodeId: string) => {
      const end = await cluster.bare(nodeId)
      end.connection.send(hello({ nodeId, incarnation: nodeId, peerAddress: `${nodeId}:7201` }))
      await cluster.clock.until(end.arrived(1))
      return end
    }
    const [first, second] = [await come('g1'), await come('g2')]
    const third = await come('g3')
    expect(framesOf(third)).toMatchObject([{ type: 'peerRefusal', code: 'QUORATE_OVERLOADED' }])
    expect([...a.pins.keys()]).toEqual(['g1', 'g2'])
    expect(a.count('peerGuestsRefused')).toBe(1)
    // A member is no guest, however many there are.
    a.transport.setMembers([at('g4')])
    expect(framesOf(await come('g4'))).toMatchObject([{ type: 'peerWelcome' }])
    for (let i = 0; i < 31; i++) {
      await cluster.clock.advance(1000)
      second.connection.send(
        encodePeerFrame({
          type: 'messages',
          messages: [{ ...heartbeat('n1', i), from: 'g2' }],
        }),
      )
      // A ping alone is no reason to stay.
      first.connection.send(encodePeerFrame({ type: 'peerPing' }))
    }
    await cluster.clock.advance(10)
    expect(framesOf(await come('g5'))).toMatchObject([{ type: 'peerWelcome' }])
    expect(await cluster.clock.until(first.closed)).toBe('room is needed for another guest')
    expect(second.log).not.toContain('close')
  })

  test('two that come at once take one place', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1', { members: [], limits: { guestsMax: 1 } })
    await cluster.start(a)
    let pinned = (): void => {}
    a.pinning = new Promise((resolve) => (pinned = resolve))
    const ends = [await cluster.bare('g1'), await cluster.bare('g2')]
    ends.forEach((end, i) => end.connection.send(hello({ nodeId: `g${i + 1}` })))
    await cluster.clock.advance(100)
    expect(ends.map((end) => end.frames.length)).toEqual([0, 0])
    pinned()
    for (const end of ends) await cluster.clock.until(end.arrived(1))
    expect(ends.map((end) => framesOf(end)[0]?.type)).toEqual(['peerWelcome', 'peerRefusal'])
  })

  test('a removed member takes the place of the guest that was silent longest', async () => {
    const cluster = new Cluster()
    const limits = { guestsMax: 1 }
    const a = new Member(cluster, 'n1', { members: [at('n2')], limits })
    const b = new Member(cluster, 'n2', { members: [at('n1')] })
    const c = new Member(cluster, 'n3', { members: [at('n1')] })
    await cluster.start(a, b, c)
    expect(a.transport.peer('n3')).toMatchObject({ guest: true })
    a.transport.setMembers([])
    expect([a.transport.peer('n2')?.guest, a.transport.peer('n3')]).toEqual([true, undefined])
  })

  test('one that comes back with another address is dialled there', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1', { members: [] })
    const b = new Member(cluster, 'n2', { members: [at('n1')] })
    await cluster.start(a, b)
    await cluster.clock.until(b.transport.close())
    const moved = new Member(cluster, 'n2', { host: 'elsewhere', members: [at('n1')] })
    await cluster.start(moved)
    a.transport.send([heartbeat('n2', 1)])
    await cluster.clock.advance(10)
    expect(rounds(moved.received)).toEqual([1])
  })
})

describe('snapshots', () => {
  test('requests, frames and the end of a snapshot get to whom they are for', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    const request = { type: 'snapshotRequest', snapshot, frame: 3 } as const
    expect(b.transport.sendState('n1', request)).toBe(true)
    await cluster.clock.advance(10)
    expect(a.snapshots).toEqual([{ from: 'n2', frame: request }])
    expect(a.transport.sendState('n2', frame(3))).toBe(true)
    const unknown = { type: 'snapshotUnknown', snapshot } as const
    expect(a.transport.sendState('n2', unknown)).toBe(true)
    await cluster.clock.advance(100)
    expect(b.snapshots).toHaveLength(2)
    expect(b.snapshots).toContainEqual({ from: 'n1', frame: frame(3) })
    expect(b.snapshots).toContainEqual({ from: 'n1', frame: unknown })
  })

  test('without a link, or to nobody, the sender hears that it was dropped', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1', { members: [at('n2')] })
    await cluster.start(a)
    expect(a.transport.sendState('n2', frame(0))).toBe(false)
    expect(a.transport.sendState('n9', frame(0))).toBe(false)
    expect(a.count('peerSnapshotFramesDropped')).toBe(2)
  })

  test('two frames wait on a link, the rest is refused until they have gone', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    cluster.wires.windowBytes = 1000
    expect([0, 1, 2].map((n) => a.transport.sendState('n2', frame(n)))).toEqual([true, true, false])
    await cluster.clock.advance(0)
    expect(a.transport.sendState('n2', frame(2))).toBe(false)
    cluster.wires.windowBytes = Infinity
    await cluster.clock.advance(100)
    expect(a.transport.sendState('n2', frame(2))).toBe(true)
    await cluster.clock.advance(100)
    expect(numbers(b)).toEqual([0, 1, 2])
  })

  test('over a slow link a heartbeat does not stand behind them (camunda#5022, swarmkit#1346)', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    cluster.wires.limit('n1', 'n2', 125)
    for (const n of [0, 1]) expect(a.transport.sendState('n2', frame(n))).toBe(true)
    await cluster.clock.advance(1)
    a.transport.send([heartbeat('n2', 1)])
    await cluster.clock.advance(100)
    expect([rounds(b.received), numbers(b)]).toEqual([[1], []])
    await cluster.clock.advance(5_000)
    expect(numbers(b)).toEqual([0, 1])
  })

  test('neither entries nor snapshots keep the other out, whoever was first', async () => {
    const limits = { bulkQueueBytesMax: 300_000 }
    for (const entriesFirst of [true, false]) {
      const cluster = new Cluster()
      const [a, b] = await cluster.pair(limits)
      const entries = (): void => {
        for (let i = 1; i <= 10; i++) a.transport.send([append('n2', i, 50_000)])
      }
      const snapshots = (): boolean[] => [0, 1].map((n) => a.transport.sendState('n2', frame(n)))
      if (entriesFirst) entries()
      expect(snapshots()).toEqual([true, true])
      if (!entriesFirst) entries()
      await cluster.clock.advance(100)
      expect(numbers(b)).toEqual([0, 1])
      expect(b.received.filter(({ type }) => type === 'appendEntries')).toHaveLength(5)
    }
  })

  test('on a link that is gone nothing waits that would count against the next', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    await cluster.clock.advance(10_000)
    cluster.wires.windowBytes = 1000
    for (const n of [0, 1]) a.transport.sendState('n2', frame(n))
    await cluster.clock.advance(1)
    cluster.wires.reset('n1', 'n2')
    cluster.wires.windowBytes = Infinity
    await cluster.clock.advance(2000)
    expect([2, 3].map((n) => a.transport.sendState('n2', frame(n)))).toEqual([true, true])
    await cluster.clock.advance(100)
    expect(numbers(b).slice(-2)).toEqual([2, 3])
  })

  test('a frame before the hello breaks the protocol', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    await cluster.start(a)
    const end = await cluster.bare()
    end.connection.send(encodePeerFrame(frame(0, 1)))
    await cluster.clock.until(end.closed)
    expect([a.snapshots, a.count('peerFramesBad')]).toEqual([[], 1])
  })
})
