/**
 * One direction of a relayed connection: a queue between what one side sends and what the other
 * gets, where the rules do their work.
 *
 * What a rule does to a message is decided when it arrives. A silent cut is different: it stops the
 * way out, and what stands in the queue is delivered when the cut is gone, late and in order. So
 * would TCP do it, which goes on repeating what was never confirmed. Ends of the connection stand
 * in the same queue, and so nobody hears of a close across a cut either.
 */
import type { Chance } from '../../workloads/workload.ts'
import type { Party } from '../links.ts'
import { clients } from '../links.ts'
import type { RelayClock } from './clock.ts'
import { garbageFrame } from './garbage.ts'
import type { RelayRule, RuleBook } from './rules.ts'
import { SplitError, Splitter } from './splitter.ts'
import type { Side, Unit } from './splitter.ts'

/** Beyond this, reading from the side that sends stops until half of it is gone. */
export const laneBytesMax = 256 * 1024
/** The same, for many small messages. */
const laneItemsMax = 4096
/** Under a bandwidth: so much of it waits here at most, and the rest in the sockets. */
const bandwidthBacklogMs = 100
/** How late a message may come that is overtaken by others. */
const straggleMsMax = 50
/** The kind of the peers' frame that carries messages of Raft, which may be repeated and moved. */
const messagesFrame = 3

/** Where the bytes come from. */
export interface LaneSource {
  pause(): unknown
  resume(): unknown
  resetAndDestroy(): unknown
}

/** Where they go. */
export interface LaneSink {
  /** False: it has enough until it says `drain`. */
  write(bytes: Buffer): boolean
  once(event: 'drain', listener: () => void): unknown
  end(): unknown
  resetAndDestroy(): unknown
}

/** What a lane is made of. */
export interface LaneParts {
  readonly from: Party
  readonly to: Party
  readonly side: Side
  readonly source: LaneSource
  readonly rules: RuleBook
  readonly chance: Chance
  readonly clock: RelayClock
}

/** How a side ended: in order, or broken. */
export type Ending = 'end' | 'reset'

interface Item {
  readonly due: number
  readonly what: Buffer | Ending
}

export class Lane {
  readonly #parts: LaneParts
  readonly #splitter: Splitter
  readonly #betweenNodes: boolean
  #sink: LaneSink | 'none yet' | 'gone' = 'none yet'
  #silentCuts: readonly RelayRule[] = []
  /** All others. */
  #rules: readonly RelayRule[] = []
  /** By due time; those of the same time in the order in which they came. */
  readonly #queue: Item[] = []
  #queuedBytes = 0
  #bytesMax = laneBytesMax
  /** Invariant: no message that keeps its place is due before it. */
  #lastDue = 0
  #paused = false
  #draining = false
  #ended = false
  #cancelTimer: (() => void) | undefined

  constructor(parts: LaneParts) {
    this.#parts = parts
    this.#splitter = new Splitter(parts.side)
    this.#betweenNodes = parts.from !== clients && parts.to !== clients
    this.#readRules()
  }

  /** What the source sent. */
  push(bytes: Buffer): void {
    if (this.#ended) return
    if (this.#sink === 'gone') {
      // The other end has closed: a TCP of its own would answer with a reset, if it heard of this.
      if (!this.#cut) this.#parts.source.resetAndDestroy()
      return
    }
    try {
      for (const unit of this.#splitter.push(bytes)) this.#admit(unit)
    } catch (error) {
      if (!(error instanceof SplitError)) throw error
      this.finish('reset')
      this.#parts.source.resetAndDestroy()
      return
    }
    this.#pump()
    this.#limit()
  }

  /** The source has ended; so will the sink, after all that was sent before. */
  finish(how: Ending): void {
    if (this.#ended) return
    const rest = this.#splitter.rest()
    if (rest !== undefined && how === 'end') this.#append(rest, this.#parts.clock.now())
    this.#append(how, this.#parts.clock.now())
    this.#ended = true
    this.#pump()
  }

  /** There is somebody to deliver to. */
  attach(sink: LaneSink): void {
    this.#sink = sink
    this.#pump()
  }

  /** Nobody will take anything any more. */
  sinkGone(): void {
    this.#sink = 'gone'
    this.#draining = false
    this.#clear()
    this.#limit()
  }

  /** Rules came or went. `released`: what was held back for one that went goes out now. */
  rulesChanged(released: boolean): void {
    this.#readRules()
    if (released) {
      const now = this.#parts.clock.now()
      this.#lastDue = now
      for (const [i, item] of this.#queue.entries()) this.#queue[i] = { ...item, due: now }
    }
    this.#pump()
    this.#limit()
  }

  /** Forgets everything and stops its timer. */
  close(): void {
    this.#ended = true
    this.#sink = 'gone'
    this.#clear()
  }

  get #cut(): boolean {
    return this.#silentCuts.length > 0
  }

  #readRules(): void {
    const { rules, from, to } = this.#parts
    this.#silentCuts = rules.cuts(from, to, 'silent')
    this.#rules = rules.of(from, to).filter((rule) => !this.#silentCuts.includes(rule))
    const backlogs = this.#rules.flatMap(({ effect }) =>
      effect.type === 'bandwidth' ? [(effect.bytesPerSecond * bandwidthBacklogMs) / 1000] : [],
    )
    this.#bytesMax = Math.min(laneBytesMax, ...backlogs)
  }

  #admit(unit: Unit): void {
    const { from, to, side, chance, clock } = this.#parts
    const now = clock.now()
    const isRaft = this.#betweenNodes && unit.kind === 'message' && unit.frameKind === messagesFrame
    let bytes = unit.bytes
    let due = now
    let repeated = false
    let straggles = false
    for (const rule of this.#silentCuts) rule.affected++
    for (const rule of this.#rules) {
      const { effect } = rule
      switch (effect.type) {
        case 'cut':
          // One with resets, for connections that are opened in its direction: this one was not.
          break
        case 'delay':
          due += Math.max(0, effect.ms + effect.jitterMs * (2 * chance.fraction() - 1))
          rule.affected++
          break
        case 'bandwidth': {
          const sent = rule.sentAt(from, to, bytes.length, effect.bytesPerSecond, now)
          rule.affected++
          due = Math.max(due, sent)
          break
        }
        case 'loss':
          if (unit.kind !== 'message' || chance.fraction() >= effect.share) break
          rule.affected++
          return
        case 'duplicate':
          if (!isRaft || chance.fraction() >= effect.share) break
          rule.affected++
          repeated = true
          break
        case 'reorder':
          if (!isRaft || chance.fraction() >= effect.share) break
          rule.affected++
          straggles = true
          break
        case 'corrupt':
          if (!this.#betweenNodes || unit.kind !== 'message' || chance.fraction() >= effect.share) {
            break
          }
          rule.affected++
          bytes = garbageFrame(side, chance)
          break
      }
    }
    if (straggles) this.#insert(bytes, due + chance.between(1, straggleMsMax))
    else this.#append(bytes, due)
    // A copy comes at once or late, past others: both happen where a route is doubled.
    if (!repeated) return
    if (chance.fraction() < 0.5) this.#append(bytes, due)
    else this.#insert(bytes, due + chance.between(1, straggleMsMax))
  }

  /** Behind everything that keeps its place. */
  #append(what: Buffer | Ending, due: number): void {
    this.#lastDue = Math.max(this.#lastDue, due)
    // An end comes last of all, also behind those that were overtaken.
    const last = typeof what === 'string' ? (this.#queue.at(-1)?.due ?? 0) : 0
    this.#insert(what, Math.max(this.#lastDue, last))
  }

  #insert(what: Buffer | Ending, due: number): void {
    let place = this.#queue.length
    while (place > 0 && (this.#queue[place - 1]?.due ?? 0) > due) place--
    this.#queue.splice(place, 0, { due, what })
    this.#queuedBytes += bytesOf(what)
  }

  /** Delivers what is due, as long as somebody takes it. */
  #pump(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    for (;;) {
      const sink = this.#sink
      const next = this.#queue[0]
      if (next === undefined || this.#cut || this.#draining) return
      if (sink === 'none yet' || sink === 'gone') return
      const wait = next.due - this.#parts.clock.now()
      if (wait > 0) {
        this.#cancelTimer = this.#parts.clock.after(wait, () => {
          this.#pump()
          this.#limit()
        })
        return
      }
      this.#queue.shift()
      this.#queuedBytes -= bytesOf(next.what)
      this.#deliver(sink, next.what)
    }
  }

  #deliver(sink: LaneSink, what: Buffer | Ending): void {
    if (what === 'end') sink.end()
    else if (what === 'reset') sink.resetAndDestroy()
    else if (!sink.write(what)) {
      this.#draining = true
      sink.once('drain', () => {
        this.#draining = false
        this.#pump()
        this.#limit()
      })
    }
  }

  /** Back-pressure: the source is read as fast as the queue empties. */
  #limit(): void {
    const share = this.#paused ? 0.5 : 1
    const full =
      this.#queuedBytes > this.#bytesMax * share || this.#queue.length > laneItemsMax * share
    if (full === this.#paused) return
    this.#paused = full
    if (full) this.#parts.source.pause()
    else this.#parts.source.resume()
  }

  #clear(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#queue.length = 0
    this.#queuedBytes = 0
  }
}

function bytesOf(what: Buffer | Ending): number {
  return typeof what === 'string' ? 0 : what.length
}
