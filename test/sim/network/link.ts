/** One connection: two ends, and a pipe in each direction. */
import type { Connection, ConnectionHandlers } from '../../../src/ports.ts'
import { randomFraction } from '../../../src/random.ts'
import type { Process } from '../kernel/process.ts'
import type { SimNetwork } from './sim-network.ts'
import { isMessages } from './frame-kind.ts'

/** Where an end is. */
export interface Place {
  readonly machine: string
  readonly process: Process
  /** A larger frame that arrives here closes the connection. */
  readonly frameBytesMax: number
}

/** How long a close waits for its last frames to get through, ms. */
const closeGraceMs = 2_000
/** A frame that is overtaken comes up to so much later, ms. */
const overtakenMsMax = 60

interface Parcel {
  readonly due: number
  readonly bytes: number
  /** Runs at the receiving end, within its process. */
  readonly deliver: () => void
}

export class Link {
  readonly near: LinkEnd
  readonly far: LinkEnd
  readonly network: SimNetwork

  constructor(
    network: SimNetwork,
    options: { id: number; rough: boolean; near: Place; far: Place },
  ) {
    this.network = network
    const { rough, near, far } = options
    this.near = new LinkEnd(this, near, rough)
    this.far = new LinkEnd(this, far, rough)
    this.near.other = this.far
    this.far.other = this.near
    for (const end of [this.near, this.far]) end.place.process.onDeath(() => end.processDied())
  }

  joins(a: string, b: string): boolean {
    const [from, to] = [this.near.place.machine, this.far.place.machine]
    return (from === a && to === b) || (from === b && to === a)
  }

  /** RST in both directions: what is under way is lost. */
  breakNow(): void {
    this.near.broken('connection reset')
    this.far.broken('connection reset')
  }

  /** A machine's end is gone without a word. */
  forget(machine: string): void {
    for (const end of [this.near, this.far]) if (end.place.machine === machine) end.vanish()
  }

  pump(): void {
    this.near.pump()
    this.far.pump()
  }

  /** Removed once nothing can come of it any more. */
  checkOver(): void {
    if (this.near.over && this.far.over) this.network.remove(this)
  }
}

/** One end, and the pipe that leads away from it. */
export class LinkEnd implements Connection {
  readonly place: Place
  other!: LinkEnd
  onEnd: () => void = () => {}
  /** Resolves once this end is over. */
  readonly closed: Promise<void>
  over = false
  /** The machine lost power: nothing is known of the connection there. */
  #vanished = false
  #closing = false
  #handlers: ConnectionHandlers | undefined
  /** What is under way from here to the other end, in order. */
  #parcels: Parcel[] = []
  #pumping = false
  #underWay = 0
  #paused = false
  readonly #rough: boolean
  readonly #link: Link
  #resolveClosed: () => void = () => {}

  constructor(link: Link, place: Place, rough: boolean) {
    this.#link = link
    this.place = place
    this.#rough = rough
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
  }

  get remote(): string {
    return this.other.place.machine
  }

  get bufferedBytes(): number {
    return this.over ? 0 : Math.max(0, this.#underWay - this.#link.network.windowBytes)
  }

  setHandlers(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
  }

  send(frame: Uint8Array): void {
    if (this.#closing || this.over || !this.place.process.alive) return
    const { network } = this.#link
    const sky = network.weather.between(this.place.machine, this.other.place.machine)
    if (sky.cut === 'drop') return
    const { random } = network
    if (sky.loss > 0 && randomFraction(random) < sky.loss && (this.#rough || sky.loss >= 1)) return
    // The receiver gets bytes of its own; a frame that only stands for a value stays what it is.
    const plain = Buffer.isBuffer(frame) ? new Uint8Array(frame) : frame
    if (this.#rough && (sky.duplication > 0 || sky.reordering > 0) && isMessages(plain)) {
      if (randomFraction(random) < sky.duplication) this.#stray(plain)
      if (randomFraction(random) < sky.reordering) return this.#stray(plain)
    }
    this.#put(plain.length, () => this.other.#arrived(plain))
  }

  pauseReading(): void {
    if (!this.#closing) this.#paused = true
  }

  resumeReading(): void {
    this.#paused = false
    this.other.pump()
  }

  close(reason: string): void {
    if (this.#closing || this.over) return
    this.#closing = true
    if (!this.place.process.alive) return
    this.#put(64, () => this.other.#ended(reason))
    this.resumeReading()
    this.place.process.postAfter(closeGraceMs, 'input', () => this.#ended(reason))
  }

  /** The first that arrives at the other end is that this connection stands. */
  introduce(deliver: () => void): void {
    this.#put(64, deliver)
  }

  /** The process died; its kernel tells the other end. */
  processDied(): void {
    if (this.over || this.#vanished) return
    this.#handlers = undefined
    this.#paused = false
    this.#finish()
    // Whatever was under way from here still is; the reset comes behind it.
    this.#closing = true
    this.#put(64, () => this.other.#ended('connection reset'))
  }

  /** Gone without a word. */
  vanish(): void {
    this.#handlers = undefined
    this.#vanished = true
    this.#parcels = []
    this.#finish()
  }

  broken(reason: string): void {
    this.#parcels = []
    this.#underWay = 0
    if (!this.over) this.place.process.post('input', () => this.#ended(reason))
  }

  /** Sees to it that the first parcel arrives when it is due, unless something holds it. */
  pump(): void {
    const first = this.#parcels[0]
    if (first === undefined || this.#pumping || this.#held()) return
    this.#pumping = true
    const { kernel } = this.#link.network
    kernel.after(first.due - kernel.now, () => {
      this.#pumping = false
      if (!this.#held()) this.#deliver()
      this.pump()
    })
  }

  #held(): boolean {
    const { weather } = this.#link.network
    if (this.other.#paused && !this.other.over) return true
    return weather.between(this.place.machine, this.other.place.machine).cut !== undefined
  }

  #put(bytes: number, deliver: () => void): void {
    const { network } = this.#link
    const last = this.#parcels.at(-1)?.due ?? 0
    const due = network.arrival(this.place.machine, this.other.place.machine, bytes)
    this.#parcels.push({ due: Math.max(due, last), bytes, deliver })
    this.#underWay += bytes
    this.pump()
  }

  /** A copy that keeps to no order. */
  #stray(frame: Uint8Array): void {
    const { network } = this.#link
    const due = network.arrival(this.place.machine, this.other.place.machine, frame.length)
    const later = due - network.kernel.now + randomFraction(network.random) * overtakenMsMax
    network.kernel.after(later, () => {
      if (this.#held()) return
      this.other.place.process.post('input', () => this.other.#arrived(frame))
    })
  }

  #deliver(): void {
    const parcel = this.#parcels.shift()
    if (parcel === undefined) return
    const { other } = this
    if (other.#vanished) return this.#toNobody()
    const { process } = other.place
    if (!process.alive) return this.#taken(parcel)
    process.post('input', () => {
      this.#taken(parcel)
      parcel.deliver()
    })
  }

  #taken(parcel: Parcel): void {
    const before = this.bufferedBytes
    this.#underWay = Math.max(0, this.#underWay - parcel.bytes)
    if (before > 0 && this.bufferedBytes === 0 && !this.over) {
      this.place.process.postAfter(0, 'input', () => this.#handlers?.onDrain?.())
    }
  }

  /** The other machine does not know the connection: it says so, once it is up. */
  #toNobody(): void {
    const { network } = this.#link
    if (!network.isUp(this.other.place.machine)) return
    const back = network.arrival(this.other.place.machine, this.place.machine, 64)
    this.place.process.postAfter(back - network.kernel.now, 'input', () =>
      this.#ended('connection reset'),
    )
  }

  #arrived(frame: Uint8Array): void {
    // Whoever has closed hears nothing any more.
    if (this.over || this.#closing) return
    if (frame.length > this.place.frameBytesMax) return this.close('a frame is too large')
    const { machine, process } = this.other.place
    if (process.disowned && this.#rough && isMessages(frame)) {
      this.#link.network.onDisowned(machine, this.place.machine)
    }
    this.#handlers?.onFrame(frame)
  }

  #ended(reason: string): void {
    if (this.over) return
    const handlers = this.#handlers
    this.#finish()
    // The other side closes as well; a half-closed connection is of no use to anybody.
    if (!this.#closing) {
      this.#closing = true
      this.#put(64, () => this.other.#ended(reason))
    }
    handlers?.onClose(reason)
  }

  #finish(): void {
    this.over = true
    this.#handlers = undefined
    this.onEnd()
    this.#resolveClosed()
    this.#link.checkOver()
  }
}
