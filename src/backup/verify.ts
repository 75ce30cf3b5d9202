/** Reads a whole snapshot file, into nothing: all that a restore would check is checked. */
import { present } from '../assert.ts'
import { SnapshotReader } from '../state/index.ts'
import type { SnapshotSummary } from '../state/index.ts'
import { checkNotAborted, type Abortable } from './aborted.ts'
import { readFile } from './file.ts'
import type { SnapshotFile } from './file.ts'
import { checkHeader } from './header.ts'
import type { SaveProgress, SnapshotHeader } from './types.ts'

/** What a file holds. */
export interface SnapshotInfo {
  readonly header: SnapshotHeader
  readonly summary: SnapshotSummary
}

/** A file, and who wants to hear how far it was read. */
export interface VerifyOptions extends SnapshotFile, Abortable {
  /** Called after each frame. */
  readonly onProgress?: ((progress: SaveProgress) => void) | undefined
}

/**
 * Resolves if the file is whole. Rejects with `QUORATE_CORRUPT` or `QUORATE_FORMAT_TOO_NEW`, with
 * file and offset; with a usage error where there is no file; with `QUORATE_ABORTED`.
 */
export async function verifySnapshot(options: VerifyOptions): Promise<SnapshotInfo> {
  const reader = new SnapshotReader({ name: options.file })
  let frames = 0
  let bytes = 0
  const header = await readFile(options, (frame, at) => {
    drain(reader.read(frame, at))
    frames++
    bytes += frame.length
    options.onProgress?.({ frames, bytes })
    checkNotAborted(options.signal)
    return Promise.resolve(reader.summary !== undefined)
  })
  const summary = present(reader.summary, 'the last frame was read')
  checkHeader(options.file, header, summary)
  return { header, summary }
}

/** The same, with the file's size: figures of a file that is damaged are not shown. */
export async function inspectSnapshot(
  options: VerifyOptions,
): Promise<SnapshotInfo & { readonly fileBytes: number }> {
  const info = await verifySnapshot(options)
  const fileBytes = present(await options.disk.size(options.file), 'it was read just now')
  return { ...info, fileBytes }
}

/** Reads rows for the sake of the checks alone. */
export function drain(rows: Iterator<unknown>): void {
  while (rows.next().done !== true);
}
