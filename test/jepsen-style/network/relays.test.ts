/**
 * Goal: connections through the relays behave as those of a network do, with rules and without.
 * Method: real sockets of the loopback; every step waits for the event that it is about.
 */
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import type { Server as TcpServer, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { LinkEffect, Links, Party } from '../../../jepsen-style/network/links.ts'
import { openRelays } from '../../../jepsen-style/network/relay/index.ts'
import { seededChance } from './helpers.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function relays(nodes: readonly Party[] = ['n1', 'n2']): Promise<Links> {
  const links = await openRelays({ nodes, chance: seededChance(1) })
  closers.push(() => links.close())
  return links
}

const portOf = (address: string): number => Number(address.split(':')[1])

/** Resolves once the relay has read and written what it had: a turn of the loop for each step. */
async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turns(1)
}

/** A node that answers each message with the same, and says what it got. */
async function echo(address: string) {
  const got: Buffer[] = []
  const http = createServer((request, response) => response.end(`at ${request.url}`))
  const server = new WebSocketServer({ server: http, perMessageDeflate: false })
  const sockets: WebSocket[] = []
  server.on('connection', (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('message', (data: Buffer) => {
      got.push(data)
      socket.send(data)
    })
  })
  http.listen(portOf(address), '127.0.0.1')
  await once(http, 'listening')
  closers.push(() => {
    for (const socket of sockets) socket.terminate()
    http.close()
  })
  return { got, sockets, http }
}

function dial(address: string): WebSocket {
  const socket = new WebSocket(`ws://${address}/`, { perMessageDeflate: false })
  socket.on('error', () => {})
  closers.push(() => socket.terminate())
  return socket
}

/** A TCP node that only collects, for what WebSocket hides. */
async function plainServer(address: string): Promise<{ server: TcpServer; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    sockets.push(socket)
  })
  server.listen(portOf(address), '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { server, sockets }
}

function dialPlain(address: string): Socket {
  const socket = connect({ port: portOf(address), host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  closers.push(() => socket.destroy())
  return socket
}

/** How a socket closed; `once` would reject with the error that comes first. */
function closed(socket: Socket): Promise<'broken' | 'in order'> {
  return new Promise((resolve) => {
    socket.once('close', (broken) => resolve(broken ? 'broken' : 'in order'))
  })
}

const rule = (links: Links, effect: LinkEffect, from: Party, to: Party) =>
  links.add({ effect, applies: (a, b) => a === from && b === to })

const silent: LinkEffect = { type: 'cut', how: 'silent' }
const reset: LinkEffect = { type: 'cut', how: 'reset' }

describe('relays', () => {
  it('give every directed pair an address of its own, below the ports of outgoing connections', async () => {
    const nodes = ['n1', 'n2', 'n3']
    const links = await relays(nodes)
    const all = nodes.flatMap((node) => [
      ...Object.values(links.listenAddresses(node)),
      links.clientAddress(node),
      ...nodes.filter((to) => to !== node).map((to) => links.peerAddress(node, to)),
    ])
    expect(new Set(all).size).toBe(3 * 3 + 6)
    for (const address of all) expect(portOf(address)).toBeLessThan(32_768)
    expect(() => links.peerAddress('n1', 'n9')).toThrow('no link from n1 to n9')
  })

  it('pass on messages, pings and the code of a close', async () => {
    const links = await relays()
    const node = await echo(links.listenAddresses('n2').peer)
    const socket = dial(links.peerAddress('n1', 'n2'))
    await once(socket, 'open')

    const large = Buffer.alloc(3_000_000, 7)
    socket.send(large)
    const [answer] = (await once(socket, 'message')) as [Buffer]
    expect(answer.equals(large)).toBe(true)

    socket.ping('here')
    const [pong] = (await once(socket, 'pong')) as [Buffer]
    expect(pong.toString()).toBe('here')

    node.sockets[0]!.close(4321, 'enough')
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
    expect([code, reason.toString()]).toEqual([4321, 'enough'])
  })

  it('pass on HTTP of the client port', async () => {
    const links = await relays()
    await echo(links.listenAddresses('n1').client)

    const request = get(`http://${links.clientAddress('n1')}/status`)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const body = Buffer.concat(await response.toArray()).toString()

    expect(body).toBe('at /status')
  })

  it('hold an open connection silent, one way, and deliver late', async () => {
    const links = await relays()
    const node = await echo(links.listenAddresses('n2').peer)
    const socket = dial(links.peerAddress('n1', 'n2'))
    await once(socket, 'open')

    const back = await rule(links, silent, 'n2', 'n1')
    socket.send('to n2')
    await until(() => node.got.length === 1)
    await until(() => back.counts().affected === 1)
    let answered = false
    socket.once('message', () => (answered = true))
    await turns()
    expect(answered).toBe(false)
    expect(socket.readyState).toBe(WebSocket.OPEN)

    await back.remove()
    await until(() => answered)
  })

  it('tell nobody of a close across a silent cut', async () => {
    const links = await relays()
    const node = await echo(links.listenAddresses('n2').peer)
    const socket = dial(links.peerAddress('n1', 'n2'))
    await once(socket, 'open')
    const cuts = [await rule(links, silent, 'n1', 'n2'), await rule(links, silent, 'n2', 'n1')]

    socket.terminate()
    await once(socket, 'close')
    await turns()
    expect(node.sockets[0]!.readyState).toBe(WebSocket.OPEN)

    for (const cut of cuts) await cut.remove()
    await once(node.sockets[0]!, 'close')
  })

  it('leave a new connection unanswered while either direction is cut, then let it through', async () => {
    const links = await relays()
    const node = await echo(links.listenAddresses('n2').peer)
    const cut = await rule(links, silent, 'n2', 'n1')
    const socket = dial(links.peerAddress('n1', 'n2'))
    await until(() => cut.counts().affected > 0)
    await turns()
    expect(node.sockets).toHaveLength(0)
    expect(socket.readyState).toBe(WebSocket.CONNECTING)

    await cut.remove()
    await once(socket, 'open')
  })

  it('forget a held connection whose dialler has given up', async () => {
    const links = await relays()
    const node = await plainServer(links.listenAddresses('n2').peer)
    const cut = await rule(links, silent, 'n1', 'n2')
    const socket = dialPlain(links.peerAddress('n1', 'n2'))
    await once(socket, 'connect')
    socket.end()
    await once(socket.resume(), 'close')

    await cut.remove()
    await turns()
    expect(node.sockets).toHaveLength(0)
  })

  it('reset the connections of one direction and refuse new ones; those of the other live on', async () => {
    const links = await relays()
    await echo(links.listenAddresses('n1').peer)
    await echo(links.listenAddresses('n2').peer)
    const there = dial(links.peerAddress('n1', 'n2'))
    const back = dial(links.peerAddress('n2', 'n1'))
    await Promise.all([once(there, 'open'), once(back, 'open')])

    const cut = await rule(links, reset, 'n1', 'n2')
    await once(there, 'close')
    expect(cut.counts()).toEqual({ affected: 0, refused: 1 })
    const again = dialPlain(links.peerAddress('n1', 'n2'))
    await closed(again)
    expect(cut.counts().refused).toBe(2)
    back.send('still here')
    await once(back, 'message')

    await cut.remove()
    await once(dial(links.peerAddress('n1', 'n2')), 'open')
  })

  it('close with a reset where nobody listens', async () => {
    const links = await relays()
    const socket = dialPlain(links.peerAddress('n1', 'n2'))
    expect(await closed(socket)).toBe('broken')
  })

  it('pass on the end of one direction while the other goes on', async () => {
    const links = await relays()
    const node = await plainServer(links.listenAddresses('n2').peer)
    const socket = dialPlain(links.peerAddress('n1', 'n2'))
    await once(socket, 'connect')
    await until(() => node.sockets.length === 1)
    const far = node.sockets[0]!

    socket.end('GET / HTTP/1.1\r\n\r\n')
    await once(far.resume(), 'end')
    far.end('HTTP/1.1 200 OK\r\n\r\nlate')
    const text = Buffer.concat(await socket.toArray()).toString()

    expect(text).toBe('HTTP/1.1 200 OK\r\n\r\nlate')
  })

  it('stop reading from who sends more than the other takes', async () => {
    const links = await relays()
    const node = await plainServer(links.listenAddresses('n2').peer)
    const socket = dialPlain(links.peerAddress('n1', 'n2'))
    await once(socket, 'connect')
    await until(() => node.sockets.length === 1)
    const far = node.sockets[0]!
    far.pause()
    const head = 'GET / HTTP/1.1\r\n\r\n'
    const bytes = 64 * 1024 * 1024
    socket.write(head)
    // Far more than the sockets of the loopback and the relay hold together.
    socket.end(Buffer.alloc(bytes, 1))
    await until(() => socket.bytesWritten > 0 && far.readableLength > 0)
    await turns(2000)
    expect(socket.writableLength).toBeGreaterThan(bytes / 4)

    let got = 0
    far.on('data', (chunk: Buffer) => (got += chunk.length))
    far.resume()
    await once(far, 'end')
    expect(got).toBe(head.length + bytes)
  })

  it('give all ports back when they are closed', async () => {
    const links = await relays()
    const address = links.peerAddress('n1', 'n2')
    await echo(links.listenAddresses('n2').peer)
    const socket = dial(address)
    await once(socket, 'open')

    await Promise.all([links.close(), once(socket, 'close')])
    await plainServer(address)
  })
})
