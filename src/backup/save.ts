/** Saves an export as a file. What comes is verified before the file gets its name. */
import { corruptError } from '../errors.ts'
import type { Random } from '../ports.ts'
import { SnapshotReader } from '../state/index.ts'
import type { SnapshotSummary } from '../state/index.ts'
import { withLength, writeFile } from './file.ts'
import type { SnapshotFile } from './file.ts'
import { checkHeader, encodeHead } from './header.ts'
import type { SaveProgress, SnapshotHeader, SnapshotSource } from './types.ts'
import { drain } from './verify.ts'

/** What is saved where. */
export interface SaveOptions extends SnapshotFile {
  readonly source: SnapshotSource
  /** Names the file while it is written. */
  readonly random: Random
  /** Called after each frame. */
  readonly onProgress?: ((progress: SaveProgress) => void) | undefined
}

/** A file that was written. */
export interface SavedSnapshot {
  readonly file: string
  /** Of the file, compressed. */
  readonly fileBytes: number
  readonly header: SnapshotHeader
  readonly summary: SnapshotSummary
}

/**
 * Writes `file`, atomically: it is there, whole and durable, when this resolves, and else is as it
 * was. Rejects with what the source threw, with `QUORATE_CORRUPT` where it did not send a whole
 * snapshot, or with `QUORATE_STORAGE`.
 */
export async function saveSnapshot(options: SaveOptions): Promise<SavedSnapshot> {
  const { file, source } = options
  const header = await source.header
  const name = 'the export'
  const reader = new SnapshotReader({ name, expected: header.snapshot })
  const fileBytes = await writeFile(options, verified(options, header, reader))
  const { summary } = reader
  if (summary === undefined) throw corruptError(name, 0, 'it ended before its last frame')
  return { file, fileBytes, header, summary }
}

async function* verified(
  { source, onProgress }: SaveOptions,
  header: SnapshotHeader,
  reader: SnapshotReader,
): AsyncGenerator<Uint8Array> {
  yield encodeHead(header)
  let frames = 0
  let bytes = 0
  for await (const frame of source) {
    drain(reader.read(frame, bytes))
    frames++
    bytes += frame.length
    yield withLength(frame)
    onProgress?.({ frames, bytes })
  }
  const { summary } = reader
  if (summary === undefined) throw corruptError('the export', bytes, 'it ended too early')
  checkHeader('the export', header, summary)
}
