/**
 * Goal: clients and a node's client port understand each other, and neither can be made to hold
 * more than its caps by the other.
 * Method: both over the memory network on a manual clock; where one side misbehaves, it is played
 * by hand on a bare connection.
 */
import { describe, expect, test } from 'vitest'
import type { QuorateError } from '../../src/errors.ts'
import { silentLogger } from '../../src/logger.ts'
import {
  ClientConnection,
  ClientServer,
  defaultClientServerLimits,
  type ClientCall,
  type ClientServerLimits,
  type ClientSession,
  type MemberAddress,
  type Reply,
  type Request,
} from '../../src/transport/index.ts'
import { encodeClientFrame } from '../../src/transport/client-codec.ts'
import { packFrame } from '../../src/transport/msgpack.ts'
import { decodeNodeFrame, encodeNodeFrame } from '../../src/transport/reply-codec.ts'
import { ManualClock } from '../suites/manual-clock.ts'
import { MemoryNetwork } from '../suites/memory-network.ts'
import { End } from '../suites/network.ts'

/** A node's client port, with what reached it. */
class Port {
  readonly clock = new ManualClock()
  readonly wires = new MemoryNetwork(this.clock, 1)
  readonly batches: (readonly ClientCall[])[] = []
  readonly closed: ClientSession[] = []
  readonly server: ClientServer
  members: MemberAddress[] = [{ id: 'n1', clientAddress: 'n1:7101' }]
  answer: ((call: ClientCall) => Reply | undefined) | undefined

  constructor(limits: Partial<ClientServerLimits> = {}) {
    this.server = new ClientServer({
      network: this.wires.host('n1'),
      clock: this.clock,
      logger: silentLogger,
      listenAddress: 'n1:7101',
      limits: { ...defaultClientServerLimits, ...limits },
      welcome: () => ({
        clusterId: 'cluster',
        nodeId: 'n1',
        incarnation: 'first',
        leader: 'n2',
        members: this.members,
        clusterTime: 1234.5,
        limits: { ...defaultClientServerLimits, ...limits },
      }),
      onTurn: (batch) => {
        this.batches.push(batch)
        for (const call of batch) {
          const reply = this.answer?.(call)
          if (reply !== undefined) call.session.reply(reply)
        }
      },
      onSessionClosed: (session) => this.closed.push(session),
      onHttp: (path) => ({ status: 200, contentType: 'text/plain', body: path }),
    })
  }

  get calls(): ClientCall[] {
    return this.batches.flat()
  }

  async start(): Promise<this> {
    expect(await this.clock.until(this.server.start())).toBe('n1:7101')
    return this
  }

  /** A client of ours. */
  async client(host = 'client', clusterId?: string): Promise<Client> {
    const client = new Client()
    const opening = ClientConnection.open({
      network: this.wires.host(host),
      clock: this.clock,
      address: 'n1:7101',
      clusterId,
      timeoutMs: 2000,
      onReplies: (replies) => client.batches.push(replies),
      onMembers: (members) => client.told.push(members),
      onClose: (error) => client.ends.push(error),
    })
    client.opened = await this.clock.until(opening)
    return client
  }

  /** A connection on which the test says what it likes. */
  async bare(): Promise<End> {
    const network = this.wires.host('stranger')
    const options = { frameBytesMax: 100_000_000, timeoutMs: 1000 }
    return new End(await this.clock.until(network.connect('n1:7101', options)))
  }
}

class Client {
  readonly batches: (readonly Reply[])[] = []
  readonly ends: QuorateError[] = []
  readonly told: (readonly MemberAddress[])[] = []
  opened: ClientConnection | undefined

  get connection(): ClientConnection {
    return this.opened!
  }

  get replies(): Reply[] {
    return this.batches.flat()
  }
}

const hello = encodeClientFrame({
  type: 'hello',
  protocolMin: 1,
  protocolMax: 1,
  clusterId: undefined,
})
const status = (id: number): Request => ({ id, timeoutMs: 1000, kind: 'status' })
const write = (id: number, bytes: number): Request => ({
  id,
  timeoutMs: 1000,
  kind: 'write',
  command: new Uint8Array(bytes).fill(1),
})
const done = ({ request }: ClientCall): Reply => ({ id: request.id, kind: 'done' })
const rows = (id: number, bytes: number): Reply => ({
  id,
  kind: 'rows',
  rows: [{ value: new Uint8Array(bytes), revision: 1 }],
  readRevision: 1,
})
const requests = (...all: Request[]): Uint8Array =>
  encodeClientFrame({ type: 'requests', requests: all })
/** The code of the goodbye that an end was given. */
const goodbyeOf = (end: End): string | undefined => {
  const frame = end.frames.map((bytes) => decodeNodeFrame(bytes)).find((f) => f.type === 'goodbye')
  return frame?.error.code
}

describe('members', () => {
  test('all clients are told unasked when they change, strangers are not', async () => {
    const port = await new Port().start()
    port.server.announceMembers()
    const clients = [await port.client('a'), await port.client('b')]
    const stranger = await port.bare()
    port.members = [
      { id: 'n1', clientAddress: 'n1:7101' },
      { id: 'n2', clientAddress: undefined },
    ]
    port.server.announceMembers()
    await port.clock.advance(10)
    expect(clients.map(({ told }) => told)).toEqual([[port.members], [port.members]])
    expect(stranger.frames).toEqual([])
    await port.clock.until(port.server.close())
    port.server.announceMembers()
  })

  test('a client that follows nobody takes no harm', async () => {
    const port = await new Port().start()
    const opening = ClientConnection.open({
      network: port.wires.host('a'),
      clock: port.clock,
      address: 'n1:7101',
      timeoutMs: 2000,
      onReplies: () => {},
      onClose: () => {},
    })
    const connection = await port.clock.until(opening)
    port.server.announceMembers()
    await port.clock.advance(10)
    expect(connection.isOpen).toBe(true)
  })

  test('told before the welcome they break the protocol', async () => {
    const port = new Port()
    const listening = port.wires.host('n1').listen({
      address: 'n1:7101',
      frameBytesMax: 1000,
      connectionsMax: 1,
      onConnection: (connection) => {
        new End(connection).connection.send(encodeNodeFrame({ type: 'members', members: [] }))
      },
    })
    await port.clock.until(listening)
    await expect(port.client()).rejects.toMatchObject({ code: 'QUORATE_PROTOCOL' })
  })
})

describe('handshake', () => {
  test('a client learns who the node is', async () => {
    const port = await new Port().start()
    const client = await port.client('client', 'cluster')
    expect(client.connection.welcome).toMatchObject({
      protocol: 1,
      clusterId: 'cluster',
      nodeId: 'n1',
      leader: 'n2',
      clusterTime: 1234,
      limits: { frameBytesMax: defaultClientServerLimits.frameBytesMax },
    })
    expect(port.server.sessions).toBe(1)
  })

  test('a client of another cluster is refused by code', async () => {
    const port = await new Port().start()
    await expect(port.client('client', 'other')).rejects.toMatchObject({
      code: 'QUORATE_WRONG_CLUSTER',
    })
    await port.clock.advance(5000)
    expect(port.server.sessions).toBe(0)
    expect(port.closed).toEqual([])
    expect(port.server.counters['clientHandshakesRefused']).toBe(1)
  })

  test('a client of a protocol that is not spoken is refused', async () => {
    const port = await new Port().start()
    const end = await port.bare()
    end.connection.send(packFrame([0, 2, 9, null]))
    await port.clock.until(end.closed)
    expect(goodbyeOf(end)).toBe('QUORATE_PROTOCOL')
  })

  test('who says nothing is closed at the deadline', async () => {
    const port = await new Port().start()
    const end = await port.bare()
    await port.clock.advance(4900)
    expect(end.log).toEqual([])
    await port.clock.until(end.closed, 200)
    expect(goodbyeOf(end)).toBe('QUORATE_PROTOCOL')
  })

  test('of too many who say nothing the oldest makes room, and a real client gets in', async () => {
    const port = await new Port({ strangersMax: 5 }).start()
    const silent = []
    for (let i = 0; i < 50; i++) silent.push(await port.bare())
    await port.client()
    await port.clock.advance(100)
    expect(silent.map((end) => end.log.includes('close'))).toEqual([
      ...Array.from({ length: 46 }, () => true),
      ...Array.from({ length: 4 }, () => false),
    ])
    expect(port.server.counters['clientStrangersDropped']).toBe(46)
  })

  test.each([
    ['requests before hello', requests(status(1))],
    ['garbage', new Uint8Array([0xc1, 0xff])],
    ['a frame of the node', encodeNodeFrame({ type: 'replies', replies: [] })],
  ])('%s closes with a reason', async (_what, bytes) => {
    const port = await new Port().start()
    const end = await port.bare()
    end.connection.send(bytes)
    end.connection.send(hello)
    await port.clock.until(end.closed)
    expect(goodbyeOf(end)).toBe('QUORATE_PROTOCOL')
    expect([port.server.sessions, port.calls.length]).toEqual([0, 0])
    expect(port.server.counters['clientFramesBad']).toBe(1)
  })

  test('a node that never answers hello times out, and nothing stays behind', async () => {
    const port = await new Port().start()
    const listening = port.wires.host('mute').listen({
      address: 'mute:1',
      frameBytesMax: 1000,
      connectionsMax: 10,
      onConnection: (connection) => void new End(connection),
    })
    await port.clock.until(listening)
    const opening = ClientConnection.open({
      network: port.wires.host('client'),
      clock: port.clock,
      address: 'mute:1',
      timeoutMs: 300,
      onReplies: () => {},
      onClose: () => {},
    })
    await expect(port.clock.until(opening, 310)).rejects.toMatchObject({
      code: 'QUORATE_CONNECTION_LOST',
      outcome: 'not-applied',
    })
    await port.clock.advance(3000)
    expect(port.wires.connections).toBe(0)
  })
})

describe('requests and replies', () => {
  test('what is sent in one turn arrives as one batch, and so do its answers', async () => {
    const port = await new Port().start()
    port.answer = done
    const [a, b] = [await port.client('a'), await port.client('b')]
    for (let id = 1; id <= 100; id++) {
      expect(a.connection.send(status(id))).toBeUndefined()
      expect(b.connection.send(status(id))).toBeUndefined()
    }
    await port.clock.advance(10)
    expect(port.batches.map((batch) => batch.length)).toEqual([200])
    expect(a.batches.map((batch) => batch.length)).toEqual([100])
    expect(a.replies.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    expect(b.replies).toHaveLength(100)
  })

  test('large requests are split into frames that the node takes, in order', async () => {
    const port = await new Port({ frameBytesMax: 10_000 }).start()
    port.answer = done
    const client = await port.client()
    for (let id = 1; id <= 20; id++) client.connection.send(write(id, 3000))
    await port.clock.advance(100)
    expect(client.replies.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(client.ends).toEqual([])
  })

  test('more requests than a frame may hold are split, too', async () => {
    const port = await new Port({ requestsPerFrameMax: 7 }).start()
    port.answer = done
    const client = await port.client()
    for (let id = 1; id <= 50; id++) client.connection.send(status(id))
    await port.clock.advance(10)
    expect(client.replies).toHaveLength(50)
  })

  test('a request that no frame can hold is refused before it is sent', async () => {
    const port = await new Port({ frameBytesMax: 10_000 }).start()
    const client = await port.client()
    expect(client.connection.send(write(1, 10_000))).toMatchObject({
      code: 'QUORATE_TOO_LARGE',
      outcome: 'not-applied',
    })
    await port.clock.advance(10)
    expect([port.calls, client.ends]).toEqual([[], []])
  })

  test('a reply that no frame can hold becomes an error of its call alone', async () => {
    const port = await new Port({ frameBytesMax: 10_000 }).start()
    port.answer = ({ request }) => rows(request.id, request.id === 2 ? 10_000 : 10)
    const client = await port.client()
    for (let id = 1; id <= 3; id++) client.connection.send(status(id))
    await port.clock.advance(10)
    expect(client.replies).toMatchObject([
      { id: 1, kind: 'rows' },
      { id: 2, kind: 'error', error: { code: 'QUORATE_TOO_LARGE' } },
      { id: 3, kind: 'rows' },
    ])
  })

  test('a second answer to a request, and one to no request, go nowhere', async () => {
    const port = await new Port().start()
    const client = await port.client()
    client.connection.send(status(1))
    await port.clock.advance(10)
    const { session } = port.calls[0]!
    session.reply({ id: 1, kind: 'done' })
    session.reply({ id: 1, kind: 'done' })
    session.reply({ id: 2, kind: 'done' })
    await port.clock.advance(10)
    expect(client.replies).toEqual([{ id: 1, kind: 'done' }])
  })

  test('a node may flush by itself', async () => {
    const port = await new Port().start()
    const client = await port.client()
    client.connection.send(status(1))
    await port.clock.advance(10)
    port.calls[0]!.session.reply({ id: 1, kind: 'done' })
    port.server.flush()
    await port.clock.advance(10)
    expect(client.batches).toHaveLength(1)
  })

  test('an id that is still in use breaks the connection', async () => {
    const port = await new Port().start()
    const end = await port.bare()
    end.connection.send(hello)
    end.connection.send(requests(status(1), status(1)))
    await port.clock.until(end.closed)
    await port.clock.advance(10)
    expect(goodbyeOf(end)).toBe('QUORATE_PROTOCOL')
    expect(port.closed).toHaveLength(1)
  })

  test('requests of a client that is gone within the turn are not handed over', async () => {
    const port = await new Port().start()
    const end = await port.bare()
    end.connection.send(hello)
    end.connection.send(requests(status(1)))
    end.connection.send(new Uint8Array([0xc1]))
    await port.clock.until(end.closed)
    expect(port.calls).toEqual([])
  })
})

describe('caps', () => {
  test('requests above the cap are refused as overload, and those below are served', async () => {
    const port = await new Port({ outstandingMax: 3 }).start()
    const client = await port.client()
    for (let id = 1; id <= 5; id++) client.connection.send(status(id))
    await port.clock.advance(10)
    expect(client.replies).toMatchObject([
      { id: 4, error: { code: 'QUORATE_OVERLOADED', outcome: 'not-applied' } },
      { id: 5, error: { details: { retryAfter: 100 } } },
    ])
    for (const call of port.calls) call.session.reply(done(call))
    client.connection.send(status(6))
    await port.clock.advance(10)
    expect(port.calls.map(({ request }) => request.id)).toEqual([1, 2, 3, 6])
  })

  test('bytes without an answer are bounded, per client and for all', async () => {
    const port = await new Port({ outstandingBytesMax: 25_000, requestBytesMax: 45_000 }).start()
    const clients = [await port.client('a'), await port.client('b'), await port.client('c')]
    for (const client of clients) {
      for (let id = 1; id <= 3; id++) client.connection.send(write(id, 10_000))
    }
    await port.clock.advance(100)
    expect(clients.map((client) => client.replies.length)).toEqual([1, 1, 3])
    const held = port.calls
    expect(held).toHaveLength(4)
    for (const call of held) call.session.reply(done(call))
    for (const client of clients) client.connection.send(write(9, 10_000))
    await port.clock.advance(100)
    expect(port.calls).toHaveLength(7)
  })

  test('bytes of a client that goes away are given back', async () => {
    const port = await new Port({ requestBytesMax: 25_000 }).start()
    const first = await port.client('a')
    first.connection.send(write(1, 10_000))
    first.connection.send(write(2, 10_000))
    await port.clock.advance(10)
    first.connection.close()
    await port.clock.advance(10)
    const second = await port.client('b')
    second.connection.send(write(1, 20_000))
    await port.clock.advance(10)
    expect(port.calls.map(({ session }) => session.id)).toEqual([1, 1, 2])
    port.calls[0]!.session.reply({ id: 1, kind: 'done' })
  })

  test('a batch larger than a turn may hold is handed over in pieces', async () => {
    const port = await new Port({ turnRequestsMax: 10 }).start()
    const client = await port.client()
    for (let id = 1; id <= 25; id++) client.connection.send(status(id))
    await port.clock.advance(10)
    expect(port.batches.map((batch) => batch.length)).toEqual([10, 10, 5])
  })

  /** A client that asks for much and reads nothing. */
  async function slowReader(port: Port, asks: number): Promise<End> {
    port.answer = ({ request }) => rows(request.id, 50_000)
    const end = await port.bare()
    end.connection.send(hello)
    await port.clock.until(end.arrived(1))
    end.connection.pauseReading()
    for (let id = 1; id <= asks; id++) {
      end.connection.send(requests(status(id)))
      await port.clock.advance(5)
    }
    return end
  }

  test('a client that does not read is not read from, and goes on when it reads', async () => {
    const port = await new Port({ replyBytesPause: 100_000 }).start()
    const end = await slowReader(port, 20)
    // The kernel's buffers take some; then the pause; the rest waits on the client's side.
    const heard = port.calls.length
    expect(heard).toBeLessThan(8)
    expect(port.server.counters['clientReadsPaused']).toBe(1)
    end.connection.resumeReading()
    await port.clock.advance(100)
    const answered = end.frames.flatMap((bytes) => {
      const frame = decodeNodeFrame(bytes)
      return frame.type === 'replies' ? frame.replies.map(({ id }) => id) : []
    })
    expect(answered).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(port.calls).toHaveLength(20)
    expect(end.log).not.toContain('close')
  })

  test('a client that reads nothing for too long is closed', async () => {
    const port = await new Port({ replyBytesPause: 100_000, stallMs: 1000 }).start()
    await slowReader(port, 20)
    expect(port.server.sessions).toBe(1)
    await port.clock.advance(5000)
    expect(port.server.sessions).toBe(0)
    expect(port.closed).toHaveLength(1)
    expect(port.server.counters['clientSlowClosed']).toBe(1)
  })

  test('answers above the hard cap close at once', async () => {
    const port = await new Port({ replyBytesMax: 300_000 }).start()
    const client = await port.client()
    for (let id = 1; id <= 20; id++) client.connection.send(status(id))
    await port.clock.advance(10)
    for (const { session, request } of port.calls) session.reply(rows(request.id, 50_000))
    await port.clock.advance(5000)
    expect(client.ends).toMatchObject([{ code: 'QUORATE_CONNECTION_LOST', outcome: 'unknown' }])
    expect(port.server.counters['clientSlowClosed']).toBe(1)
  })

  test('when all slow clients together are too much, the slowest goes', async () => {
    const port = await new Port({ replyBytesPause: 100_000, replyBytesTotalMax: 400_000 }).start()
    const slow = []
    for (let i = 0; i < 4; i++) slow.push(await slowReader(port, 20))
    await port.clock.advance(3000)
    expect(port.server.counters['clientSlowClosed']).toBeGreaterThan(0)
    expect(port.server.sessions).toBeGreaterThan(0)
  })

  test('nor may many together hold too much, though none holds enough to be paused', async () => {
    const limits = { replyBytesPause: 1_000_000, replyBytesTotalMax: 1_000_000 }
    const port = await new Port(limits).start()
    for (let i = 0; i < 6; i++) await slowReader(port, 12)
    expect(port.server.counters['clientReadsPaused']).toBe(0)
    expect(port.server.counters['clientSlowClosed']).toBeGreaterThan(0)
    expect(port.server.sessions).toBeGreaterThan(0)
  })

  test('a client does not buffer without bound for a node that does not read', async () => {
    const port = await new Port().start()
    const client = await port.client()
    port.wires.cut('client', 'n1')
    let refused: QuorateError | undefined
    let id = 0
    while (refused === undefined) {
      refused = client.connection.send(write(++id, 1_000_000))
      await port.clock.run()
    }
    expect(refused).toMatchObject({ code: 'QUORATE_OVERLOADED', outcome: 'not-applied' })
    expect(client.connection.bufferedBytes).toBeLessThanOrEqual(67_108_864)
    expect(id).toBeGreaterThan(60)
  })
})

describe('ends', () => {
  test('a connection that breaks is told once, with an unknown outcome', async () => {
    const port = await new Port().start()
    const client = await port.client()
    client.connection.send(status(1))
    await port.clock.advance(10)
    port.wires.reset('client', 'n1')
    await port.clock.advance(10)
    expect(client.ends).toMatchObject([{ code: 'QUORATE_CONNECTION_LOST', outcome: 'unknown' }])
    expect(client.connection.isOpen).toBe(false)
    expect(client.connection.send(status(2))).toMatchObject({ outcome: 'not-applied' })
    expect(port.closed.map(({ id }) => id)).toEqual([1])
    port.calls[0]!.session.reply({ id: 1, kind: 'done' })
    await port.clock.advance(10)
    expect(port.server.sessions).toBe(0)
  })

  test('a client’s own close says nothing to itself, and the node hears of it', async () => {
    const port = await new Port().start()
    const client = await port.client()
    client.connection.send(status(1))
    client.connection.close()
    client.connection.close()
    await port.clock.advance(10)
    expect(client.ends).toEqual([])
    expect(port.closed).toHaveLength(1)
  })

  test('a node that stops answers what it has, says goodbye, and frees the port', async () => {
    const port = await new Port().start()
    const client = await port.client()
    client.connection.send(status(1))
    await port.clock.advance(10)
    port.calls[0]!.session.reply({ id: 1, kind: 'done' })
    await port.clock.until(port.server.close())
    expect(client.replies).toEqual([{ id: 1, kind: 'done' }])
    expect(client.ends.map(({ code }) => code)).toEqual(['QUORATE_STOPPING'])
    expect(port.closed).toHaveLength(1)
    await port.clock.advance(10)
    expect(port.clock.timers).toBe(0)
    await expect(port.client()).rejects.toMatchObject({ code: 'QUORATE_CONNECTION_LOST' })
  })

  test.each([
    ['garbage', new Uint8Array([0xc1])],
    ['a second welcome', undefined],
  ])('%s from the node ends the connection', async (_what, bytes) => {
    const clock = new ManualClock()
    const wires = new MemoryNetwork(clock)
    const ends: End[] = []
    const welcome = encodeNodeFrame({
      type: 'welcome',
      protocol: 1,
      clusterId: 'c',
      nodeId: 'n1',
      incarnation: 'i',
      leader: undefined,
      members: [],
      clusterTime: 0,
      limits: defaultClientServerLimits,
    })
    const listening = wires.host('n1').listen({
      address: 'n1:1',
      frameBytesMax: 1000,
      connectionsMax: 10,
      onConnection: (connection) => {
        ends.push(new End(connection))
        connection.send(welcome)
      },
    })
    await clock.until(listening)
    const errors: QuorateError[] = []
    const opening = ClientConnection.open({
      network: wires.host('client'),
      clock,
      address: 'n1:1',
      timeoutMs: 1000,
      onReplies: () => {},
      onClose: (error) => errors.push(error),
    })
    await clock.until(opening)
    ends[0]!.connection.send(bytes ?? welcome)
    await clock.until(ends[0]!.closed)
    expect(errors.map(({ code }) => code)).toEqual(['QUORATE_PROTOCOL'])
  })

  test('plain HTTP reaches the node', async () => {
    const port = await new Port().start()
    expect(port.wires.get('n1:7101', '/livez').body).toBe('/livez')
  })
})
