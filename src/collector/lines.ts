/** Lines of bytes: where they come from, and how a stream of bytes is cut into them. */
import { assert } from '../assert.ts'

/** Stored values end at 1 MiB; a little more is held, so that the cluster's own limit decides. */
export const lineBytesMax = 1_048_576 + 65_536

/** One line, without its line end. */
export interface Line {
  /** From 1. */
  readonly line: number
  /** Undefined: longer than the cap, and so not held. */
  readonly bytes: Uint8Array | undefined
}

/** Where lines come from. Each is handed over in batches, to spare a promise per line. */
export interface LineSource {
  /**
   * `shared`: read once, and offered to every replica, which is what a file or a pipe needs.
   * `perReplica`: opened once for each replica, as replicas that fetch on their own do.
   */
  readonly kind: 'shared' | 'perReplica'
  /** `replica` counts from 0. The iteration ends early, without an error, after `signal`. */
  open(replica: number, signal: AbortSignal): AsyncIterable<readonly Line[]>
}

const lineFeed = 0x0a
const carriageReturn = 0x0d

/**
 * Cuts bytes into lines at LF or CRLF. A last line needs no line end. One empty line at the very
 * end is dropped, because editors and shells leave it there; any other empty line is handed on,
 * to be refused with its number. Holds at most one line and one chunk.
 */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number = lineBytesMax,
): AsyncGenerator<readonly Line[]> {
  assert(bytesMax >= 1, 'a line may have at least one byte')
  const cutter = new LineCutter(bytesMax)
  for await (const chunk of chunks) {
    const lines = cutter.cut(chunk)
    if (lines.length > 0) yield lines
  }
  const last = cutter.end()
  if (last.length > 0) yield last
}

class LineCutter {
  readonly #bytesMax: number
  #line = 0
  /** The line that is not at its end yet. Invariant: together at most `bytesMax + 1` bytes. */
  #pieces: Uint8Array[] = []
  #length = 0
  /** An empty line that is only handed on once another line follows. */
  #heldEmpty: Line | undefined

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  cut(chunk: Uint8Array): readonly Line[] {
    const lines: Line[] = []
    let start = 0
    for (;;) {
      const end = chunk.indexOf(lineFeed, start)
      if (end === -1) break
      this.#hold(chunk.subarray(start, end))
      this.#emit(this.#take(true), lines)
      start = end + 1
    }
    this.#hold(chunk.subarray(start))
    return lines
  }

  /** What stands behind the last line end, with the empty line before it, if there was one. */
  end(): readonly Line[] {
    if (this.#length === 0) return []
    const lines: Line[] = []
    this.#emit(this.#take(false), lines)
    assert(this.#heldEmpty === undefined, 'a last line without a line end is not empty')
    return lines
  }

  #emit(line: Line, lines: Line[]): void {
    if (this.#heldEmpty !== undefined) lines.push(this.#heldEmpty)
    this.#heldEmpty = undefined
    if (line.bytes?.length === 0) this.#heldEmpty = line
    else lines.push(line)
  }

  #hold(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.#length += piece.length
    // One byte more than the cap is held: it may be the CR of the line end.
    if (this.#length <= this.#bytesMax + 1) this.#pieces.push(piece)
    else this.#pieces = []
  }

  #take(ended: boolean): Line {
    this.#line += 1
    const length = this.#length
    const pieces = this.#pieces
    this.#pieces = []
    this.#length = 0
    if (length > this.#bytesMax + 1) return { line: this.#line, bytes: undefined }
    const bytes = withoutReturn(concat(pieces, length), ended)
    return { line: this.#line, bytes: bytes.length > this.#bytesMax ? undefined : bytes }
  }
}

/** Copies: a short line must not keep the whole chunk that it came in alive. */
function concat(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  assert(at === length, 'the pieces make up the line')
  return bytes
}

function withoutReturn(bytes: Uint8Array, ended: boolean): Uint8Array {
  return ended && bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes
}
