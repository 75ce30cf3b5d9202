/**
 * One reader, several replicas: a bounded window over the offers of a source.
 *
 * Every replica writes every record, but a pipe can only be read once. The window runs from the
 * slowest replica's place to the last offer read, and the reader waits while it is full.
 */
import { assert, present } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import type { Offer } from './records.ts'
import { Wakeup } from './wakeup.ts'

/** The reader waits while the window holds this many offers, or bytes, or more. */
export const windowOffersMax = 4096
export const windowBytesMax = 8_388_608

/** A replica's place in the window. */
export interface Cursor {
  /** The next offer, or undefined where none has been read yet. */
  take(): StampedOffer | undefined
  /** Waits for an offer; false: none will come. */
  more(): Promise<boolean>
}

/** An offer with the moment at which it was first taken, which is the same for all replicas. */
export interface StampedOffer {
  readonly offer: Offer
  readonly tokenTime: number
}

/** An offer in the window; undefined: nobody has taken it yet. */
interface Waiting {
  readonly offer: Offer
  tokenTime: number | undefined
}

/** Options of `FanOut`. */
export interface FanOutOptions {
  readonly offers: AsyncIterable<readonly Offer[]>
  readonly replicas: number
  readonly tokenNow: () => number
  /** An error that is not an operating error: the run ends with it. */
  readonly onFatal: (error: unknown) => void
}

/** See the top of this file. */
export class FanOut {
  readonly cursors: readonly Cursor[]
  readonly #options: FanOutOptions
  /** The window. Invariant: `#places[i]` counts from 0 to `#window.length`; one of them is 0. */
  readonly #window: Waiting[] = []
  readonly #places: number[]
  readonly #changed = new Wakeup()
  readonly #room = new Wakeup()
  #bytes = 0
  #lines = 0
  #ended = false
  #stopped = false
  #failure: QuorateError | undefined

  constructor(options: FanOutOptions) {
    assert(options.replicas >= 1, 'somebody takes what is read')
    this.#options = options
    this.#places = Array.from({ length: options.replicas }, () => 0)
    this.cursors = this.#places.map((_, replica) => ({
      take: () => this.#take(replica),
      more: async () => await this.#more(replica),
    }))
  }

  /** Lines read so far. */
  get lines(): number {
    return this.#lines
  }

  /** Why the source ended before its time. What came before is still handed out. */
  get failure(): QuorateError | undefined {
    return this.#failure
  }

  /** Reads to the end of the source, or until `stop`. Never rejects. */
  async read(): Promise<void> {
    const iterator = this.#options.offers[Symbol.asyncIterator]()
    try {
      await this.#pump(iterator)
    } catch (error) {
      if (error instanceof QuorateError) this.#failure = error
      else this.#options.onFatal(error)
    } finally {
      this.#ended = true
      this.#changed.wake()
    }
  }

  /** Ends the window at once: whoever waits is told that nothing more comes. */
  stop(): void {
    this.#stopped = true
    this.#window.length = 0
    this.#places.fill(0)
    this.#bytes = 0
    this.#changed.wake()
    this.#room.wake()
  }

  async #pump(iterator: AsyncIterator<readonly Offer[]>): Promise<void> {
    for (;;) {
      while (this.#isFull() && !this.#stopped) await this.#room.wait()
      if (this.#stopped) break
      const next = await iterator.next()
      if (next.done === true) return
      if (this.#stopped) break
      this.#add(next.value)
    }
    // The source may hold a file open, or wait for its next interval.
    await iterator.return?.()
  }

  #add(offers: readonly Offer[]): void {
    for (const offer of offers) {
      this.#window.push({ offer, tokenTime: undefined })
      this.#bytes += sizeOf(offer)
      this.#lines += 1
    }
    this.#changed.wake()
  }

  #isFull(): boolean {
    return this.#window.length >= windowOffersMax || this.#bytes >= windowBytesMax
  }

  #take(replica: number): StampedOffer | undefined {
    const place = present(this.#places[replica], 'the cursor belongs to this window')
    const waiting = this.#window[place]
    if (waiting === undefined) return undefined
    // Not when it was read: reading begins before anyone is connected, and the cluster's time is
    // not known until somebody is. Nothing was sent of it before it was taken.
    waiting.tokenTime ??= this.#options.tokenNow()
    const { offer, tokenTime } = waiting
    this.#places[replica] = place + 1
    if (place === 0) this.#trim()
    return { offer, tokenTime }
  }

  /** Lets go of what every replica has taken. */
  #trim(): void {
    const taken = Math.min(...this.#places)
    if (taken === 0) return
    for (const { offer } of this.#window.splice(0, taken)) this.#bytes -= sizeOf(offer)
    for (let i = 0; i < this.#places.length; i++) {
      this.#places[i] = present(this.#places[i], 'every replica has a place') - taken
    }
    assert(this.#bytes >= 0, 'the window holds no less than nothing')
    if (!this.#isFull()) this.#room.wake()
  }

  async #more(replica: number): Promise<boolean> {
    for (;;) {
      if (this.#stopped) return false
      const place = present(this.#places[replica], 'the cursor belongs to this window')
      if (place < this.#window.length) return true
      if (this.#ended) return false
      await this.#changed.wait()
    }
  }
}

function sizeOf(offer: Offer): number {
  return offer.kind === 'record' ? offer.bytes.length : 0
}
