/**
 * Snapshot files on a disk: gzip around a head (`header.ts`) and frames, each behind its length
 * (u32, big-endian). All access to them is here.
 *
 * A file is written under another name, `<file>.<8 hex digits>.part`, made durable, and renamed:
 * under its own name there is the whole file or none. The digits are drawn, so that two that write
 * one file at the same time do not write into each other, and what a killed one left is in nobody's
 * way. Offsets in messages are those of the unzipped bytes, except
 * where it says otherwise.
 */
import { dirname } from 'node:path'
import { pipeline as pipe, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, createGzip } from 'node:zlib'
import { corruptError, QuorateError, usageError } from '../errors.ts'
import type { Disk, DiskFile, Random } from '../ports.ts'
import { frameBytesMax } from '../state/index.ts'
import { ByteStream } from './byte-stream.ts'
import { decodeHeader, firstLine, headLineBytesMax } from './header.ts'
import type { SnapshotHeader } from './types.ts'

/** Read from a file at once. */
const chunkBytes = 65_536
/** What gzip says of time, effort and system: nothing, so that equal snapshots are equal files. */
const gzipHead = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)

/** Where a snapshot file is, or is to be. */
export interface SnapshotFile {
  readonly disk: Disk
  readonly file: string
}

/** A frame as it stands in a file. */
export function withLength(frame: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(4 + frame.length)
  out.writeUInt32BE(frame.length)
  out.set(frame, 4)
  return out
}

/**
 * Writes a file from its unzipped bytes, atomically and durably, in place of any that has its name.
 * Resolves with its size. Whatever the bytes' source throws is thrown, and nothing is left.
 */
export async function writeFile(
  { disk, file, random }: SnapshotFile & { readonly random: Random },
  bytes: AsyncIterable<Uint8Array>,
): Promise<number> {
  const part = `${file}.${Buffer.from(random.bytes(4)).toString('hex')}.part`
  try {
    const size = await writePart(await disk.open(part, 'create'), bytes)
    await disk.rename(part, file)
    await disk.syncDirectory(dirname(file))
    return size
  } catch (error) {
    // What went wrong first is what is told.
    await disk.remove(part).catch(() => {})
    throw storageFailure(`${file} could not be written`, error)
  }
}

async function writePart(target: DiskFile, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0
  try {
    const gzip = createGzip({ level: constants.Z_BEST_SPEED })
    await pipeline(bytes, gzip, async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) {
        await target.write([withGzipHead(chunk, size)], size)
        size += chunk.length
      }
    })
    await target.sync()
  } finally {
    await target.close()
  }
  return size
}

/** Puts our words in the place of the library's, wherever the head falls. */
function withGzipHead(chunk: Uint8Array, at: number): Uint8Array {
  if (at >= gzipHead.length) return chunk
  const changed = Uint8Array.from(chunk)
  changed.set(gzipHead.subarray(at, at + chunk.length))
  return changed
}

/**
 * Reads a file: `take` gets each frame, where it stands, and says whether it was the last. Throws
 * `QUORATE_CORRUPT` and `QUORATE_FORMAT_TOO_NEW`, both with file and offset, or whatever `take`
 * throws.
 */
export async function readFile(
  { disk, file }: SnapshotFile,
  take: (frame: Uint8Array, at: number, header: SnapshotHeader) => Promise<boolean>,
): Promise<SnapshotHeader> {
  const size = await sizeOf(disk, file)
  const opened = await opening(disk, file)
  try {
    const stream = new ByteStream(file, unzipped(opened, file, size))
    try {
      return await readFrames(file, stream, take)
    } finally {
      await stream.close()
    }
  } finally {
    await opened.close()
  }
}

async function readFrames(
  file: string,
  stream: ByteStream,
  take: (frame: Uint8Array, at: number, header: SnapshotHeader) => Promise<boolean>,
): Promise<SnapshotHeader> {
  if ((await stream.line(headLineBytesMax)) !== firstLine) {
    throw corruptError(file, 0, 'it does not begin as a snapshot file does')
  }
  const headerAt = stream.offset
  const header = decodeHeader(file, headerAt, await stream.line(headLineBytesMax))
  for (let done = false; !done;) {
    const at = stream.offset
    const length = Buffer.from(await stream.take(4)).readUInt32BE()
    if (length > frameBytesMax) throw corruptError(file, at, `a frame of ${length} bytes`)
    done = await take(await stream.take(length), at, header)
  }
  if (!(await stream.atEnd())) {
    throw corruptError(file, stream.offset, 'something follows the last frame')
  }
  return header
}

async function* unzipped(opened: DiskFile, file: string, size: number): AsyncGenerator<Uint8Array> {
  const head = await reading(opened, file, { offset: 0, length: gzipHead.length })
  if (Buffer.compare(head, gzipHead) !== 0) {
    throw corruptError(file, 0, 'it does not begin as a compressed snapshot file does')
  }
  const gunzip = createGunzip()
  // Its failure is the failure of the loop below.
  pipe(Readable.from(chunksOf(opened, file, size)), gunzip, () => {})
  let offset = 0
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      offset += chunk.length
      yield chunk
    }
  } catch (error) {
    throw unzipFailure(file, offset, error)
  }
  if (gunzip.bytesWritten !== size) {
    const what = 'something follows the compressed bytes (the offset is that in the file)'
    throw corruptError(file, gunzip.bytesWritten, what)
  }
}

async function* chunksOf(opened: DiskFile, file: string, size: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < size; offset += chunkBytes) {
    yield await reading(opened, file, { offset, length: chunkBytes })
  }
}

async function reading(
  opened: DiskFile,
  file: string,
  { offset, length }: { readonly offset: number; readonly length: number },
): Promise<Uint8Array> {
  try {
    return await opened.read(offset, length)
  } catch (error) {
    throw storageFailure(`${file} could not be read`, error)
  }
}

async function sizeOf(disk: Disk, file: string): Promise<number> {
  try {
    const size = await disk.size(file)
    if (size === undefined) throw usageError(`there is no snapshot file ${file}`)
    return size
  } catch (error) {
    throw storageFailure(`${file} could not be read`, error)
  }
}

async function opening(disk: Disk, file: string): Promise<DiskFile> {
  try {
    return await disk.open(file, 'read')
  } catch (error) {
    throw storageFailure(`${file} could not be read`, error)
  }
}

/** What the compression's own checks found; everything else stays what it is. */
function unzipFailure(file: string, offset: number, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  if (typeof error.code !== 'string' || !error.code.startsWith('Z_')) return error
  return corruptError(file, offset, `its compressed bytes do not check (${error.message})`)
}

/** What the operating system refused is a failure of storage; whatever else it is stays that. */
export function storageFailure(what: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof QuorateError) return error
  if (!('code' in error) || typeof error.code !== 'string') return error
  return new QuorateError('QUORATE_STORAGE', `${what}: ${error.message}`, {
    outcome: 'not-applied',
    cause: error,
  })
}
