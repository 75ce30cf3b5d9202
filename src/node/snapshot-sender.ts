/**
 * Serves snapshots to followers that need what the log no longer has. Each gets a view of the state
 * of its own, pinned at one entry, and asks for its frames; nothing is read ahead, so a slow
 * follower costs one frame of memory. While it is being served, and until it has caught up, the log
 * is kept from that entry on: else a slow transfer would end behind the log again, for ever.
 */
import type { Logger } from '../logger.ts'
import type { Clock } from '../ports.ts'
import type { EntryId } from '../raft/index.ts'
import type { StateExport } from '../state/index.ts'
import type { SnapshotFrame } from '../transport/index.ts'
import type { CatchingUp } from './catching-up.ts'
import { isOverloaded, isUsage } from './damage.ts'

/** Followers served at the same time; the others wait. */
const transfersMax = 2
/**
 * Views open at the same time. One more than are served: who got its last frame puts the snapshot
 * in place, or has died over it, and needs nothing but that its view is still there.
 */
const viewsMax = 3
/** A follower that asks for nothing for so long is no longer served. */
const idleMsMax = 60_000
/**
 * The same while others wait their turn: one that can be reached asks again every second, so it
 * loses nothing; members that are gone for long would keep those that are there from being served.
 */
const idleMsWhileOthersWaitMax = 5_000
/**
 * What the link has taken is not sent again before, whoever asks: on a slow one it is on its way, and
 * copies of it would hold up all that follows. Where the frame before it took longer than that, not
 * before half as much again.
 */
const repeatMsLeast = 3_000
const repeatMsMost = 25_000
const patience = 3 / 2
/** How often a follower that waits its turn is looked at again. */
const retryMs = 500

interface SenderOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly open: () => Promise<StateExport>
  /** False: nobody waits for it any more. */
  readonly offer: (to: string, snapshot: EntryId) => boolean
  /** What was offered is not served any more. */
  readonly lost: (to: string) => void
  readonly send: (to: string, frame: SnapshotFrame) => boolean
  /** Whether a follower still needs one. */
  readonly needs: (to: string) => boolean
  /** Who got a snapshot goes on here. */
  readonly catchingUp: CatchingUp
  /** The state failed under the reading. */
  readonly onFailure: (error: unknown) => void
}

interface Transfer {
  readonly to: string
  readonly view: StateExport
  /** It has asked for a frame: it is there, and takes what it is offered. */
  isTaken: boolean
  /** Its last frame was sent. What the follower does with it takes long, and it asks no more. */
  isWhole: boolean
  reading: boolean
  lastUsed: number
  sent: Sent | undefined
  /** Of the frames that were sent, each counted once. */
  bytes: number
}

/** Who had all of its snapshot and has no view any more. `until`: monotonic ms. */
interface GaveRoom {
  readonly index: number
  readonly bytes: number
  readonly until: number
}

/** The frame that was sent last. Times are monotonic ms. */
interface Sent {
  readonly frame: number
  readonly firstAt: number
  readonly waitMs: number
  /** From when on it may be sent again. */
  readonly repeatAt: number
}

/** `sent`: the one before, or this one before it is sent again; `askedAt`: for this one. */
function nextSent(sent: Sent | undefined, frame: number, askedAt: number, now: number): Sent {
  if (sent?.frame === frame) return { ...sent, repeatAt: now + sent.waitMs }
  const tookMs = sent?.frame === frame - 1 ? askedAt - sent.firstAt : 0
  const waitMs = Math.min(repeatMsMost, Math.max(repeatMsLeast, patience * tookMs))
  return { frame, firstAt: now, waitMs, repeatAt: now + waitMs }
}

export class SnapshotSender {
  readonly #options: SenderOptions
  readonly #transfers = new Map<string, Transfer>()
  /** Who waits for a view; a view is opened for one at a time. */
  readonly #waiting = new Set<string>()
  /**
   * Who had all of it and gave its view for another: it may go on from there still, so the log is
   * kept for it as if it had one, and it makes nobody else give theirs.
   */
  readonly #gaveRoom = new Map<string, GaveRoom>()
  #opening: Promise<void> | undefined
  #nextTry = 0
  #stopped = false

  constructor(options: SenderOptions) {
    this.#options = options
  }

  /** The log must be kept from behind this entry on; Infinity: nothing is being served. */
  get heldIndex(): number {
    let held = Infinity
    for (const { view } of this.#transfers.values()) held = Math.min(held, view.snapshot.index)
    for (const { index } of this.#gaveRoom.values()) held = Math.min(held, index)
    return held
  }

  /**
   * The same for those alone that take what they are offered, or catch up behind it: these the log
   * waits for. One that is merely offered something may be away for good.
   */
  get owedIndex(): number {
    let owed = this.#options.catchingUp.owedIndex
    for (const { view, isTaken } of this.#transfers.values()) {
      if (isTaken) owed = Math.min(owed, view.snapshot.index)
    }
    for (const { index } of this.#gaveRoom.values()) owed = Math.min(owed, index)
    return owed
  }

  /**
   * Bytes of the largest snapshot that one of those has got so far: the log that is kept for them may
   * become as large. It grows while the snapshot travels, as the log does.
   */
  get owedBytes(): number {
    let owed = this.#options.catchingUp.owedBytes
    for (const { bytes } of this.#transfers.values()) owed = Math.max(owed, bytes)
    for (const { bytes } of this.#gaveRoom.values()) owed = Math.max(owed, bytes)
    return owed
  }

  /** A follower needs a snapshot. */
  wanted(to: string): void {
    const known = this.#transfers.get(to)
    if (known !== undefined) this.#close(known)
    this.#waiting.add(to)
    this.#openNext()
  }

  /** A follower asks for a frame. */
  asked(from: string, frame: SnapshotFrame): void {
    if (frame.type !== 'snapshotRequest') return
    const { send, clock, onFailure } = this.#options
    const { snapshot, frame: number } = frame
    const transfer = this.#transfers.get(from)
    const served = transfer?.view.snapshot
    if (
      transfer === undefined ||
      served?.index !== snapshot.index ||
      served.term !== snapshot.term
    ) {
      send(from, { type: 'snapshotUnknown', snapshot })
      if (transfer === undefined && !this.#waiting.has(from)) this.#lose(from)
      return
    }
    transfer.lastUsed = clock.monotonic()
    transfer.isTaken = true
    this.#gaveRoom.delete(from)
    // Asked again while it is read, or sent: the answer is on its way.
    if (transfer.reading) return
    const { sent, lastUsed: askedAt } = transfer
    if (sent?.frame === number && askedAt < sent.repeatAt) return
    transfer.reading = true
    transfer.view.frame(number).then(
      ({ bytes, last }) => {
        transfer.reading = false
        if (this.#transfers.get(from) !== transfer) return
        transfer.isWhole ||= last
        if (!send(from, { type: 'snapshotFrame', snapshot, frame: number, bytes, last })) return
        // Frame 0 is a short header, which a follower asks for until it can take it.
        if (number === 0) return
        if (sent?.frame !== number) transfer.bytes += bytes.length
        transfer.sent = nextSent(sent, number, askedAt, clock.monotonic())
      },
      (error: unknown) => {
        transfer.reading = false
        if (this.#stopped || this.#transfers.get(from) !== transfer) return
        this.#close(transfer)
        if (!isUsage(error)) {
          // What the state says is the node's own affair.
          onFailure(error)
          return
        }
        // Most likely it begins anew, after a start or a silence, and the view is past that.
        send(from, { type: 'snapshotUnknown', snapshot })
        this.#lose(from)
      },
    )
  }

  /** Called often: ends what nobody needs, and begins what waits. */
  tick(now: number): void {
    const { needs, catchingUp } = this.#options
    catchingUp.tick(now)
    for (const to of this.#waiting) if (!needs(to)) this.#waiting.delete(to)
    const othersWait = this.#waiting.size > 0
    for (const transfer of this.#transfers.values()) {
      const idleMs = othersWait && !transfer.isWhole ? idleMsWhileOthersWaitMax : idleMsMax
      if (!needs(transfer.to)) {
        if (transfer.isTaken) catchingUp.add(transfer.to, transfer.bytes, now)
        this.#close(transfer)
      } else if (now - transfer.lastUsed > idleMs) {
        this.#drop(transfer)
      }
    }
    for (const [id, { bytes, until }] of this.#gaveRoom) {
      const goesOn = !needs(id)
      if (goesOn) catchingUp.add(id, bytes, now)
      if (goesOn || now > until) this.#gaveRoom.delete(id)
    }
    if ([...this.#waiting].some((id) => !this.#gaveRoom.has(id))) this.#makeRoom(now)
    if (now >= this.#nextTry) this.#openNext()
  }

  /** This node no longer leads: nobody will ask any more. */
  closeAll(): void {
    this.#waiting.clear()
    this.#gaveRoom.clear()
    this.#options.catchingUp.clear()
    for (const transfer of this.#transfers.values()) this.#close(transfer)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.closeAll()
    await this.#opening
  }

  #openNext(): void {
    const { clock, logger, onFailure, open, offer } = this.#options
    const [to] = this.#waiting
    if (to === undefined || this.#opening !== undefined || this.#stopped) return
    if (this.#transfers.size >= viewsMax || this.#served >= transfersMax) return
    this.#opening = open()
      .then(
        (view) => {
          if (this.#stopped || !this.#waiting.delete(to)) {
            this.#release(view)
            return
          }
          const transfer = {
            to,
            view,
            isTaken: false,
            isWhole: false,
            reading: false,
            lastUsed: clock.monotonic(),
            sent: undefined,
            bytes: 0,
          }
          this.#transfers.set(to, transfer)
          logger.info('offering a snapshot', { to, index: view.snapshot.index })
          if (!offer(to, view.snapshot)) this.#close(transfer)
        },
        (error: unknown) => {
          this.#nextTry = clock.monotonic() + retryMs
          if (!this.#stopped && !isOverloaded(error)) onFailure(error)
        },
      )
      .finally(() => {
        this.#opening = undefined
      })
  }

  /** How many are still to get frames. */
  get #served(): number {
    let served = 0
    for (const { isWhole } of this.#transfers.values()) if (!isWhole) served++
    return served
  }

  /** Where views are all that is missing, whoever has all of it and was silent longest gives its. */
  #makeRoom(now: number): void {
    if (this.#transfers.size < viewsMax || this.#served >= transfersMax) return
    let oldest: Transfer | undefined
    for (const transfer of this.#transfers.values()) {
      if (!transfer.isWhole) continue
      if (oldest === undefined || transfer.lastUsed < oldest.lastUsed) oldest = transfer
    }
    if (oldest === undefined || now - oldest.lastUsed <= idleMsWhileOthersWaitMax) return
    const { to, view, lastUsed, bytes } = oldest
    this.#gaveRoom.set(to, { index: view.snapshot.index, bytes, until: lastUsed + idleMsMax })
    this.#drop(oldest)
  }

  /** It is wanted again at once, behind those that wait already. */
  #drop(transfer: Transfer): void {
    this.#close(transfer)
    this.#options.lost(transfer.to)
  }

  /** What was offered will never be served: the core has to want another, or offers it for ever. */
  #lose(to: string): void {
    const { needs, lost } = this.#options
    if (needs(to)) lost(to)
  }

  #close(transfer: Transfer): void {
    this.#transfers.delete(transfer.to)
    this.#release(transfer.view)
  }

  #release(view: StateExport): void {
    view.close().catch((error: unknown) => {
      if (!this.#stopped) this.#options.onFailure(error)
    })
  }
}
