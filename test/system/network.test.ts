/**
 * Goal: the real network keeps the port's contract, and a stranger on its port can't hurt.
 * Method: the compliance suite over loopback and over the memory network; then raw TCP sockets
 * that send what no client of ours would.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { isDialable } from '../../src/address.ts'
import { QuorateError } from '../../src/errors.ts'
import type { HttpReply, ListenOptions } from '../../src/ports.ts'
import { openNetwork, parseAddress, realNetwork } from '../../src/system/index.ts'
import { ManualClock } from '../suites/manual-clock.ts'
import { MemoryNetwork } from '../suites/memory-network.ts'
import { bytesOf, connectPair, End, networkSuite } from '../suites/network.ts'

networkSuite('real', () => ({
  server: realNetwork,
  client: realNetwork,
  address: '127.0.0.1:0',
  settle: (promise) => promise,
}))

networkSuite('memory', () => {
  const clock = new ManualClock()
  const wires = new MemoryNetwork(clock, 1)
  return {
    server: wires.host('server'),
    client: wires.host('client'),
    address: 'server:0',
    settle: (promise) => clock.until(promise),
  }
})

interface Port {
  readonly address: string
  readonly ends: End[]
  readonly close: () => Promise<void>
}

async function listen(options: Partial<ListenOptions> = {}, network = realNetwork): Promise<Port> {
  const ends: End[] = []
  const listener = await network.listen({
    address: '127.0.0.1:0',
    frameBytesMax: 1000,
    connectionsMax: 10,
    onConnection: (connection) => ends.push(new End(connection)),
    ...options,
  })
  return { address: listener.address, ends, close: () => listener.close() }
}

/** A raw socket, with all that the other side sends until it closes. */
function raw(address: string): { socket: Socket; answer: Promise<string> } {
  const socket = connectTcp({ ...parseAddress(address), noDelay: true })
  let text = ''
  socket.on('data', (data: Buffer) => {
    text += data.toString('latin1')
  })
  socket.on('error', () => {})
  const answer = new Promise<string>((resolve) => {
    socket.on('close', () => resolve(text))
  })
  return { socket, answer }
}

async function ask(address: string, request: string): Promise<string> {
  const { socket, answer } = raw(address)
  socket.write(request)
  return await answer
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve())
    socket.once('error', reject)
  })
}

describe('HTTP on the same port', () => {
  const onHttp = (path: string): HttpReply => ({
    status: path === '/livez' ? 200 : 503,
    contentType: 'application/json',
    body: JSON.stringify({ path }),
  })
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`

  test('a GET is answered by path, without its query, and closes', async () => {
    const port = await listen({ onHttp })
    const answer = await ask(port.address, get('/livez?now=1'))
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toContain('content-type: application/json')
    expect(answer.endsWith('{"path":"/livez"}')).toBe(true)
    expect(await ask(port.address, get('/readyz'))).toMatch(/^HTTP\/1\.1 503 /)
    await port.close()
  })

  test('another method is refused; without a handler there is nothing', async () => {
    const port = await listen({ onHttp })
    const post = 'POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc'
    expect(await ask(port.address, post)).toMatch(/^HTTP\/1\.1 405 /)
    await port.close()
    const bare = await listen()
    expect(await ask(bare.address, get('/livez'))).toMatch(/^HTTP\/1\.1 404 /)
    await bare.close()
  })
})

describe('strangers', () => {
  const upgrade = (extra = ''): string =>
    'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
    `sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${extra}\r\n`

  test('garbage instead of HTTP is answered with 400 and closed', async () => {
    const port = await listen()
    expect(await ask(port.address, '\x16\x03\x01\x02\x00\x01garbage\r\n\r\n')).toMatch(/ 400 /)
    expect(port.ends).toEqual([])
    await port.close()
  })

  test('a web page can not dial in', async () => {
    const port = await listen()
    const answer = await ask(port.address, upgrade('origin: http://evil.example\r\n'))
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
    expect(port.ends).toEqual([])
    await port.close()
  })

  test('headers without end are cut off', async () => {
    const port = await listen()
    const endless = `GET / HTTP/1.1\r\nx: ${'a'.repeat(20_000)}`
    expect(await ask(port.address, endless)).toMatch(/^HTTP\/1\.1 431 /)
    await port.close()
  })

  test('a request that never ends, and a connection that never begins, are closed', async () => {
    const network = openNetwork({ handshakesMax: 10, handshakeMs: 20 })
    const port = await listen({}, network)
    const slow = raw(port.address)
    slow.socket.write('GET / HTTP/1.1\r\nhos')
    const idle = raw(port.address)
    await Promise.all([slow.answer, idle.answer])
    await port.close()
  })

  test('of too many idle connections the oldest make room', async () => {
    const network = openNetwork({ handshakesMax: 3, handshakeMs: 60_000 })
    const port = await listen({}, network)
    const idle = []
    for (let i = 0; i < 6; i++) {
      const one = raw(port.address)
      await new Promise((resolve) => one.socket.once('connect', resolve))
      idle.push(one)
    }
    await Promise.all(idle.slice(0, 3).map(({ answer }) => answer))
    const dial = network.connect(port.address, { frameBytesMax: 100, timeoutMs: 9000 })
    const end = new End(await dial)
    end.connection.send(bytesOf('hello'))
    await port.ends[0]?.arrived(1)
    await port.close()
    await Promise.all(idle.map(({ answer }) => answer))
  })

  test('1,000 connections against a cap of 10: 990 are refused, the port goes on', async () => {
    const port = await listen()
    const asks = Array.from({ length: 1000 }, () => {
      const one = raw(port.address)
      one.socket.write(upgrade())
      return one
    })
    const refused = asks.map(async ({ socket, answer }) => {
      const first = await new Promise<string>((resolve) => {
        socket.once('data', (data: Buffer) => resolve(data.toString('latin1')))
      })
      if (first.startsWith('HTTP/1.1 101')) return false
      await answer
      return true
    })
    const outcomes = await Promise.all(refused)
    expect(outcomes.filter((out) => !out)).toHaveLength(10)
    expect(port.ends).toHaveLength(10)
    for (const { socket } of asks) socket.destroy()
    await Promise.all(port.ends.map((end) => end.closed))
    const end = new End(
      await realNetwork.connect(port.address, { frameBytesMax: 10, timeoutMs: 9000 }),
    )
    end.connection.close('fine')
    await end.closed
    await port.close()
  })

  test('a text frame closes the connection', async () => {
    const port = await listen()
    const socket = new WebSocket(`ws://${port.address}/`)
    await opened(socket)
    const code = new Promise<number>((resolve) => socket.once('close', resolve))
    socket.send('text')
    expect(await code).toBe(1003)
    expect(await port.ends[0]?.closed).toBe('a text frame')
    expect(port.ends[0]?.frames).toEqual([])
    await port.close()
  })

  test('broken WebSocket frames close the connection, and nothing throws', async () => {
    const port = await listen()
    for (const bytes of ['ff00', '8280', '820501', '82ff7fffffffffffffff00000000', '0a80']) {
      const { socket, answer } = raw(port.address)
      socket.write(upgrade())
      await new Promise((resolve) => socket.once('data', resolve))
      socket.write(Buffer.from(bytes, 'hex'))
      socket.end()
      await answer
    }
    await Promise.all(port.ends.map((end) => end.closed))
    expect(port.ends.flatMap((end) => end.frames)).toEqual([])
    await port.close()
  })

  test('a compressed frame was never agreed on', async () => {
    const port = await listen()
    const socket = new WebSocket(`ws://${port.address}/`, { perMessageDeflate: true })
    await opened(socket)
    expect(socket.extensions).toBe('')
    socket.terminate()
    await port.ends[0]?.closed
    await port.close()
  })

  test('a server that takes the connection and never answers times out', async () => {
    const { createServer } = await import('node:net')
    const silent = createServer()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const address = silent.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const dial = realNetwork.connect(`127.0.0.1:${port}`, { frameBytesMax: 10, timeoutMs: 20 })
    await expect(dial).rejects.toMatchObject({ code: 'QUORATE_CONNECTION_LOST' })
    silent.close()
  })
})

describe('ends', () => {
  const under = {
    server: realNetwork,
    client: realNetwork,
    address: '127.0.0.1:0',
    settle: <T>(promise: Promise<T>) => promise,
  }

  test('a peer that does not read is cut off after the grace period of a close', async () => {
    const { listener, near, far } = await connectPair(under)
    far.connection.pauseReading()
    const frame = new Uint8Array(524_288)
    while (near.connection.bufferedBytes < 4 * frame.length) near.connection.send(frame)
    near.connection.close('it takes too long')
    expect(await near.closed).toBe('it takes too long')
    expect(near.connection.bufferedBytes).toBe(0)
    await listener.close()
  })

  test('a frame that comes in before the handlers are set is not missed', async () => {
    const port = await listen({
      onConnection: (connection) => {
        new End(connection).connection.send(bytesOf('welcome'))
      },
    })
    const dial = realNetwork.connect(port.address, { frameBytesMax: 100, timeoutMs: 9000 })
    const connection = await dial
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    const end = new End(connection)
    await end.arrived(1)
    expect(end.texts).toEqual(['welcome'])
    await port.close()
  })

  test('a long reason is cut to what a close frame holds', async () => {
    const { listener, near, far } = await connectPair(under)
    near.connection.close('é'.repeat(1000))
    expect(await far.closed).toBe('é'.repeat(61))
    await listener.close()
  })
})

describe('addresses', () => {
  test.each(['127.0.0.1:1', 'localhost:65535', '[::1]:80', 'node-1.example.org:7101'])(
    '%s is one',
    (address) => {
      const { host, port } = parseAddress(address)
      expect([host.length > 0, port > 0]).toEqual([true, true])
    },
  )

  test.each(['', ':1', 'host', 'host:', 'host:65536', 'a b:1', '::1:80', 'h/x:1', 'u@h:1', 'h:-1'])(
    '%j is none',
    (address) => {
      expect(() => parseAddress(address)).toThrow(
        expect.objectContaining({ code: 'QUORATE_USAGE' }) as Error,
      )
    },
  )

  // They come off the wire and out of logs: whoever dials one must find nobody there, and no more.
  test.each(['256.1.1.1:7201', 'node.1:7201', '[fe80::1%eth0]:7201', 'xn--a:7201'])(
    '%s looks like one and leads nowhere',
    async (address) => {
      expect(isDialable(address)).toBe(false)
      const dialling = realNetwork.connect(address, { frameBytesMax: 1024, timeoutMs: 1000 })
      await expect(dialling).rejects.toBeInstanceOf(QuorateError)
      await expect(dialling).rejects.toMatchObject({
        code: 'QUORATE_CONNECTION_LOST',
        outcome: 'not-applied',
      })
    },
  )

  test.each(['10.0.0.1:1', 'n1:7201', 'my_host:7201', '[::1]:65535', '1.2.3.4:7201'])(
    '%s can be dialled',
    (address) => expect(isDialable(address)).toBe(true),
  )

  test.each(['n1:0', 'n1:65536', 'n1', 'u@n1:1', 'n1:1/x', ''])('%j cannot', (address) => {
    expect(isDialable(address)).toBe(false)
  })

  test('one that is not this machine’s can not be bound', async () => {
    const listening = realNetwork.listen({
      address: '192.0.2.1:0',
      frameBytesMax: 1,
      connectionsMax: 1,
      onConnection: () => {},
    })
    await expect(listening).rejects.toMatchObject({ code: 'QUORATE_USAGE' })
  })
})
