/**
 * A network inside one process, for tests of transport, client and node. Frames travel on the
 * clock that it is given, in order and never singly lost, as on TCP. Each host gets a `Network`
 * of its own from `host(name)`, and listens on `name:port`; between two hosts a test can cut,
 * heal, delay and reset.
 *
 * How a cut behaves, as on TCP: what is under way is held, not lost; nobody is told; new
 * connections time out; after `heal` all goes on from where it stood. `reset` is the RST.
 */
import { QuorateError } from '../../src/errors.ts'
import type {
  Cancel,
  Clock,
  Connection,
  ConnectionHandlers,
  ConnectOptions,
  HttpReply,
  ListenOptions,
  Listener,
  Network,
} from '../../src/ports.ts'

/** How long a close waits for its last frames to get through. */
const closeGraceMs = 2000
/** What a wire carries of one connection before it is another one's turn. */
const packetBytes = 1500

interface Host {
  readonly name: string
  readonly listeners: Map<number, MemoryListener>
}

/** The wires between all hosts. */
export class MemoryNetwork {
  readonly clock: Clock
  /** One-way delay of every frame that has no delay of its own. */
  delayMs: number
  /** What stands for the kernels' socket buffers: bytes under way that do not count as buffered. */
  windowBytes = 65_536
  readonly #hosts = new Map<string, Host>()
  readonly #cut = new Set<string>()
  readonly #delays = new Map<string, number>()
  readonly #wires = new Map<string, Wire>()
  readonly #pipes = new Set<Pipe>()
  #nextPort = 20_000

  constructor(clock: Clock, delayMs = 0) {
    this.clock = clock
    this.delayMs = delayMs
  }

  /** The network as one host sees it. */
  host(name: string): Network {
    const host = this.#host(name)
    return {
      listen: (options) => this.#listen(host, options),
      connect: (address, options) => this.#connect(host, address, options),
    }
  }

  /** Nothing passes between the two, in either direction. */
  cut(a: string, b: string): void {
    this.cutOneWay(a, b)
    this.cutOneWay(b, a)
  }

  /** Nothing passes from the one to the other. */
  cutOneWay(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`)
  }

  /** Undoes `cut`. Without hosts: everything that was cut. */
  heal(a?: string, b?: string): void {
    if (a === undefined || b === undefined) this.#cut.clear()
    else {
      this.#cut.delete(`${a}>${b}`)
      this.#cut.delete(`${b}>${a}`)
    }
    for (const pipe of this.#pipes) pipe.pump()
  }

  /** Frames from the one to the other take this long. */
  delay(from: string, to: string, ms: number): void {
    this.#delays.set(`${from}>${to}`, ms)
  }

  /**
   * From now on all connections together carry no more than this from the one to the other; those
   * that have something to carry take turns, packet by packet.
   */
  limit(from: string, to: string, bytesPerMs: number): void {
    this.#wires.set(`${from}>${to}`, new Wire(this.clock, bytesPerMs))
  }

  /** Bytes under way from the one to the other, what the kernels hold included. */
  bytesUnderWay(from: string, to: string): number {
    let sum = 0
    for (const pipe of this.#pipes) if (pipe.from === from && pipe.to === to) sum += pipe.bytes
    return sum
  }

  /** Breaks all connections between the two: frames under way are lost, both sides are told. */
  reset(a: string, b: string, reason = 'connection reset'): void {
    for (const pipe of this.#pipes) {
      if (pipe.joins(a, b)) pipe.breakNow(reason)
    }
  }

  /** The host is gone: its listeners and connections vanish; `tell`: others see a reset. */
  crash(name: string, tell = true): void {
    this.#host(name).listeners.clear()
    for (const pipe of this.#pipes) {
      if (pipe.from !== name && pipe.to !== name) continue
      if (tell) pipe.breakNow('connection reset', name)
      else pipe.silence(name)
    }
  }

  /** What a plain HTTP GET of `path` at an address answers. */
  get(address: string, path: string): HttpReply {
    const listener = this.#listenerAt(address)
    if (listener === undefined) throw refused(address, 'nobody listens there')
    const answer = listener.options.onHttp
    return answer?.(path) ?? { status: 404, contentType: 'text/plain', body: 'not found\n' }
  }

  /** Open connections, each counted once. */
  get connections(): number {
    return this.#pipes.size / 2
  }

  isCut(from: string, to: string): boolean {
    return this.#cut.has(`${from}>${to}`)
  }

  delayOf(from: string, to: string): number {
    return this.#delays.get(`${from}>${to}`) ?? this.delayMs
  }

  /** What bounds the connections from the one to the other; undefined: nothing. */
  wireOf(from: string, to: string): Wire | undefined {
    return this.#wires.get(`${from}>${to}`)
  }

  forget(pipe: Pipe): void {
    this.#pipes.delete(pipe)
  }

  #host(name: string): Host {
    let host = this.#hosts.get(name)
    if (host === undefined) {
      host = { name, listeners: new Map() }
      this.#hosts.set(name, host)
    }
    return host
  }

  #listenerAt(address: string): MemoryListener | undefined {
    const [name = '', port = ''] = address.split(':')
    return this.#hosts.get(name)?.listeners.get(Number(port))
  }

  async #listen(host: Host, options: ListenOptions): Promise<Listener> {
    const asked = Number(options.address.split(':')[1])
    const port = asked === 0 ? this.#nextPort++ : asked
    if (host.listeners.has(port)) {
      throw new QuorateError('QUORATE_PORT_IN_USE', `port ${port} is in use`)
    }
    const listener = new MemoryListener(`${host.name}:${port}`, options, () =>
      host.listeners.delete(port),
    )
    host.listeners.set(port, listener)
    return listener
  }

  #connect(host: Host, address: string, options: ConnectOptions): Promise<Connection> {
    const target = address.split(':')[0] ?? ''
    return new Promise((resolve, reject) => {
      let settled = false
      const settle = (act: () => void): void => {
        if (settled) return
        settled = true
        stopWaiting()
        act()
      }
      const fail = (why: string): void => settle(() => reject(refused(address, why)))
      const stopWaiting = this.clock.timer(options.timeoutMs, () => fail('timed out'))
      const trip = this.delayOf(host.name, target) + this.delayOf(target, host.name)
      this.clock.timer(trip, () => {
        if (this.isCut(host.name, target) || this.isCut(target, host.name)) return
        const listener = this.#listenerAt(address)
        if (listener === undefined) return fail('connection refused')
        if (listener.open.size >= listener.options.connectionsMax) return fail('refused: full')
        settle(() => resolve(this.#join(host.name, target, listener, options)))
      })
    })
  }

  #join(from: string, to: string, listener: MemoryListener, options: ConnectOptions): Connection {
    const out = new Pipe(this, from, to, listener.options.frameBytesMax)
    const back = new Pipe(this, to, from, options.frameBytesMax)
    out.back = back
    back.back = out
    this.#pipes.add(out)
    this.#pipes.add(back)
    const near = new MemoryConnection(out, back)
    const far = new MemoryConnection(back, out)
    listener.open.add(far)
    far.onEnd = () => listener.open.delete(far)
    listener.options.onConnection(far)
    return near
  }
}

class MemoryListener implements Listener {
  readonly address: string
  readonly options: ListenOptions
  readonly open = new Set<MemoryConnection>()
  readonly #unbind: () => void

  constructor(address: string, options: ListenOptions, unbind: () => void) {
    this.address = address
    this.options = options
    this.#unbind = unbind
  }

  async close(): Promise<void> {
    this.#unbind()
    const ends = [...this.open].map((connection) => connection.closed)
    for (const connection of this.open) connection.close('the listener closes')
    await Promise.all(ends)
  }
}

/** `due`: undefined until a wire has carried it. */
interface Parcel {
  readonly what: { readonly frame: Uint8Array } | { readonly end: string }
  due: number | undefined
}

/** A wire of little bandwidth, and who waits to have something carried. */
class Wire {
  readonly #clock: Clock
  readonly #bytesPerMs: number
  /** Whose turn it is comes first; one of each connection. */
  #waiting: { readonly owner: object; readonly loads: Load[] }[] = []
  #busy = false

  constructor(clock: Clock, bytesPerMs: number) {
    this.#clock = clock
    this.#bytesPerMs = bytesPerMs
  }

  /** `done` is called once all of it is at the other end. */
  carry(owner: object, bytes: number, done: () => void): void {
    const known = this.#waiting.find((each) => each.owner === owner)
    if (known === undefined) this.#waiting.push({ owner, loads: [{ bytes, done }] })
    else known.loads.push({ bytes, done })
    if (!this.#busy) this.#next()
  }

  #next(): void {
    const turn = this.#waiting[0]
    const load = turn?.loads[0]
    this.#busy = load !== undefined
    if (turn === undefined || load === undefined) return
    const bytes = Math.min(packetBytes, load.bytes)
    this.#clock.timer(bytes / this.#bytesPerMs, () => {
      load.bytes -= bytes
      if (load.bytes <= 0) turn.loads.shift()
      this.#waiting.shift()
      if (turn.loads.length > 0) this.#waiting.push(turn)
      if (load.bytes <= 0) load.done()
      this.#next()
    })
  }
}

interface Load {
  bytes: number
  readonly done: () => void
}

/** One direction of a connection. */
class Pipe {
  readonly from: string
  readonly to: string
  back: Pipe | undefined
  receiver: MemoryConnection | undefined
  paused = false
  bytes = 0
  readonly #frameBytesMax: number
  readonly #network: MemoryNetwork
  #parcels: Parcel[] = []
  #waiting = false

  constructor(network: MemoryNetwork, from: string, to: string, frameBytesMax: number) {
    this.#network = network
    this.from = from
    this.to = to
    this.#frameBytesMax = frameBytesMax
  }

  get clock(): Clock {
    return this.#network.clock
  }

  get bufferedBytes(): number {
    return Math.max(0, this.bytes - this.#network.windowBytes)
  }

  joins(a: string, b: string): boolean {
    return (this.from === a && this.to === b) || (this.from === b && this.to === a)
  }

  send(frame: Uint8Array): void {
    // A copy: the receiver may keep it, and the sender may use its buffer again.
    this.#put({ frame: new Uint8Array(frame) }, frame.length)
    this.bytes += frame.length
  }

  end(reason: string): void {
    this.#put({ end: reason }, 0)
  }

  #put(what: Parcel['what'], bytes: number): void {
    const parcel: Parcel = { what, due: undefined }
    this.#parcels.push(parcel)
    const arrive = (): void => {
      parcel.due = this.clock.monotonic() + this.#network.delayOf(this.from, this.to)
      this.pump()
    }
    const wire = this.#network.wireOf(this.from, this.to)
    if (wire === undefined) arrive()
    else wire.carry(this, bytes, arrive)
  }

  /** Sees to it that the first parcel is delivered when it is due. */
  pump(): void {
    const first = this.#parcels[0]
    if (first?.due === undefined || this.#waiting || this.paused) return
    if (this.#network.isCut(this.from, this.to)) return
    this.#waiting = true
    this.clock.timer(first.due - this.clock.monotonic(), () => {
      this.#waiting = false
      if (!this.paused && !this.#network.isCut(this.from, this.to)) this.#deliver()
      this.pump()
    })
  }

  #deliver(): void {
    // What was to arrive may be lost meanwhile.
    if (this.#parcels[0]?.due === undefined) return
    const { what } = this.#parcels.shift() as Parcel
    if ('end' in what) return this.receiver?.ended(what.end)
    const before = this.bufferedBytes
    this.bytes -= what.frame.length
    if (what.frame.length > this.#frameBytesMax) {
      this.receiver?.close('a frame is too large')
      return
    }
    this.receiver?.deliver(what.frame)
    if (before > 0 && this.bufferedBytes === 0) this.back?.receiver?.drained()
  }

  /** Both ends are told; `except`: not the ends on that host, which is gone. */
  breakNow(reason: string, except?: string): void {
    for (const pipe of [this, this.back]) {
      if (pipe === undefined) continue
      pipe.#parcels = []
      pipe.bytes = 0
      if (pipe.to === except) pipe.receiver?.vanish()
      else if (pipe.receiver !== undefined) this.clock.soon(() => pipe.receiver?.ended(reason))
    }
  }

  /** The host's end is gone without a word: the other end stays half-open. */
  silence(name: string): void {
    if (this.to === name) this.receiver?.vanish()
    this.paused = true
  }

  drop(): void {
    this.#network.forget(this)
  }
}

/** One end of a connection. */
class MemoryConnection implements Connection {
  readonly remote: string
  readonly closed: Promise<void>
  onEnd: (() => void) | undefined
  #handlers: ConnectionHandlers | undefined
  #closing = false
  #over = false
  #resolveClosed: () => void = () => {}
  #cancelGrace: Cancel = () => {}
  readonly #out: Pipe
  readonly #in: Pipe

  constructor(out: Pipe, back: Pipe) {
    this.#out = out
    this.#in = back
    this.remote = out.to
    back.receiver = this
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
  }

  get bufferedBytes(): number {
    return this.#over ? 0 : this.#out.bufferedBytes
  }

  setHandlers(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
  }

  send(frame: Uint8Array): void {
    if (!this.#closing && !this.#over) this.#out.send(frame)
  }

  pauseReading(): void {
    if (!this.#closing) this.#in.paused = true
  }

  resumeReading(): void {
    this.#in.paused = false
    this.#in.pump()
  }

  close(reason: string): void {
    if (this.#closing || this.#over) return
    this.#closing = true
    this.#out.end(reason)
    this.resumeReading()
    // The other side's `ended` answers; without an answer the grace period ends it.
    this.#cancelGrace = this.#out.clock.timer(closeGraceMs, () => this.ended(reason))
  }

  deliver(frame: Uint8Array): void {
    if (this.#closing || this.#over) return
    if (this.#handlers === undefined) throw new Error('no handlers were set')
    this.#handlers.onFrame(frame)
  }

  drained(): void {
    if (!this.#closing && !this.#over) this.#handlers?.onDrain?.()
  }

  /** The other side closed, or the connection broke, or our own close is through. */
  ended(reason: string): void {
    if (this.#over) return
    this.vanish()
    this.#out.end(reason)
    this.#handlers?.onClose(reason)
  }

  /** Is no more, and nobody is told. */
  vanish(): void {
    this.#over = true
    this.#cancelGrace()
    this.#in.drop()
    this.onEnd?.()
    this.#resolveClosed()
  }
}

function refused(address: string, why: string): QuorateError {
  return new QuorateError('QUORATE_CONNECTION_LOST', `cannot connect to ${address}: ${why}`, {
    outcome: 'not-applied',
  })
}
