/** Lines from files and pipes of NDJSON, plain or gzip. */
import { assert } from '../assert.ts'
import { corruptError, QuorateError, usageError } from '../errors.ts'
import type { Disk, DiskFile } from '../ports.ts'
import { gunzip, isGzip } from './gunzip.ts'
import { lineBytesMax, splitLines, type Line, type LineSource } from './lines.ts'

const readBytes = 65_536

/** Options of `ndjsonSource`. */
export interface NdjsonSourceOptions {
  /** What people call it: names the source in errors. `.gz` at its end makes gzip a must. */
  readonly name: string
  /** The bytes, plain or gzip, which is known by its first two bytes. Opened once. */
  readonly open: () => AsyncIterable<Uint8Array>
  /** Longer lines are refused. Default: the largest value and some slack. */
  readonly lineBytesMax?: number
}

/** The lines of a file or pipe. It is read once, whatever the number of replicas. */
export function ndjsonSource(options: NdjsonSourceOptions): LineSource {
  return { kind: 'shared', open: () => ndjsonLines(options) }
}

function ndjsonLines(options: NdjsonSourceOptions): AsyncIterable<readonly Line[]> {
  const plain = unpacked(options.open(), options.name)
  return splitLines(plain, options.lineBytesMax ?? lineBytesMax)
}

/**
 * The bytes of a file, in pieces. Throws `QUORATE_USAGE` where it cannot be read at all, and
 * `QUORATE_STORAGE` where it cannot be read on.
 */
export async function* fileChunks(disk: Disk, path: string): AsyncGenerator<Uint8Array> {
  const file = await openForReading(disk, path)
  try {
    let offset = 0
    for (;;) {
      const chunk = await readAt(file, path, offset)
      if (chunk.length === 0) return
      yield chunk
      offset += chunk.length
    }
  } finally {
    await file.close()
  }
}

async function openForReading(disk: Disk, path: string): Promise<DiskFile> {
  try {
    return await disk.open(path, 'read')
  } catch (error) {
    throw cannotRead(path, error)
  }
}

async function readAt(file: DiskFile, path: string, offset: number): Promise<Uint8Array> {
  try {
    return await file.read(offset, readBytes)
  } catch (error) {
    if (offset === 0) throw cannotRead(path, error)
    throw cannotReadOn(path, offset, error)
  }
}

/** The bytes of a pipe, whose errors are told as those of a file are. */
export async function* pipeChunks(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  let offset = 0
  try {
    for await (const chunk of chunks) {
      offset += chunk.length
      yield chunk
    }
  } catch (error) {
    throw cannotReadOn(name, offset, error)
  }
}

function cannotReadOn(name: string, offset: number, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new QuorateError('QUORATE_STORAGE', `cannot read ${name} at byte ${offset}: ${why}`, {
    outcome: 'not-applied',
    details: { file: name, offset },
    cause,
  })
}

function cannotRead(path: string, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause)
  const error = usageError(`cannot read ${path} (${why}); a pipe is read with '-'`)
  error.cause = cause
  return error
}

/** Looks at the first two bytes, and unpacks what is gzip. */
async function* unpacked(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  const head = await readHead(iterator)
  const whole = headThenRest(head, iterator)
  if (isGzip(head)) {
    yield* gunzip(whole, name)
    return
  }
  if (name.endsWith('.gz')) {
    await iterator.return?.()
    throw corruptError(name, 0, 'it does not begin as gzip data does')
  }
  yield* whole
}

/** The first chunks, until they hold two bytes: a pipe may hand over one byte at a time. */
async function readHead(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0)
  while (head.length < 2) {
    const next = await iterator.next()
    if (next.done === true) break
    const joined = new Uint8Array(head.length + next.value.length)
    joined.set(head)
    joined.set(next.value, head.length)
    head = joined
  }
  return head
}

async function* headThenRest(
  head: Uint8Array,
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head
    for (;;) {
      const next = await iterator.next()
      if (next.done === true) return
      assert(next.value instanceof Uint8Array, 'a source of bytes hands over bytes')
      yield next.value
    }
  } finally {
    await iterator.return?.()
  }
}
