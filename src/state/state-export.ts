/**
 * Exports: the whole state at one applied index, frame by frame, for a follower that needs a
 * snapshot or a file that is a backup. What is read is pinned in LevelDB, so it is the state after
 * exactly one entry, whatever is applied meanwhile (`etcd#13766`). Memory holds a few frames, each
 * step reads a little, and no row leaves that fails its checksum.
 */
import { assert } from '../assert.ts'
import { QuorateError, usageError } from '../errors.ts'
import type { EntryId } from '../raft/index.ts'
import { databaseFailure, wholeRange } from './database.ts'
import type { StateDatabase } from './database.ts'
import { badRow, keyspaces, unseal } from './layout.ts'
import type { Pinned } from './pins.ts'
import type { RowStore } from './row-store.ts'
import {
  encodeCounts,
  encodeFrame,
  encodeHeader,
  frameBytesMax,
  frameHeadBytes,
  frameKinds,
  rowHeadBytes,
  SnapshotDigest,
} from './snapshot-format.ts'

/** Open at the same time, those that are being opened included: three for followers, two for clients. */
const exportsMax = 5
/** Frames of an export that can be asked for again. */
const framesKeptMax = 4
/**
 * Rows taken from LevelDB at once: so many, or fewer once they are so many bytes. The last may be a
 * large one; a megabyte takes a millisecond or two to check and to copy.
 */
const rowsPerStep = 64
const bytesPerStep = 16_384
const payloadBytesMax = frameBytesMax - frameHeadBytes
const known = new Set<number | undefined>(Object.values(keyspaces))

/** One frame. `last`: nothing comes after. */
export interface ExportFrame {
  readonly bytes: Uint8Array
  readonly last: boolean
}

/** The open exports of one state machine. */
export class Exports {
  readonly #database: StateDatabase
  readonly #store: RowStore
  readonly #open = new Set<StateExport>()
  #count = 0

  constructor(database: StateDatabase, store: RowStore) {
    this.#database = database
    this.#store = store
  }

  /** Pins the state. */
  async open(): Promise<StateExport> {
    if (this.#count >= exportsMax) {
      throw overloaded(`this node has ${exportsMax} open exports`)
    }
    this.#count++
    try {
      const pinned = await this.#store.pin()
      try {
        if (pinned.applied.index === 0) throw overloaded('nothing was applied here yet')
        if (this.#store.closing) throw stopping()
        const opened = new StateExport(this.#database, pinned, () => {
          this.#open.delete(opened)
          this.#count--
        })
        this.#open.add(opened)
        return opened
      } catch (error) {
        await pinned.snapshot.close()
        throw error
      }
    } catch (error) {
      this.#count--
      throw error
    }
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open].map((each) => each.close()))
  }
}

export class StateExport {
  /** The entry after which the state is as it is here. */
  readonly snapshot: EntryId
  readonly revision: number
  /** Milliseconds. */
  readonly clusterTime: number
  readonly #database: StateDatabase
  readonly #pinned: Pinned
  readonly #iterator: ReturnType<typeof openIterator>
  readonly #onClose: () => void
  readonly #digest = new SnapshotDigest()
  readonly #counts = { rows: 0, bytes: 0, records: 0, tokens: 0, sessions: 0 }
  /** Read, and in no frame yet: at most a frame and one step's rows. */
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #exhausted = false
  /** The newest frames by number: at most `framesKeptMax`. */
  readonly #kept = new Map<number, Promise<ExportFrame>>()
  #next = 0
  /** The number of the last frame, once it is known. */
  #last: number | undefined
  #closed: Promise<void> | undefined

  constructor(database: StateDatabase, pinned: Pinned, onClose: () => void) {
    const { index, term, revision, clusterTime } = pinned.applied
    this.snapshot = { term, index }
    this.revision = revision
    this.clusterTime = clusterTime
    this.#database = database
    this.#pinned = pinned
    this.#iterator = openIterator(database, pinned)
    this.#onClose = onClose
  }

  /**
   * Frame `n`: the next one, or one of the last four again, with the same bytes, for it may have
   * been lost on its way. Any other is a usage error. Rejects with `QUORATE_CORRUPT` where a row
   * isn't what was written; then no later frame comes either.
   */
  async frame(n: number): Promise<ExportFrame> {
    if (this.#closed !== undefined) throw stopping()
    const kept = this.#kept.get(n)
    if (kept !== undefined) return await kept
    if (n !== this.#next || (this.#last !== undefined && n > this.#last)) {
      throw usageError(`frame ${n} of this export can't be had: the next is frame ${this.#next}`)
    }
    const made = this.#make(n, this.#kept.get(n - 1))
    this.#kept.set(n, made)
    this.#kept.delete(n - framesKeptMax)
    this.#next = n + 1
    assert(this.#kept.size <= framesKeptMax, 'memory holds a few frames')
    return await made
  }

  /** Lets go of its view of the database. May be called more than once. */
  async close(): Promise<void> {
    this.#closed ??= this.#release()
    await this.#closed
  }

  async #release(): Promise<void> {
    // What is being read ends by itself, soon; whoever asked for it hears how.
    await this.#kept.get(this.#next - 1)?.catch(() => {})
    this.#kept.clear()
    this.#pending = []
    try {
      await this.#iterator.close()
      await this.#pinned.snapshot.close()
    } finally {
      this.#onClose()
    }
  }

  async #make(n: number, before: Promise<ExportFrame> | undefined): Promise<ExportFrame> {
    if ((await before)?.last === true) throw usageError(`frame ${n - 1} was the last one`)
    if (n === 0) {
      const header = encodeHeader(this.snapshot)
      this.#digest.add(header)
      return { bytes: encodeFrame(frameKinds.header, n, header), last: false }
    }
    // One large row is several frames: each is a step of its own, whoever asks for all of them.
    if (this.#hasFrame()) await this.#database.pause()
    while (!this.#hasFrame()) await this.#step()
    if (this.#pendingBytes > 0) {
      const payload = this.#cut()
      this.#digest.add(payload)
      return { bytes: encodeFrame(frameKinds.rows, n, payload), last: false }
    }
    const counts = encodeCounts(this.#counts)
    this.#digest.add(counts)
    this.#last = n
    const trailer = Buffer.concat([counts, this.#digest.done()])
    return { bytes: encodeFrame(frameKinds.trailer, n, trailer), last: true }
  }

  #hasFrame(): boolean {
    return this.#exhausted || this.#pendingBytes >= payloadBytesMax
  }

  async #step(): Promise<void> {
    if (this.#closed !== undefined) throw stopping()
    let chunk: [Uint8Array, Uint8Array][]
    try {
      chunk = await this.#iterator.nextv(rowsPerStep)
    } catch (error) {
      throw databaseFailure(this.#database.location, error)
    }
    if (chunk.length === 0) this.#exhausted = true
    else this.#take(chunk)
    await this.#database.pause()
  }

  #take(chunk: readonly (readonly [Uint8Array, Uint8Array])[]): void {
    let bytes = 0
    for (const [key, row] of chunk) bytes += rowHeadBytes + key.length + row.length
    const stream = Buffer.allocUnsafe(bytes)
    let at = 0
    for (const [key, row] of chunk) {
      const keyspace = key[0]
      const { location } = this.#database
      unseal(location, key, row)
      if (!known.has(keyspace)) throw badRow(location, key, 'there is no such keyspace')
      assert(key.length <= 0xffff, 'a key has a length in 16 bits')
      stream.writeUInt16BE(key.length, at)
      stream.writeUInt32BE(row.length, at + 2)
      stream.set(key, at + rowHeadBytes)
      stream.set(row, at + rowHeadBytes + key.length)
      at += rowHeadBytes + key.length + row.length
      this.#counts.rows++
      if (keyspace === keyspaces.data) this.#counts.records++
      if (keyspace === keyspaces.tokens) this.#counts.tokens++
      if (keyspace === keyspaces.sessions) this.#counts.sessions++
    }
    assert(at === bytes, 'the rows fill what was made for them')
    this.#counts.bytes += bytes
    this.#pending.push(stream)
    this.#pendingBytes += bytes
  }

  /** The next piece of the stream of rows: as much as a frame carries. */
  #cut(): Uint8Array {
    const [first] = this.#pending
    const single = this.#pending.length === 1 && first !== undefined
    const stream = single ? first : Buffer.concat(this.#pending)
    const payload = stream.subarray(0, payloadBytesMax)
    const rest = stream.subarray(payload.length)
    this.#pending = rest.length === 0 ? [] : [rest]
    this.#pendingBytes = rest.length
    return payload
  }
}

function openIterator(database: StateDatabase, { snapshot }: Pinned) {
  // LevelDB's own bound; other databases ignore the wish.
  const range = { ...wholeRange(snapshot), highWaterMarkBytes: bytesPerStep }
  return database.db.iterator(range)
}

function overloaded(message: string): QuorateError {
  return new QuorateError('QUORATE_OVERLOADED', message, { details: { retryAfter: 1000 } })
}

function stopping(): QuorateError {
  return new QuorateError('QUORATE_STOPPING', 'the export is closed')
}
