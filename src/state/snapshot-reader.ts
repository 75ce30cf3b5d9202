/**
 * Reads the frames of a snapshot, in order, and lets nothing pass that is not what was written:
 * numbers, checksums, seals, order, keyspaces, counts, and at the end the digest of it all. The
 * rows that it hands out may be put somewhere, but are to be trusted only once it is `done`.
 */
import { assert } from '../assert.ts'
import { corruptError, QuorateError } from '../errors.ts'
import type { EntryId } from '../raft/index.ts'
import type { AppliedRow } from './layout.ts'
import { RowCheck } from './row-check.ts'
import {
  decodeFrame,
  decodeHeader,
  encodeCounts,
  frameKinds,
  rowHeadBytes,
  snapshotFormat,
  SnapshotDigest,
} from './snapshot-format.ts'
import type { SnapshotCounts } from './snapshot-format.ts'

/** A larger value was written by nothing that there is: the largest are those of sessions. */
const rowValueBytesMax = 16_777_216

/** What a snapshot holds. */
export interface SnapshotSummary extends SnapshotCounts {
  /** The entry after which it was taken. */
  readonly snapshot: EntryId
  readonly revision: number
  /** Milliseconds. */
  readonly clusterTime: number
  /** Of all of it, hex. */
  readonly sha256: string
  /** Hex, 32 digits; undefined: the cluster's id serves. */
  readonly historyId: string | undefined
}

/** One row, sealed. Views into a frame, or into a copy where it spanned several. */
export interface SnapshotRow {
  readonly key: Uint8Array
  readonly row: Uint8Array
}

/** Options of `SnapshotReader`. */
export interface SnapshotReaderOptions {
  /** What the frames come from, for messages: a file, or whose snapshot it is. */
  readonly name: string
  /** Where given, a snapshot of any other entry is refused. */
  readonly expected?: EntryId | undefined
}

export class SnapshotReader {
  readonly #options: SnapshotReaderOptions
  readonly #check = new RowCheck()
  readonly #digest = new SnapshotDigest()
  /** Of the stream of rows: what came behind the last whole row. */
  #parts: Uint8Array[] = []
  #partBytes = 0
  /** How much of the stream must be there before there is any use in looking at it again. */
  #wanted = rowHeadBytes
  #bytes = 0
  #number = 0
  #snapshot: EntryId | undefined
  #summary: SnapshotSummary | undefined
  /** Where the frame at hand stands, for messages. */
  #at = 0

  constructor(options: SnapshotReaderOptions) {
    this.#options = options
  }

  /** What was read, once the last frame was, and all of it was found whole. */
  get summary(): SnapshotSummary | undefined {
    return this.#summary
  }

  /** Known from the first row on. */
  get applied(): AppliedRow | undefined {
    return this.#check.applied
  }

  /**
   * The rows that end in the next frame. The frame was read only once all of them were taken.
   * `at`: where it stands in what it comes from, bytes. Throws `QUORATE_CORRUPT`, or
   * `QUORATE_FORMAT_TOO_NEW`; nothing can be read after that.
   */
  *read(frame: Uint8Array, at: number): Generator<SnapshotRow> {
    this.#at = at
    if (this.#summary !== undefined) throw this.#corrupt('something follows the last frame')
    const decoded = decodeFrame(frame)
    if (typeof decoded === 'string') throw this.#corrupt(decoded)
    const { kind, number, payload } = decoded
    if (number !== this.#number) {
      throw this.#corrupt(`frame ${number} stands where frame ${this.#number} belongs`)
    }
    if ((kind === frameKinds.header) !== (number === 0)) {
      throw this.#corrupt(`a frame of kind ${kind} has number ${number}`)
    }
    this.#number++
    switch (kind) {
      case frameKinds.header:
        this.#readHeader(payload)
        break
      case frameKinds.rows:
        yield* this.#readRows(payload)
        break
      case frameKinds.trailer:
        this.#readTrailer(payload)
        break
      default:
        throw this.#corrupt(`there is no kind ${kind} of frame`)
    }
  }

  #readHeader(payload: Uint8Array): void {
    const header = decodeHeader(payload)
    if (header.kind === 'too new') throw tooNew(this.#options.name, this.#at, header.format)
    if (header.kind === 'unknown') throw this.#corrupt('it does not begin as a snapshot does')
    const { snapshot } = header
    const { expected } = this.#options
    if (expected !== undefined && !isSame(snapshot, expected)) {
      throw this.#corrupt(`it is of entry ${nameOf(snapshot)}, not of ${nameOf(expected)}`)
    }
    this.#snapshot = snapshot
    this.#digest.add(payload)
  }

  *#readRows(payload: Uint8Array): Generator<SnapshotRow> {
    if (payload.length === 0) throw this.#corrupt('a frame is empty')
    this.#digest.add(payload)
    this.#bytes += payload.length
    this.#parts.push(payload)
    this.#partBytes += payload.length
    if (this.#partBytes < this.#wanted) return
    const stream = this.#parts.length === 1 ? payload : Buffer.concat(this.#parts)
    let from = 0
    for (;;) {
      const size = this.#rowBytes(stream, from)
      this.#wanted = size
      if (stream.length - from < size) break
      // With less than a head at hand, the head is what is wanted first.
      if (size === rowHeadBytes) throw this.#corrupt('a row is empty')
      yield this.#rowAt(stream, from, size)
      from += size
    }
    this.#parts = from < stream.length ? [stream.subarray(from)] : []
    this.#partBytes = stream.length - from
  }

  /** Bytes of the row that begins here, or of its head where no more can be told. */
  #rowBytes(stream: Uint8Array, from: number): number {
    if (stream.length - from < rowHeadBytes) return rowHeadBytes
    const view = new DataView(stream.buffer, stream.byteOffset + from, rowHeadBytes)
    const valueBytes = view.getUint32(2)
    if (valueBytes > rowValueBytesMax) throw this.#corrupt(`a row has ${valueBytes} bytes`)
    return rowHeadBytes + view.getUint16(0) + valueBytes
  }

  #rowAt(stream: Uint8Array, from: number, size: number): SnapshotRow {
    const view = new DataView(stream.buffer, stream.byteOffset + from, rowHeadBytes)
    const keyAt = from + rowHeadBytes
    const valueAt = keyAt + view.getUint16(0)
    const key = stream.subarray(keyAt, valueAt)
    const row = stream.subarray(valueAt, from + size)
    const problem = this.#check.next(key, row)
    if (problem !== undefined) throw this.#corrupt(problem)
    const { applied } = this.#check
    if (this.#check.rows === 1 && applied !== undefined && this.#snapshot !== undefined) {
      if (!isSame(applied, this.#snapshot)) {
        const found = `its header says entry ${nameOf(this.#snapshot)}, its rows ${nameOf(applied)}`
        throw this.#corrupt(found)
      }
    }
    return { key, row }
  }

  #readTrailer(payload: Uint8Array): void {
    if (this.#partBytes > 0) throw this.#corrupt('it ends within a row')
    const problem = this.#check.end()
    if (problem !== undefined) throw this.#corrupt(problem)
    const { rows, records, tokens, sessions, applied, historyId } = this.#check
    const counts: SnapshotCounts = { rows, bytes: this.#bytes, records, tokens, sessions }
    const expected = encodeCounts(counts)
    if (Buffer.compare(payload.subarray(0, expected.length), expected) !== 0) {
      throw this.#corrupt('it does not hold as much as its last frame says')
    }
    this.#digest.add(expected)
    const digest = this.#digest.done()
    if (Buffer.compare(payload.subarray(expected.length), digest) !== 0) {
      throw this.#corrupt('its SHA-256 is not the one in its last frame')
    }
    assert(this.#snapshot !== undefined && applied !== undefined, 'frame 0 and rows were there')
    this.#summary = {
      snapshot: this.#snapshot,
      revision: applied.revision,
      clusterTime: applied.clusterTime,
      ...counts,
      sha256: Buffer.from(digest).toString('hex'),
      historyId,
    }
  }

  #corrupt(what: string): QuorateError {
    return corruptError(this.#options.name, this.#at, what)
  }
}

/** The error of a snapshot that a later version wrote. */
export function tooNew(name: string, at: number, format: number): QuorateError {
  return new QuorateError(
    'QUORATE_FORMAT_TOO_NEW',
    `${name} has snapshot format ${format}, this Quorate reads up to ${snapshotFormat}: ` +
      'use the newer version that wrote it',
    { details: { file: name, offset: at } },
  )
}

function isSame(a: EntryId, b: EntryId): boolean {
  return a.index === b.index && a.term === b.term
}

function nameOf({ index, term }: EntryId): string {
  return `${index} (term ${term})`
}
