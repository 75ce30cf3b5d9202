/**
 * Fetches a snapshot that the leader offered (paper, section 7), frame by frame, into a generation
 * of the state of its own. This node asks for every frame: what is lost is asked for again, a slow
 * disk here slows the sender down, and a link that was cut only delays the next frame.
 *
 * The live state is not touched. Once the new one is whole and durable, its owner ends the node and
 * starts it again on it: there is no moment in which a running node has two states.
 *
 * Until then the disk holds both, so none is begun where there is little room, and one under way is
 * left aside before it takes what the log needs. How large a snapshot is nobody knows beforehand;
 * what an attempt got of it tells the next one how much room there must be at least. That is a
 * guess, too high where somebody else had the room or the next snapshot is smaller, too low where
 * LevelDB takes more: so it is forgotten in time, and attempts that fail come ever more rarely.
 */
import type { Logger } from '../logger.ts'
import type { Clock } from '../ports.ts'
import type { EntryId } from '../raft/index.ts'
import { StateImport } from '../state/index.ts'
import type { SnapshotFrame } from '../transport/index.ts'
import type { Generations } from './generations.ts'

/**
 * A frame that did not come within this time is asked for again; so is one that is being written,
 * as a sign of life: whoever asks for nothing for long is taken for gone.
 */
const askAgainMs = 1_000
/** After so long without a frame the fetch is given up; the leader offers anew. */
const silenceMsMax = 30_000
/** After a failure offers are ignored for so long: the disk may be full, or the sender broken. */
const pauseAfterFailureMs = 2_000
/** Of what an attempt got before it ran out of room: so much must there be for the next one. */
const moreThanBefore = 1.25
/** That is forgotten after so long. */
const roomForgottenMs = 600_000
/** The pause behind each further attempt that ran out of room is so many times as long. */
const rarer = 4
/** An offer is repeated more often; who is offered nothing any more waits for no room either. */
const offersForgottenMs = 5_000

/** A snapshot that is whole and durable in a generation that is not the live one yet. */
export interface ReceivedSnapshot {
  readonly generation: number
  readonly snapshot: EntryId
}

/** What is known of the disk, see `DiskSpace`. */
interface Room {
  /** Undefined where nobody can tell. */
  readonly freeBytes: number | undefined
  readonly isLow: boolean
  readonly isNearlyGone: boolean
}

interface ReceiverOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly room: Room
  readonly generations: Generations
  readonly send: (to: string, frame: SnapshotFrame) => boolean
  /** The fetch broke off: the core may tell of the next offer. */
  readonly onFailed: () => void
  /** Whether the log still lacks what it stands for: while it was fetched, entries may have come. */
  readonly isUseful: (snapshot: EntryId) => boolean
  readonly onReceived: (received: ReceivedSnapshot) => void
}

/** Times are monotonic ms. */
interface Shortage {
  /** There must be so much free space, */
  readonly neededBytes: number
  /** and this moment must have come, */
  readonly notBefore: number
  /** or this one. */
  readonly forgottenAt: number
  /** How long that pause was. */
  readonly pauseMs: number
}

interface Fetching {
  readonly from: string
  readonly snapshot: EntryId
  readonly generation: number
  readonly rows: StateImport
  /** The frame that is asked for, or being written; at the end the last one. */
  next: number
  /** Of the frames that came. */
  bytes: number
  /** A frame is being written, or all is being made durable: another copy may come meanwhile. */
  writing: boolean
  /** Its end stands in the queue of work: once is enough, however long the work before it takes. */
  isLeaving: boolean
  /** Monotonic ms. */
  askedAt: number
  heardAt: number
}

export class SnapshotReceiver {
  readonly #options: ReceiverOptions
  #fetching: Fetching | undefined
  /** One thing after the other: beginnings, frames and ends of fetches touch the same files. */
  #work: Promise<void> = Promise.resolve()
  #beginning: { readonly from: string; readonly snapshot: EntryId; askedAt: number } | undefined
  #pauseUntil = -Infinity
  /** What the last attempt that ran out of room says of the next ones; undefined: none did. */
  #shortage: Shortage | undefined
  /** The offer that was refused for want of room, and when: monotonic ms. */
  #refused: { readonly from: string; readonly snapshot: EntryId; readonly at: number } | undefined
  #stopped = false

  constructor(options: ReceiverOptions) {
    this.#options = options
  }

  /** What is being fetched, or what for want of room is not; for the operator. */
  get progress(): string | undefined {
    if (this.#fetching !== undefined) {
      const { snapshot, from, next } = this.#fetching
      return `a snapshot at entry ${snapshot.index} from ${from}, frame ${next}`
    }
    if (this.#refused === undefined) return undefined
    const { snapshot, from } = this.#refused
    return `room on its disk for a snapshot at entry ${snapshot.index} from ${from}`
  }

  /** The leader offers a snapshot that this node needs. */
  offered(from: string, snapshot: EntryId): void {
    const { clock, onFailed } = this.#options
    const known = this.#fetching
    if (known !== undefined && known.from === from && isSame(known.snapshot, snapshot)) return
    const beginning = this.#beginning
    if (beginning?.from === from && isSame(beginning.snapshot, snapshot)) return
    // Not now, but the core must tell of it again: what is being begun may be nobody's any more.
    if (beginning !== undefined || clock.monotonic() < this.#pauseUntil) {
      onFailed()
      return
    }
    if (!this.#hasRoom()) {
      this.#refuse(from, snapshot)
      onFailed()
      return
    }
    this.#refused = undefined
    this.#beginning = { from, snapshot, askedAt: clock.monotonic() }
    this.#enqueue(async () => {
      try {
        await this.#drop()
        if (!this.#stopped) await this.#begin(from, snapshot)
      } finally {
        this.#beginning = undefined
      }
    })
  }

  /** A frame of the peer protocol that answers a request of ours. */
  answered(from: string, frame: SnapshotFrame): void {
    const fetching = this.#fetching
    if (fetching === undefined || fetching.from !== from) return
    if (!isSame(fetching.snapshot, frame.snapshot)) return
    if (frame.type === 'snapshotUnknown') {
      this.#leave(fetching, () => this.#giveUp(fetching, 'the sender no longer has it'))
      return
    }
    if (frame.type !== 'snapshotFrame') return
    // A copy of an earlier one as well: the link is slow, and nobody is silent.
    fetching.heardAt = this.#options.clock.monotonic()
    if (frame.frame !== fetching.next || fetching.writing) return
    fetching.writing = true
    const { bytes } = frame
    this.#enqueue(() => this.#write(fetching, bytes))
  }

  /** Called often: asks again for what was lost, and gives up in time. */
  tick(now: number): void {
    if (this.#refused !== undefined && now - this.#refused.at > offersForgottenMs) {
      this.#refused = undefined
    }
    const beginning = this.#beginning
    if (beginning !== undefined && now - beginning.askedAt > askAgainMs) {
      beginning.askedAt = now
      this.#request(beginning.from, beginning.snapshot, 0)
    }
    const fetching = this.#fetching
    if (fetching === undefined || fetching.isLeaving) return
    const { room } = this.#options
    if (room.isNearlyGone) {
      const neededBytes = (room.freeBytes ?? 0) + moreThanBefore * fetching.bytes
      this.#leave(fetching, () => this.#runOut(fetching, neededBytes))
    } else if (!fetching.writing && now - fetching.heardAt > silenceMsMax) {
      this.#leave(fetching, () => this.#giveUp(fetching, 'the sender fell silent'))
    } else if (now - fetching.askedAt > askAgainMs) {
      this.#ask(fetching)
    }
  }

  /** Ends, and removes what was not whole. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#enqueue(() => this.#drop())
    await this.#work
  }

  #hasRoom(): boolean {
    const { clock, room } = this.#options
    const { isLow, freeBytes = Infinity } = room
    if (isLow) return false
    const shortage = this.#shortage
    const now = clock.monotonic()
    if (shortage === undefined || now >= shortage.forgottenAt) return true
    return now >= shortage.notBefore && freeBytes >= shortage.neededBytes
  }

  /** The leader offers again and again: it is told once. */
  #refuse(from: string, snapshot: EntryId): void {
    const { logger, clock, room } = this.#options
    if (this.#refused === undefined) {
      logger.warn('there is no room for a snapshot', {
        from,
        index: snapshot.index,
        freeBytes: room.freeBytes,
      })
    }
    this.#refused = { from, snapshot, at: clock.monotonic() }
  }

  async #begin(from: string, snapshot: EntryId): Promise<void> {
    const { generations, logger, clock } = this.#options
    const generation = await generations.unused()
    logger.info('fetching a snapshot', { from, index: snapshot.index, generation })
    const rows = await this.#openImport(generation, snapshot)
    const now = clock.monotonic()
    const fetching: Fetching = {
      from,
      snapshot,
      generation,
      rows,
      next: 0,
      bytes: 0,
      writing: false,
      isLeaving: false,
      askedAt: now,
      heardAt: now,
    }
    this.#fetching = fetching
    this.#ask(fetching)
  }

  async #openImport(generation: number, snapshot: EntryId): Promise<StateImport> {
    const { generations, logger } = this.#options
    try {
      const database = await generations.open(generation)
      return await StateImport.open({ database, logger, expected: snapshot })
    } catch (error) {
      await generations.remove(generation)
      throw error
    }
  }

  #ask(fetching: Fetching): void {
    const { clock } = this.#options
    fetching.askedAt = clock.monotonic()
    this.#request(fetching.from, fetching.snapshot, fetching.next)
  }

  #request(from: string, snapshot: EntryId, frame: number): void {
    this.#options.send(from, { type: 'snapshotRequest', snapshot, frame })
  }

  async #write(fetching: Fetching, bytes: Uint8Array): Promise<void> {
    // It was given up while the frame waited its turn.
    if (this.#fetching !== fetching) return
    const { done } = await fetching.rows.write(bytes)
    fetching.bytes += bytes.length
    if (!done) {
      fetching.next++
      fetching.writing = false
      // The time that the writing took was not the sender's.
      fetching.heardAt = this.#options.clock.monotonic()
      this.#ask(fetching)
      return
    }
    const summary = await fetching.rows.finish()
    this.#fetching = undefined
    const { generation, snapshot } = fetching
    const { logger, generations, isUseful, onReceived, onFailed } = this.#options
    const { rows, bytes: size } = summary
    logger.info('a snapshot is whole', { index: snapshot.index, rows, bytes: size })
    if (!this.#stopped && isUseful(snapshot)) {
      onReceived({ generation, snapshot })
      return
    }
    await generations.remove(generation)
    if (!this.#stopped) onFailed()
  }

  #leave(fetching: Fetching, step: () => Promise<void>): void {
    if (fetching.isLeaving) return
    fetching.isLeaving = true
    this.#enqueue(step)
  }

  async #runOut(fetching: Fetching, neededBytes: number): Promise<void> {
    if (this.#fetching !== fetching) return
    const now = this.#options.clock.monotonic()
    const before = this.#shortage?.pauseMs
    const pauseMs =
      before === undefined ? pauseAfterFailureMs : Math.min(roomForgottenMs, before * rarer)
    const forgottenAt = now + roomForgottenMs
    this.#shortage = { neededBytes, notBefore: now + pauseMs, forgottenAt, pauseMs }
    await this.#giveUp(fetching, 'there is no room for it')
  }

  async #giveUp(fetching: Fetching, reason: string): Promise<void> {
    if (this.#fetching !== fetching) return
    await this.#drop()
    this.#failed(reason)
  }

  /** Leaves a fetch aside, with what it has written. */
  async #drop(): Promise<void> {
    const fetching = this.#fetching
    if (fetching === undefined) return
    this.#fetching = undefined
    await fetching.rows.abort()
    await this.#options.generations.remove(fetching.generation)
  }

  #failed(reason: string): void {
    const { logger, clock, onFailed } = this.#options
    logger.warn('a snapshot was not fetched to its end', { reason })
    this.#pauseUntil = clock.monotonic() + pauseAfterFailureMs
    if (!this.#stopped) onFailed()
  }

  /**
   * Whatever goes wrong here, bad frames or a full disk, touches only the generation that is being
   * made: the node goes on as it is.
   */
  #enqueue(step: () => Promise<void>): void {
    this.#work = this.#work.then(step).catch(async (error: unknown) => {
      await this.#drop().catch((cause: unknown) => {
        this.#options.logger.warn('while a snapshot was left aside', { error: String(cause) })
      })
      this.#failed(String(error))
    })
  }
}

function isSame(a: EntryId, b: EntryId): boolean {
  return a.index === b.index && a.term === b.term
}
