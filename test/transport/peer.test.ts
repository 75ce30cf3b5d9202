/**
 * Goal: messages of the core get to the member they are for, from the member they say, and nothing
 * that a peer, a stranger or the network does makes a node hold, try or say more than its caps.
 * Method: whole transports over the memory network on a manual clock; strangers and broken peers
 * are played by hand on bare connections.
 */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/random.ts'
import { encodeClientFrame } from '../../src/transport/client-codec.ts'
import { decodeNodeFrame } from '../../src/transport/reply-codec.ts'
import { packFrame } from '../../src/transport/msgpack.ts'
import { encodePeerFrame } from '../../src/transport/peer-codec.ts'
import { PeerTransport } from '../../src/transport/index.ts'
import { End } from '../suites/network.ts'
import { append, Cluster, framesOf, heartbeat, hello, ids, Member, rounds } from './peer-world.ts'

describe('links', () => {
  test('members find each other and tell their addresses', async () => {
    const cluster = new Cluster()
    const members = ids.map((id) => new Member(cluster, id))
    await cluster.start(...members)
    for (const member of members) {
      for (const id of ids) {
        const view = member.transport.peer(id)
        if (view === undefined) continue
        expect(view).toEqual({
          connected: true,
          guest: false,
          peerAddress: `${id}:7201`,
          clientAddress: `${id}:7101`,
          refused: undefined,
        })
      }
    }
    expect(members[0]!.transport.peer('n1')).toBeUndefined()
    // Three members, two others each, two links to each.
    expect(cluster.wires.connections).toBe(12)
  })

  test('messages arrive in order, and those of a turn in one frame', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    const before = b.received.length
    for (let round = 1; round <= 50; round++) a.transport.send([heartbeat('n2', round)])
    await cluster.clock.advance(5)
    expect(rounds(b.received.slice(before))).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    expect(a.count('peerMessagesSent')).toBe(50)
    expect(b.count('peerMessagesReceived')).toBe(50)
  })

  test('megabytes of entries do not delay a heartbeat', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    for (let i = 1; i <= 40; i++) a.transport.send([append('n2', i, 200_000)])
    a.transport.send([heartbeat('n2', 1)])
    await cluster.clock.advance(5)
    const types = b.received.map(({ type }) => type)
    expect(types.indexOf('heartbeat')).toBeLessThan(5)
    expect(types.filter((type) => type === 'appendEntries')).toHaveLength(40)
  })

  test('nothing is kept for a peer that is not there: it is dropped and counted', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    await cluster.start(a)
    a.transport.send([heartbeat('n2', 1), append('n2', 1, 100), heartbeat('nobody', 1)])
    expect(a.count('peerMessagesDropped')).toBe(3)
    const b = new Member(cluster, 'n2')
    await cluster.start(b)
    expect(b.received).toEqual([])
    expect(a.connected('n2')).toBe(true)
  })

  test('an absent peer is said once, and tried again no more often than the backoff allows', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    await cluster.start(a)
    await cluster.clock.advance(60_000)
    const dials = a.count('peerDialsFailed')
    // Two peers, two links each, waits of 0.5 to 1 s.
    expect(dials).toBeGreaterThan(4 * 60)
    expect(dials).toBeLessThan(4 * 140)
    expect(a.log.filter((line) => line.startsWith('cannot reach'))).toHaveLength(4)
  })

  test('a frame at the cap passes; one above is never sent, and the link stands', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair({ frameBytesMax: 100_000, bulkQueueBytesMax: 50_000 })
    a.transport.send([append('n2', 1, 99_000)])
    await cluster.clock.advance(5)
    a.transport.send([append('n2', 2, 100_000)])
    await cluster.clock.advance(5)
    expect(b.received).toHaveLength(1)
    expect(a.count('peerMessagesTooLarge')).toBe(1)
    expect(a.connected('n2')).toBe(true)
  })
})

describe('bounds', () => {
  test('a peer that does not take its messages costs at most the caps', async () => {
    const cluster = new Cluster()
    const [a] = await cluster.pair({ bulkQueueBytesMax: 1_000_000, controlQueueBytesMax: 10_000 })
    cluster.wires.cut('n1', 'n2')
    for (let i = 1; i <= 1000; i++) {
      a.transport.send([append('n2', i, 10_000), heartbeat('n2', i)])
      if (i % 100 === 0) await cluster.clock.run()
    }
    // 1 MB of requests, what the kernel holds, and 10 kB of heartbeats.
    expect(a.count('peerMessagesDropped')).toBeGreaterThan(850)
    expect(a.count('peerMessagesSent')).toBeLessThan(1150)
  })

  test('messages of one turn are bounded in number', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair({ queueMessagesMax: 100 })
    for (let i = 1; i <= 250; i++) a.transport.send([heartbeat('n2', i)])
    await cluster.clock.advance(5)
    expect(b.received).toHaveLength(100)
    expect(a.count('peerMessagesDropped')).toBe(150)
  })

  test('1,000 idle connections are closed, and members still get in', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    await cluster.start(a)
    const idle: End[] = []
    for (let i = 0; i < 1000; i++) idle.push(await cluster.bare())
    const open = (): number => idle.filter((end) => !end.log.includes('close')).length
    await cluster.clock.advance(5)
    expect(open()).toBeLessThanOrEqual(64)
    const b = new Member(cluster, 'n2')
    await cluster.start(b)
    expect([a.connected('n2'), b.connected('n1')]).toEqual([true, true])
    await cluster.clock.advance(10_000)
    expect(open()).toBe(0)
    expect(a.connected('n2')).toBe(true)
  })

  test('a connection that says no hello is closed at the deadline', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    await cluster.start(a)
    const end = await cluster.bare()
    await cluster.clock.advance(4900)
    expect(end.log).toEqual([])
    expect(await cluster.clock.until(end.closed, 200)).toBe('no hello in time')
  })

  test('a client on this port is told so in its own language, and is no broken peer', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    await cluster.start(a)
    const end = await cluster.bare()
    const hi = { type: 'hello', protocolMin: 1, protocolMax: 1, clusterId: undefined } as const
    end.connection.send(encodeClientFrame(hi))
    await cluster.clock.until(end.closed)
    expect(end.frames.map(decodeNodeFrame)).toMatchObject([
      { type: 'goodbye', error: { code: 'QUORATE_PROTOCOL', outcome: 'not-applied' } },
    ])
    expect([a.count('peerHandshakesRefused'), a.count('peerFramesBad')]).toEqual([1, 0])
  })

  test('pings without end are answered only as far as they are read', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    await cluster.start(a)
    const end = await cluster.bare('n2')
    end.connection.send(hello())
    await cluster.clock.until(end.arrived(1))
    end.connection.pauseReading()
    cluster.wires.windowBytes = 1000
    for (let i = 0; i < 5000; i++) end.connection.send(packFrame([4]))
    await cluster.clock.advance(5)
    end.connection.resumeReading()
    await cluster.clock.advance(5)
    expect(end.frames.length).toBeLessThan(600)
    expect(end.log).not.toContain('close')
  })
})

describe('who is who', () => {
  test.each([
    ['another cluster', { clusterId: 'other' }, 'QUORATE_WRONG_CLUSTER'],
    ['another group', { groupId: 1 }, 'QUORATE_WRONG_CLUSTER'],
    ['one who meant another node', { to: 'n3' }, 'QUORATE_WRONG_NODE'],
    ['one who claims to be this node', { nodeId: 'n1' }, 'QUORATE_WRONG_NODE'],
    ['another incarnation', { incarnation: 'wiped' }, 'QUORATE_WRONG_INCARNATION'],
    ['an older protocol', { protocolMin: 0, protocolMax: 0 }, 'QUORATE_PROTOCOL'],
    ['a newer protocol', { protocolMin: 2, protocolMax: 3 }, 'QUORATE_PROTOCOL'],
  ])('%s is refused by code, and pins nothing', async (_who, changes, code) => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1', { pins: new Map([['n2', 'n2-first']]) })
    await cluster.start(a)
    const end = await cluster.bare()
    end.connection.send(hello(changes))
    end.connection.send(encodePeerFrame({ type: 'messages', messages: [heartbeat('n1', 1, 'n2')] }))
    await cluster.clock.until(end.closed)
    expect(framesOf(end)).toMatchObject([{ type: 'peerRefusal', code }])
    expect(a.received).toEqual([])
    expect([...a.pins]).toEqual([['n2', 'n2-first']])
  })

  test('the highest common protocol is spoken', async () => {
    const cluster = new Cluster()
    await cluster.start(new Member(cluster, 'n1'))
    const end = await cluster.bare()
    end.connection.send(hello({ protocolMin: 0, protocolMax: 9 }))
    await cluster.clock.until(end.arrived(1))
    expect(framesOf(end)).toMatchObject([{ type: 'peerWelcome', protocol: 1, nodeId: 'n1' }])
  })

  test('no message counts, and no welcome is said, before the incarnation is durably pinned', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    let pinned = (): void => {}
    a.pinning = new Promise((resolve) => {
      pinned = resolve
    })
    await cluster.start(a)
    const end = await cluster.bare()
    end.connection.send(hello())
    await cluster.clock.advance(100)
    expect([end.frames, a.pins.size]).toEqual([[], 0])
    pinned()
    await cluster.clock.until(end.arrived(1))
    expect(a.pins.get('n2')).toBe('n2-first')
  })

  test('messages that come before the welcome break the connection', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    a.pinning = new Promise(() => {})
    await cluster.start(a)
    const end = await cluster.bare()
    end.connection.send(hello())
    end.connection.send(encodePeerFrame({ type: 'messages', messages: [heartbeat('n1', 1, 'n2')] }))
    await cluster.clock.until(end.closed)
    expect(a.received).toEqual([])
  })

  test.each([
    ['in another’s name', 'n3', 'n1'],
    ['to another node', 'n2', 'n3'],
  ])('a message %s breaks the connection', async (_what, from, to) => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    await cluster.start(a)
    const end = await cluster.bare()
    end.connection.send(hello())
    await cluster.clock.until(end.arrived(1))
    end.connection.send(encodePeerFrame({ type: 'messages', messages: [heartbeat(to, 1, from)] }))
    await cluster.clock.until(end.closed)
    expect(a.received).toEqual([])
    expect(a.count('peerFramesBad')).toBe(1)
  })

  test.each([
    ['garbage', new Uint8Array([0xc1])],
    ['a second hello', hello()],
    ['a welcome', packFrame([1, 1, 'n2', 'i', '', ''])],
    ['a pong', packFrame([5])],
  ])('%s on an open link breaks it', async (_what, bytes) => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    await cluster.start(a)
    const end = await cluster.bare()
    end.connection.send(hello())
    await cluster.clock.until(end.arrived(1))
    end.connection.send(bytes)
    await cluster.clock.until(end.closed)
    expect(a.count('peerFramesBad')).toBe(1)
  })

  test('a wiped node is refused by all, told why, and does not storm', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    await cluster.clock.until(b.transport.close())
    const wiped = new Member(cluster, 'n2', { incarnation: 'wiped' })
    await cluster.clock.until(wiped.transport.start())
    await cluster.clock.advance(120_000)
    expect([a.connected('n2'), wiped.connected('n1')]).toEqual([false, false])
    expect(wiped.transport.peer('n1')?.refused?.code).toBe('QUORATE_WRONG_INCARNATION')
    expect(a.transport.peer('n2')?.refused?.code).toBe('QUORATE_WRONG_INCARNATION')
    // Two links, 2 to 30 s apart, for two minutes; said once.
    expect(wiped.count('peerRefusalsReceived')).toBeLessThan(30)
    expect(wiped.refusals).toEqual(['n1 QUORATE_WRONG_INCARNATION'])
    expect(a.refusals).toEqual(['n2 QUORATE_WRONG_INCARNATION'])
    expect(a.log.filter((line) => line.startsWith('refused'))).toHaveLength(1)
    expect(a.received).toEqual([])
  })

  test('another node at a member’s address is refused by the one who dialled', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1', {
      members: [
        { id: 'n1', peerAddress: 'n1:7201' },
        { id: 'n2', peerAddress: 'n3:7201' },
      ],
    })
    const c = new Member(cluster, 'n3')
    await cluster.start(a, c)
    expect(a.refusals).toEqual(['n2 QUORATE_WRONG_NODE'])
    expect(a.connected('n2')).toBe(false)
  })

  test('a refusal is forgotten once a link stands', async () => {
    const cluster = new Cluster()
    const b = new Member(cluster, 'n2', { clusterId: 'other' })
    const a = new Member(cluster, 'n1')
    await cluster.start(a, b)
    expect(a.transport.peer('n2')?.refused?.code).toBe('QUORATE_WRONG_CLUSTER')
    await cluster.clock.until(b.transport.close())
    await cluster.start(new Member(cluster, 'n2'))
    await cluster.clock.advance(30_000)
    expect(a.transport.peer('n2')).toMatchObject({ connected: true, refused: undefined })
  })
})

describe('a peer that was refused for minutes', () => {
  const longRefused = async (): Promise<[Cluster, Member]> => {
    const cluster = new Cluster()
    const stranger = new Member(cluster, 'n2', { clusterId: 'other' })
    const a = new Member(cluster, 'n1')
    await cluster.start(a, stranger)
    await cluster.clock.advance(120_000)
    await cluster.clock.until(stranger.transport.close())
    return [cluster, a]
  }

  test('and dials us itself is dialled at once', async () => {
    const [cluster, a] = await longRefused()
    const b = new Member(cluster, 'n2')
    await cluster.clock.until(b.transport.start())
    await cluster.clock.advance(100)
    expect([a.connected('n2'), b.connected('n1')]).toEqual([true, true])
  })

  test('gets both links as soon as one of them stands', async () => {
    const [cluster, a] = await longRefused()
    // It does not know us, and so does not dial.
    const b = new Member(cluster, 'n2', { members: [] })
    await cluster.clock.until(b.transport.start())
    for (let ms = 0; a.count('peerLinksOpened') === 0 && ms < 60_000; ms += 10) {
      await cluster.clock.advance(10)
    }
    await cluster.clock.advance(100)
    expect(a.connected('n2')).toBe(true)
  })
})

test('a peer whose links fall as soon as they stand is not dialled without end', async () => {
  const cluster = new Cluster()
  const a = new Member(cluster, 'n1')
  const listening = await cluster.clock.until(
    cluster.wires.host('n2').listen({
      address: 'n2:7201',
      frameBytesMax: 1_000_000,
      connectionsMax: 100,
      onConnection: (connection) => {
        let greeted = false
        connection.setHandlers({
          onFrame: () => {
            if (greeted) return connection.close('it breaks on what comes after the welcome')
            greeted = true
            connection.send(
              encodePeerFrame({
                type: 'peerWelcome',
                protocol: 1,
                nodeId: 'n2',
                incarnation: 'n2-first',
                peerAddress: 'n2:7201',
                clientAddress: 'n2:7101',
              }),
            )
          },
          onClose: () => {},
        })
      },
    }),
  )
  await cluster.clock.until(a.transport.start())
  await cluster.clock.advance(60_000)
  // Two links, up to a second apart, as often as the backoff has it.
  expect(a.count('peerLinksOpened')).toBeGreaterThan(20)
  expect(a.count('peerLinksOpened')).toBeLessThan(300)
  await cluster.clock.until(listening.close())
})

describe('broken paths', () => {
  test('a newer link of a kind replaces the older one', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    await cluster.start(a)
    const [older, bulk, newer] = [await cluster.bare(), await cluster.bare(), await cluster.bare()]
    for (const [end, link] of [
      [older, 'control'],
      [bulk, 'bulk'],
      [newer, 'control'],
    ] as const) {
      end.connection.send(hello({ link }))
      await cluster.clock.until(end.arrived(1))
    }
    expect(await cluster.clock.until(older.closed)).toBe('replaced by a newer link')
    newer.connection.send(
      encodePeerFrame({ type: 'messages', messages: [heartbeat('n1', 1, 'n2')] }),
    )
    await cluster.clock.advance(5)
    expect(rounds(a.received)).toEqual([1])
    expect([bulk.log.includes('close'), newer.log.includes('close')]).toEqual([false, false])
    expect(a.count('peerLinksReplaced')).toBe(1)
  })

  test('two who keep replacing each other do not spin', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    const b = new Member(cluster, 'n2')
    await cluster.start(a, b)
    // A second process with a copy of n2's directory, on another host.
    const twin = new PeerTransport({
      network: cluster.wires.host('elsewhere'),
      clock: cluster.clock,
      random: new SeededRandom(8),
      logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
      identity: { clusterId: 'cluster', groupId: 0, nodeId: 'n2', incarnation: 'n2-first' },
      listenAddress: 'elsewhere:7201',
      advertised: { clientAddress: 'elsewhere:7101' },
      members: [{ id: 'n1', peerAddress: 'n1:7201' }],
      acceptIncarnation: async () => true,
      onMessages: () => {},
    })
    await cluster.clock.until(twin.start())
    await cluster.clock.advance(60_000)
    expect(a.count('peerLinksReplaced')).toBeLessThan(400)
  })

  test('a link that is reset is back at once', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    await cluster.clock.advance(10_000)
    cluster.wires.reset('n1', 'n2')
    await cluster.clock.advance(20)
    expect([a.connected('n2'), b.connected('n1')]).toEqual([true, true])
  })

  test('a cut is noticed in seconds, though nobody is told, and healed in seconds', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    await cluster.clock.advance(10_000)
    cluster.wires.cut('n1', 'n2')
    await cluster.clock.advance(5000)
    expect([a.connected('n2'), b.connected('n1')]).toEqual([false, false])
    await cluster.clock.advance(600_000)
    cluster.wires.heal()
    await cluster.clock.advance(3000)
    expect([a.connected('n2'), b.connected('n1')]).toEqual([true, true])
    b.received.length = 0
    a.transport.send([heartbeat('n2', 5), append('n2', 1, 10)])
    await cluster.clock.advance(5)
    expect(b.received.map(({ type }) => type).sort()).toEqual(['appendEntries', 'heartbeat'])
    // Half-open connections of before are gone as well.
    await cluster.clock.advance(60_000)
    expect(cluster.wires.connections).toBe(4)
  })

  test('a bulk link goes with its control link, long before it would notice by itself', async () => {
    const cluster = new Cluster()
    const [a] = await cluster.pair()
    cluster.wires.cut('n1', 'n2')
    await cluster.clock.advance(5000)
    expect([a.count('peerLinksLost'), a.count('peerLinksSilent')]).toEqual([2, 1])
  })

  test('a host that vanishes without a word is noticed, and its links are given up', async () => {
    const cluster = new Cluster()
    const [a] = await cluster.pair()
    cluster.wires.crash('n2', false)
    cluster.wires.cut('n1', 'n2')
    await cluster.clock.advance(5000)
    expect(a.connected('n2')).toBe(false)
    await cluster.clock.advance(60_000)
    expect(cluster.wires.connections).toBe(0)
  })

  test('a slow bulk link is not taken for a dead one', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    cluster.wires.delay('n1', 'n2', 900)
    for (let i = 1; i <= 60; i++) {
      a.transport.send([append('n2', i, 100_000)])
      await cluster.clock.advance(500)
    }
    await cluster.clock.advance(2000)
    expect(b.received).toHaveLength(60)
    expect(a.count('peerLinksLost')).toBe(0)
  })

  test.each([0, 1, 500, 999, 1000, 1001, 2500])(
    'a node that stood still, %i ms later, does not take its own silence for the peer’s',
    async (ms) => {
      const cluster = new Cluster()
      const [a, b] = await cluster.pair()
      await cluster.clock.advance(ms)
      for (const stall of [1500, 4000, 60_000]) {
        cluster.clock.stall(stall)
        await cluster.clock.advance(5000)
      }
      expect(a.count('peerLinksLost') + b.count('peerLinksLost')).toBe(0)
    },
  )

  test('a peer that answers each time within the limit is kept', async () => {
    const cluster = new Cluster()
    const [a] = await cluster.pair()
    cluster.wires.delay('n2', 'n1', 2000)
    await cluster.clock.advance(60_000)
    expect(a.count('peerLinksLost')).toBe(0)
  })

  test('a peer that takes the connection and says no welcome is tried again', async () => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    const ends: End[] = []
    const listening = cluster.wires.host('n2').listen({
      address: 'n2:7201',
      frameBytesMax: 1000,
      connectionsMax: 10,
      onConnection: (connection) => ends.push(new End(connection)),
    })
    await cluster.clock.until(listening)
    await cluster.start(a)
    await cluster.clock.advance(12_000)
    expect(ends.length).toBeGreaterThanOrEqual(4)
    expect(ends.length).toBeLessThanOrEqual(8)
  })

  test.each([
    ['garbage', new Uint8Array([0xc1])],
    ['a protocol that was not offered', packFrame([1, 2, 'n2', 'n2-first', '', ''])],
    ['messages', packFrame([3, 'n2', 'n1', [[8, 1, 1]]])],
  ])('%s instead of a welcome is a failed attempt', async (_what, bytes) => {
    const cluster = new Cluster()
    const a = new Member(cluster, 'n1')
    const listening = cluster.wires.host('n2').listen({
      address: 'n2:7201',
      frameBytesMax: 1000,
      connectionsMax: 10,
      onConnection: (connection) => {
        new End(connection).connection.send(bytes)
      },
    })
    await cluster.clock.until(listening)
    await cluster.start(a)
    expect(a.connected('n2')).toBe(false)
    expect(a.count('peerFramesBad')).toBeGreaterThan(0)
    expect([a.received, a.pins.size]).toEqual([[], 0])
  })
})

describe('the end', () => {
  test('closing leaves no connection, no timer, and no message after it', async () => {
    const cluster = new Cluster()
    const [a, b] = await cluster.pair()
    a.transport.send([heartbeat('n2', 1)])
    await Promise.all([
      cluster.clock.until(a.transport.close()),
      cluster.clock.until(b.transport.close()),
    ])
    await cluster.clock.advance(10_000)
    expect([cluster.wires.connections, cluster.clock.timers]).toEqual([0, 0])
    const before = b.received.length
    a.transport.send([heartbeat('n2', 2)])
    await cluster.clock.advance(100)
    expect(b.received).toHaveLength(before)
  })

  test('closing while it dials, greets or pins stops all of it', async () => {
    for (const ms of [0, 1, 2, 3, 4, 5]) {
      const cluster = new Cluster()
      const [a, b] = [new Member(cluster, 'n1'), new Member(cluster, 'n2')]
      await cluster.clock.until(a.transport.start())
      await cluster.clock.until(b.transport.start())
      await cluster.clock.advance(ms)
      await cluster.clock.until(Promise.all([a.transport.close(), b.transport.close()]))
      await cluster.clock.advance(10_000)
      expect([cluster.wires.connections, cluster.clock.timers]).toEqual([0, 0])
    }
  })

  test('a taken port rejects, and nothing is dialled', async () => {
    const cluster = new Cluster()
    await cluster.start(new Member(cluster, 'n1'))
    const second = new Member(cluster, 'n1')
    await expect(cluster.clock.until(second.transport.start())).rejects.toMatchObject({
      code: 'QUORATE_PORT_IN_USE',
    })
    await cluster.clock.until(second.transport.close())
    expect(second.count('peerDialsFailed')).toBe(0)
  })
})
