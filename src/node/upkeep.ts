/**
 * What keeps a node's disk in order, beside the log and the state themselves: compaction of the
 * log, snapshots that come and go, free space, and the search for rot. The node asks it on every
 * tick and tells it what the core wants of it.
 */
import { QuorateError } from '../errors.ts'
import type { Clock, Disk } from '../ports.ts'
import type { Logger } from '../logger.ts'
import type { Raft, Ready } from '../raft/index.ts'
import type { StateMachine } from '../state/index.ts'
import type { SnapshotFrame, StateFrame, WireError } from '../transport/index.ts'
import type { LogStore } from '../wal/index.ts'
import { CatchingUp } from './catching-up.ts'
import { Compactor } from './compactor.ts'
import { DiskSpace } from './disk-space.ts'
import { FollowersNeed } from './followers-need.ts'
import type { Generations } from './generations.ts'
import { wireError } from './replies.ts'
import { ScrubLoop } from './scrub-loop.ts'
import { SnapshotReceiver } from './snapshot-receiver.ts'
import type { ReceivedSnapshot } from './snapshot-receiver.ts'
import { SnapshotSender } from './snapshot-sender.ts'
import type { StorageCaps } from './storage.ts'

interface UpkeepOptions {
  readonly clock: Clock
  readonly disk: Disk
  readonly logger: Logger
  readonly dataDirectory: string
  readonly caps: StorageCaps
  readonly raft: Raft
  readonly log: LogStore
  readonly state: StateMachine
  readonly generations: Generations
  readonly send: (to: string, frame: StateFrame) => boolean
  /** Something changed that the core has to go on with. */
  readonly wake: () => void
  readonly onReceived: (received: ReceivedSnapshot) => void
  readonly onFailure: (error: unknown) => void
  readonly onStateFailure: (error: unknown) => void
}

export class Upkeep {
  readonly #raft: Raft
  readonly #compactor: Compactor
  readonly #followers: FollowersNeed
  readonly #space: DiskSpace
  readonly #sender: SnapshotSender
  readonly #receiver: SnapshotReceiver
  readonly #scrub: ScrubLoop

  constructor(options: UpkeepOptions) {
    const { clock, disk, logger, dataDirectory, caps, raft, log, state } = options
    const { generations, send, wake, onReceived, onFailure, onStateFailure } = options
    this.#raft = raft
    this.#space = new DiskSpace({ disk, path: dataDirectory, floorBytes: caps.freeSpaceFloorBytes })
    this.#sender = new SnapshotSender({
      clock,
      logger,
      send,
      open: () => state.openExport(),
      offer: (to, snapshot) => {
        const taken = raft.offerSnapshot(to, snapshot)
        wake()
        return taken
      },
      lost: (to) => {
        raft.snapshotLost(to)
        wake()
      },
      needs: (to) => this.#needsSnapshot(to),
      catchingUp: new CatchingUp({
        matchIndexOf: (id) => this.#matchIndexOf(id),
        lastIndex: () => log.lastIndex,
      }),
      onFailure: onStateFailure,
    })
    this.#receiver = new SnapshotReceiver({
      clock,
      logger,
      room: this.#space,
      generations,
      send,
      onFailed: () => raft.snapshotFailed(),
      isUseful: (snapshot) => raft.isSnapshotUseful(snapshot),
      onReceived,
    })
    this.#followers = new FollowersNeed({
      followers: () =>
        raft.status().peers.filter(({ active, state }) => active && state !== 'snapshot'),
      lastIndex: () => log.lastIndex,
    })
    this.#compactor = new Compactor({
      logger,
      log,
      state,
      ...caps,
      stepBytes: caps.segmentBytes / 2,
      followersNeed: (pressed) => this.#followers.needed(pressed),
      snapshotsNeed: () => this.#snapshotsNeed(),
      owedIndex: () => this.#sender.owedIndex,
      owedBytes: () => this.#sender.owedBytes,
      onCompacted: (base) => raft.compacted(base),
      onFailure,
      onStateFailure,
    })
    this.#scrub = new ScrubLoop({
      clock,
      logger,
      state,
      bytesPerSecond: caps.scrubBytesPerSecond,
      onFailure: onStateFailure,
    })
  }

  /** As last seen, bytes; undefined where nobody can tell. */
  get freeBytes(): number | undefined {
    return this.#space.freeBytes
  }

  get diskFull(): boolean {
    return this.#space.isLow
  }

  /** The snapshot that is being fetched, or for which there is no room; undefined: none. */
  get fetching(): string | undefined {
    return this.#receiver.progress
  }

  /** Why no write is taken; undefined: they are. */
  refusal(): WireError | undefined {
    if (!this.#space.isLow) return undefined
    return wireError('QUORATE_DISK_FULL', 'the disk is nearly full, so no writes are taken', {
      details: { retryAfter: 1_000 },
    })
  }

  /** Whether entries from a leader must be refused, too: the disk could not hold them. */
  get refusesEntries(): boolean {
    return this.#space.isNearlyGone
  }

  start(): void {
    this.#scrub.start()
  }

  tick(now: number): void {
    this.#space.tick(now)
    this.#followers.tick(now)
    this.#compactor.tick(now, this.#space.isLow)
    this.#sender.tick(now)
    this.#receiver.tick(now)
  }

  /** What the core wants. */
  attend({ snapshotsWanted, snapshotOffered, roleChange }: Ready): void {
    if (roleChange !== undefined && roleChange.role !== 'leader') this.#sender.closeAll()
    for (const to of snapshotsWanted) this.#sender.wanted(to)
    if (snapshotOffered !== undefined) {
      this.#receiver.offered(snapshotOffered.from, snapshotOffered.snapshot)
    }
  }

  /** A frame of a snapshot's transfer, in either direction. */
  onFrame(from: string, frame: SnapshotFrame): void {
    if (frame.type === 'snapshotRequest') this.#sender.asked(from, frame)
    else this.#receiver.answered(from, frame)
  }

  /** Drops what the log can do without. */
  async compactNow(): Promise<void> {
    if (this.#raft.status().stateMissing) {
      throw new QuorateError('QUORATE_OVERLOADED', 'the state is being fetched from the leader', {
        details: { retryAfter: 1_000 },
      })
    }
    await this.#compactor.compactNow()
  }

  /** Ends all of it; nothing is touched after it resolves. */
  async stop(): Promise<void> {
    await Promise.all([
      this.#compactor.stop(),
      this.#space.stop(),
      this.#sender.stop(),
      this.#receiver.stop(),
      this.#scrub.stop(),
    ])
  }

  #needsSnapshot(to: string): boolean {
    return this.#raft.status().peers.some(({ id, state }) => id === to && state === 'snapshot')
  }

  #matchIndexOf(follower: string): number | undefined {
    const found = this.#raft.status().peers.find(({ id }) => id === follower)
    return found?.active === true && found.state !== 'snapshot' ? found.matchIndex : undefined
  }

  /** Who installs a snapshot goes on behind it. */
  #snapshotsNeed(): number {
    let needed = this.#sender.heldIndex
    for (const { snapshotIndex } of this.#raft.status().peers) {
      needed = Math.min(needed, snapshotIndex ?? Infinity)
    }
    return needed
  }
}
