/**
 * The network of a lifetime: machines by name, processes on them, connections between those.
 *
 * As on TCP, frames of a connection arrive in order, and what a cut holds back goes on when it is
 * over. Beyond TCP, as through a relay that understands frames, messages between nodes may be
 * lost, repeated and overtaken: consensus must bear it. Handshakes and clients' frames keep their
 * order and are not repeated, because the port promises that, but a cut may lose them.
 *
 * A process that dies leaves its connections to the kernel, which resets them; a machine that
 * loses power says nothing, and the other end stays half-open until it sends to a machine that is
 * up again and knows nothing of the connection.
 */
import { QuorateError } from '../../../src/errors.ts'
import type {
  Connection,
  ConnectOptions,
  HttpReply,
  Listener,
  ListenOptions,
  Network,
  Random,
} from '../../../src/ports.ts'
import { randomFraction } from '../../../src/random.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Process } from '../kernel/process.ts'
import { Link } from './link.ts'
import type { LinkEnd } from './link.ts'
import type { Weather } from './weather.ts'

/** How a machine stands on the network. */
interface Host {
  readonly name: string
  /** Whether it has power. */
  up: boolean
  readonly listeners: Map<number, Bound>
}

interface Bound {
  readonly process: Process
  readonly options: ListenOptions
  readonly ends: Set<LinkEnd>
}

/** What a network is made of. */
export interface SimNetworkOptions {
  readonly kernel: Kernel
  readonly random: Random
  readonly weather: Weather
  /** Bytes under way on a connection that count as taken by the operating system. */
  readonly windowBytes: number
  /** Whether frames to this port may be lost, repeated and overtaken. */
  readonly isRough: (port: number) => boolean
}

export class SimNetwork {
  readonly kernel: Kernel
  readonly random: Random
  readonly weather: Weather
  readonly windowBytes: number
  /** A node took messages from a process that is disowned. */
  onDisowned: (from: string, to: string) => void = () => {}
  readonly #isRough: (port: number) => boolean
  readonly #hosts = new Map<string, Host>()
  readonly #links = new Set<Link>()
  /** Until when a direction is busy with what was sent before, where bandwidth is short. */
  readonly #busyUntil = new Map<string, number>()
  #nextPort = 30_000
  #nextLink = 1

  constructor(options: SimNetworkOptions) {
    this.kernel = options.kernel
    this.random = options.random
    this.weather = options.weather
    this.windowBytes = options.windowBytes
    this.#isRough = options.isRough
    this.weather.onChange = () => {
      for (const link of this.#links) link.pump()
    }
  }

  /** The port as a process on a machine sees it. */
  port(machine: string, process: Process): Network {
    const host = this.#host(machine)
    return {
      listen: (options) => this.#listen(host, process, options),
      connect: (address, options) => this.#connect(host, process, address, options),
    }
  }

  /** The machine has no power: its connections end without a word. */
  powerOff(machine: string): void {
    const host = this.#host(machine)
    host.up = false
    host.listeners.clear()
    for (const link of this.#links) link.forget(machine)
  }

  powerOn(machine: string): void {
    this.#host(machine).up = true
  }

  /** Breaks all connections between two machines; both ends are told. */
  reset(a: string, b: string): void {
    for (const link of this.#links) if (link.joins(a, b)) link.breakNow()
  }

  /** The far ends of all connections between two machines vanish: they are half-open. */
  halfOpen(a: string, b: string): void {
    for (const link of this.#links) if (link.joins(a, b)) link.forget(b)
  }

  /** What a plain HTTP GET at an address answers; undefined where nobody listens. */
  get(address: string, path: string): HttpReply | undefined {
    return this.#bound(address)?.options.onHttp?.(path)
  }

  get connections(): number {
    return this.#links.size
  }

  isUp(machine: string): boolean {
    return this.#host(machine).up
  }

  /** When a frame of so many bytes that is sent now arrives. */
  arrival(from: string, to: string, bytes: number): number {
    const { delayMs, jitterMs, bandwidth } = this.weather.between(from, to)
    const delay = delayMs + jitterMs * randomFraction(this.random)
    if (bandwidth === Infinity) return this.kernel.now + delay
    const key = `${from}>${to}`
    const start = Math.max(this.kernel.now, this.#busyUntil.get(key) ?? 0)
    const sent = start + bytes / bandwidth
    this.#busyUntil.set(key, sent)
    return sent + delay
  }

  remove(link: Link): void {
    this.#links.delete(link)
  }

  #host(name: string): Host {
    let host = this.#hosts.get(name)
    if (host === undefined) {
      host = { name, up: true, listeners: new Map() }
      this.#hosts.set(name, host)
    }
    return host
  }

  #bound(address: string): Bound | undefined {
    const [name = '', port = ''] = address.split(':')
    const host = this.#hosts.get(name)
    return host?.up === true ? host.listeners.get(Number(port)) : undefined
  }

  async #listen(host: Host, process: Process, options: ListenOptions): Promise<Listener> {
    await process.sleep(0)
    const asked = Number(options.address.split(':')[1])
    const port = asked === 0 ? this.#nextPort++ : asked
    if (host.listeners.has(port)) {
      throw new QuorateError('QUORATE_PORT_IN_USE', `port ${port} is in use`)
    }
    const bound: Bound = { process, options, ends: new Set() }
    host.listeners.set(port, bound)
    const unbind = (): void => {
      if (host.listeners.get(port) === bound) host.listeners.delete(port)
    }
    process.onDeath(unbind)
    return {
      address: `${host.name}:${port}`,
      close: async () => {
        unbind()
        const ends = [...bound.ends]
        for (const end of ends) end.close('the listener closes')
        await Promise.all(ends.map((end) => end.closed))
      },
    }
  }

  #connect(
    host: Host,
    process: Process,
    address: string,
    options: ConnectOptions,
  ): Promise<Connection> {
    const [target = '', port = ''] = address.split(':')
    return new Promise((resolve, reject) => {
      let settled = false
      const settle = (act: () => void): void => {
        if (settled) return
        settled = true
        stopWaiting()
        act()
      }
      const fail = (why: string): void =>
        settle(() => {
          const message = `cannot reach ${address}: ${why}`
          // Nothing was sent yet, so nothing can have had an effect.
          reject(new QuorateError('QUORATE_CONNECTION_LOST', message, { outcome: 'not-applied' }))
        })
      const stopWaiting = process.clock.timer(options.timeoutMs, () => fail('timed out'))
      const isCut = (): boolean =>
        this.weather.between(host.name, target).cut !== undefined ||
        this.weather.between(target, host.name).cut !== undefined
      if (isCut()) return
      this.kernel.after(this.arrival(host.name, target, 64) - this.kernel.now, () => {
        if (settled || !process.alive || isCut() || !this.#host(target).up) return
        const bound = this.#bound(address)
        const refuse = (why: string): void => {
          const back = this.arrival(target, host.name, 64) - this.kernel.now
          process.postAfter(back, 'input', () => fail(why))
        }
        if (bound === undefined) return refuse('connection refused')
        // A stopped process is not asked: its kernel answers for it.
        if (bound.ends.size >= bound.options.connectionsMax) return refuse('refused: full')
        const link = new Link(this, {
          id: this.#nextLink++,
          rough: this.#isRough(Number(port)),
          near: { machine: host.name, process, frameBytesMax: options.frameBytesMax },
          far: {
            machine: target,
            process: bound.process,
            frameBytesMax: bound.options.frameBytesMax,
          },
        })
        this.#links.add(link)
        bound.ends.add(link.far)
        link.far.onEnd = () => bound.ends.delete(link.far)
        bound.process.post('input', () => bound.options.onConnection(link.far))
        link.far.introduce(() => {
          if (settled) link.near.close('no longer wanted')
          else settle(() => resolve(link.near))
        })
      })
    })
  }
}
