/**
 * L5: whatever piles up stays under its cap: entries without a quorum (etcd-io/raft,
 * TestUncommittedEntryLimit), what a slow follower or client is sent (`etcd#22051`), what is to be
 * applied. Cheap figures are looked at each time, the status of a core now and then.
 */
import { defaultLimits } from '../../../src/raft/index.ts'
import type { Message, RaftLimits, Ready } from '../../../src/raft/index.ts'
import type { Check, NodeView, SnapshotPiece, WorldView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'

/** Every so many Readies of all nodes together. */
const sampleEvery = 64
/** So long a log may be above its cap: it goes by segments, and the disk may be slow, ms. */
const tooLargeMsMax = 15_000
/** Entries that are applied in that time, where there is something to be dropped. */
const movingMin = 50
/** What an entry in memory counts beside its data; `src/raft/log.ts`. */
const entryOverheadBytes = 64

/** A log above its cap: since when all that it held then is applied, ms. */
interface TooLarge {
  readonly since: number
  readonly life: number
  readonly upTo: number
  /** What was applied then. */
  readonly applied: number
}

/** L5; see the head of the file. */
export class Caps implements Check {
  readonly name = 'L5'
  readonly #limits = new Map<NodeView, RaftLimits>()
  #readies = 0
  /** By node. */
  readonly #tooLarge = new Map<string, TooLarge>()
  readonly #world: Pick<WorldView, 'now'>
  /** Snapshots under way, by sender and receiver. */
  readonly #snapshots = new Map<string, { index: number; frame: number; bytes: number }>()
  /** Of the largest that was sent so far, or of what was sent of it. */
  #snapshotBytes = 0
  /** What one entry alone may need above a cap: the largest so far. */
  #largest = 0

  constructor(world: Pick<WorldView, 'now'>) {
    this.#world = world
  }

  onReady(node: NodeView, ready: Ready): void {
    for (const { data } of ready.entries) this.#largest = Math.max(this.#largest, data.length)
    const limits = this.#limitsOf(node)
    this.#most(node, 'messages at once', ready.messages.length, limits.outboxMessagesMax)
    const waiting = ready.messagesAfterPersist.length
    this.#most(node, 'messages behind the disk', waiting, limits.outboxMessagesMax)
    this.#batch(node, 'bytes to apply', ready.committedEntries, limits.applyBytesMax)
    if (++this.#readies % sampleEvery !== 0) return
    this.#sample(node, limits)
    this.#logBytes(node)
  }

  onSend(node: NodeView, message: Message): void {
    if (message.type !== 'appendEntries') return
    const { messageBytesMax, inflightEntriesMax } = this.#limitsOf(node)
    this.#batch(node, 'bytes of one message', message.entries, messageBytesMax)
    this.#most(node, 'entries of one message', message.entries.length, inflightEntriesMax)
  }

  onSnapshotFrame(node: NodeView, to: string, { snapshot, frame, bytes }: SnapshotPiece): void {
    const way = `${node.id} ${to}`
    let sent = this.#snapshots.get(way)
    if (sent?.index !== snapshot.index) {
      sent = { index: snapshot.index, frame: -1, bytes: 0 }
      this.#snapshots.set(way, sent)
    }
    if (frame <= sent.frame) return
    sent.frame = frame
    sent.bytes += bytes.length
    this.#snapshotBytes = Math.max(this.#snapshotBytes, sent.bytes)
  }

  #sample(node: NodeView, limits: RaftLimits): void {
    const status = node.raft?.status()
    if (status === undefined) return
    const { uncommittedEntries, uncommittedBytes, readsOutstanding, logBytes } = status
    // A lone proposal may be of any size, else it could never be made.
    if (uncommittedEntries > 1) {
      this.#most(node, 'uncommitted entries', uncommittedEntries, limits.uncommittedEntriesMax)
      this.#most(node, 'uncommitted bytes', uncommittedBytes, limits.uncommittedBytesMax)
    }
    this.#most(node, 'reads', readsOutstanding, limits.readsMax)
    // Above its cap the log keeps what is not durable yet, which has a cap of its own that the
    // last message, or proposal, may go past.
    const past = Math.max(limits.messageBytesMax, this.#largest) + entryOverheadBytes
    const logMax = limits.logBytesMax + limits.unstableBytesMax + past
    this.#most(node, 'bytes of the log in memory', logBytes, logMax)
  }

  /** A log goes past its cap for a moment, and no longer: `openraft#1829`. */
  #logBytes(node: NodeView): void {
    const { id, lives: life, settings, durable, raft } = node
    const cap = settings.storage.walMaxBytes ?? Infinity
    // A leader that brings followers back may keep more for them.
    const max = raft?.role === 'leader' ? Math.max(4 * cap, this.#snapshotBytes) : cap
    const bytes = durable.bytes ?? 0
    const status = bytes <= max ? undefined : raft?.status()
    // Who has no state has nothing that could take the place of its log.
    if (status === undefined || status.stateMissing) {
      this.#tooLarge.delete(id)
      return
    }
    const { now } = this.#world
    const { lastIndex: upTo, appliedIndex } = status
    const known = this.#tooLarge.get(id)
    const from = { since: now, life, upTo, applied: appliedIndex }
    if (known?.life !== life) {
      this.#tooLarge.set(id, from)
    } else if (appliedIndex < known.upTo) {
      this.#tooLarge.set(id, { ...from, upTo: known.upTo })
    } else if (now - known.since > tooLargeMsMax) {
      // Nor has one whose group commits next to nothing: what it writes cannot go yet.
      if (appliedIndex - known.applied < movingMin) this.#tooLarge.set(id, from)
      else this.#most(node, 'bytes of log on disk', bytes, max)
    }
  }

  /** Several entries keep to the cap; one alone may be of any size. */
  #batch(
    node: NodeView,
    what: string,
    entries: readonly { readonly data: Uint8Array }[],
    max: number,
  ): void {
    if (entries.length < 2) return
    let bytes = 0
    for (const { data } of entries) bytes += data.length
    this.#most(node, what, bytes, max)
  }

  #limitsOf(node: NodeView): RaftLimits {
    let limits = this.#limits.get(node)
    if (limits === undefined) {
      limits = { ...defaultLimits, ...node.settings.caps.raft }
      this.#limits.set(node, limits)
    }
    return limits
  }

  #most({ id }: NodeView, what: string, value: number, max: number): void {
    if (value <= max) return
    throw new Violation(this.name, `${id}: ${value} ${what}, ${max} allowed`, 'liveness')
  }
}
