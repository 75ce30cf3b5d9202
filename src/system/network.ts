/**
 * The real network: WebSocket frames over TCP, plain HTTP GETs on the same port.
 *
 * Three stages guard a port. A TCP connection that has not sent a whole request yet can only be
 * one of `handshakesMax`, for at most `handshakeMs`; when they are all taken, the oldest makes
 * room, so that idle connections cannot keep a real one out. An upgraded connection counts against
 * the listener's own cap. What may follow is up to the owner of the connection.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { WebSocket, WebSocketServer } from 'ws'
import { QuorateError, usageError } from '../errors.ts'
import type { Connection, ConnectOptions, ListenOptions, Listener, Network } from '../ports.ts'
import { formatAddress, parseAddress } from './address.ts'
import { closeGraceMs, SocketConnection } from './socket-connection.ts'

/** What guards a port before a connection is one. */
export interface HandshakeLimits {
  /** TCP connections without a complete request; above it the oldest is dropped. */
  readonly handshakesMax: number
  /** How long a request's head may take to arrive. */
  readonly handshakeMs: number
}

const defaultHandshakeLimits: HandshakeLimits = { handshakesMax: 1024, handshakeMs: 5000 }
const headerBytesMax = 8192
const headersMax = 64
/** First probe of a silent TCP connection: it finds hosts that went away without a word. */
const keepAliveMs = 15_000
/** Our own frames come whole; anything that splits one finer than this is no proxy. */
const fragmentsMax = 1024

/** Sockets of this machine. `ws` and `node:http` are loaded at the first use. */
export function openNetwork(limits: HandshakeLimits = defaultHandshakeLimits): Network {
  return { listen: (options) => listen(options, limits), connect }
}

/** The network with the usual limits. */
export const realNetwork: Network = openNetwork()

interface SocketOptions {
  readonly maxPayload: number
  readonly maxFragments: number
  readonly maxBufferedChunks: number
  readonly perMessageDeflate: false
  readonly skipUTF8Validation: true
  readonly closeTimeout: number
}

function socketOptions(frameBytesMax: number): SocketOptions {
  return {
    maxPayload: frameBytesMax,
    maxFragments: fragmentsMax,
    // Each chunk costs a few hundred bytes beyond its content, so a frame that trickles in byte by
    // byte would need far more memory than its length. Real paths bring at least 512 at a time.
    maxBufferedChunks: Math.max(1024, Math.ceil(frameBytesMax / 512)),
    perMessageDeflate: false,
    skipUTF8Validation: true,
    closeTimeout: closeGraceMs,
  }
}

async function listen(options: ListenOptions, limits: HandshakeLimits): Promise<Listener> {
  const { host, port } = parseAddress(options.address)
  const [http, { WebSocketServer }] = await Promise.all([import('node:http'), import('ws')])
  const server = http.createServer({
    headersTimeout: limits.handshakeMs,
    requestTimeout: limits.handshakeMs,
    connectionsCheckingInterval: Math.min(1000, limits.handshakeMs),
    maxHeaderSize: headerBytesMax,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    noDelay: true,
  })
  server.maxHeadersCount = headersMax
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    ...socketOptions(options.frameBytesMax),
  })
  const listener = new SocketListener(server, sockets, options, limits.handshakesMax)
  await bind(server, host, port, options.address)
  listener.bound()
  return listener
}

function bind(server: Server, host: string, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(bindError(address, error))
    server.once('error', fail)
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', fail)
      // An accept that fails later (out of descriptors) costs that connection, not the process.
      server.on('error', () => {})
      resolve()
    })
  })
}

function bindError(address: string, cause: NodeJS.ErrnoException): QuorateError {
  if (cause.code === 'EADDRINUSE') {
    return new QuorateError('QUORATE_PORT_IN_USE', `${address} is already in use`, { cause })
  }
  const why = cause.code ?? cause.message
  return new QuorateError('QUORATE_USAGE', `cannot listen on ${address}: ${why}`, { cause })
}

class SocketListener implements Listener {
  readonly #server: Server
  readonly #sockets: WebSocketServer
  readonly #options: ListenOptions
  readonly #handshakesMax: number
  #address: string
  /** Not upgraded yet, oldest first. */
  readonly #handshakes = new Set<Duplex>()
  readonly #open = new Set<SocketConnection>()
  #closed: Promise<void> | undefined

  constructor(
    server: Server,
    sockets: WebSocketServer,
    options: ListenOptions,
    handshakesMax: number,
  ) {
    this.#handshakesMax = handshakesMax
    this.#server = server
    this.#sockets = sockets
    this.#options = options
    this.#address = options.address
    server.on('connection', (socket) => this.#onSocket(socket))
    server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head))
    server.on('request', (request, response) => this.#onRequest(request, response))
  }

  /** As bound; it stays readable when the port is closed. */
  get address(): string {
    return this.#address
  }

  bound(): void {
    const bound = this.#server.address()
    if (isAddressInfo(bound)) this.#address = formatAddress(bound.address, bound.port)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const unbound = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const connection of this.#open) connection.close('the node stops')
    for (const socket of this.#handshakes) socket.destroy()
    await unbound
  }

  #onSocket(socket: Duplex): void {
    const [oldest] = this.#handshakes
    if (oldest !== undefined && this.#handshakes.size >= this.#handshakesMax) oldest.destroy()
    this.#handshakes.add(socket)
    socket.once('close', () => this.#handshakes.delete(socket))
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A browser names the page that dials; we serve none. Otherwise any web page that a person
    // visits could write to a store that listens on that person's loopback.
    if (request.headers.origin !== undefined) return refuse(socket, '403 Forbidden')
    if (this.#closed !== undefined) return refuse(socket, '503 Service Unavailable')
    if (this.#open.size >= this.#options.connectionsMax) {
      return refuse(socket, '503 Service Unavailable')
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#handshakes.delete(socket)
      const connection = new SocketConnection(webSocket, remoteOf(request))
      this.#open.add(connection)
      webSocket.once('close', () => this.#open.delete(connection))
      this.#options.onConnection(connection)
    })
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    // One request a connection: a prober's kept-alive socket would hold a place for nothing.
    response.setHeader('connection', 'close')
    response.setHeader('cache-control', 'no-store')
    if (request.method !== 'GET') return answer(response, 405, 'text/plain', 'only GET\n')
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    const reply = this.#options.onHttp?.(path)
    if (reply === undefined) return answer(response, 404, 'text/plain', 'not found\n')
    answer(response, reply.status, reply.contentType, reply.body)
  }
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}

/** Ends a TCP connection with a bare HTTP answer. */
function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
  // Without this, a peer that does not close its side would keep the socket for ever.
  socket.once('finish', () => socket.destroy())
}

function remoteOf(request: IncomingMessage): string {
  const { remoteAddress, remotePort } = request.socket
  return formatAddress(remoteAddress ?? 'unknown', remotePort ?? 0)
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null
}

async function connect(address: string, options: ConnectOptions): Promise<Connection> {
  const { host, port } = parseAddress(address)
  if (port === 0) throw usageError(`cannot connect to port 0 of ${address}`)
  const { WebSocket } = await import('ws')
  const url = `ws://${formatAddress(host, port)}/`
  // `256.1.1.1`, `node.1` and `[fe80::1%eth0]` are hosts to us and none to a URL, and addresses come
  // off the wire and out of the log: what nobody can dial must be as harmless as who is away.
  if (!URL.canParse(url)) throw unreachable(address, 'no such address can be dialled')
  const webSocket = new WebSocket(url, {
    ...socketOptions(options.frameBytesMax),
    followRedirects: false,
    // A mask of zeros: the protocol has a client mask its frames, to keep what a web page sends
    // from looking like HTTP to old proxies. We send no web page's bytes, so it would be work
    // for nothing, on every byte, on both sides.
    generateMask: () => {},
  })
  return await opened(webSocket, address, options.timeoutMs)
}

function unreachable(address: string, why: string, cause?: unknown): QuorateError {
  return new QuorateError('QUORATE_CONNECTION_LOST', `cannot connect to ${address}: ${why}`, {
    outcome: 'not-applied',
    cause,
  })
}

function opened(webSocket: WebSocket, address: string, timeoutMs: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: unknown): void => {
      clearTimeout(deadline)
      reject(unreachable(address, why, cause))
    }
    // One deadline over look-up, connect and handshake: `ws` only times silence, which a server
    // that sends a byte now and then never breaks.
    const deadline = setTimeout(() => {
      fail(`no answer within ${Math.round(timeoutMs)} ms`)
      webSocket.terminate()
    }, timeoutMs)
    const onError = (error: Error): void => fail(error.message || 'refused', error)
    webSocket.on('error', onError)
    webSocket.once('open', () => {
      clearTimeout(deadline)
      webSocket.off('error', onError)
      resolve(new SocketConnection(webSocket, address))
    })
  })
}
