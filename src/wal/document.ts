/**
 * Small JSON files with a checksum, for people to read and for nodes to trust.
 *
 *     {
 *       "checksum": "0a1b2c3d",          CRC-32, hex, of this text with "00000000" in its place
 *       "content": { … },
 *       "document": "quorate node",      which file this is
 *       "formatVersion": 1
 *     }
 *
 * The text is canonical: keys in the order of their code units, two spaces, a line end. A file is
 * accepted only if its bytes are exactly those that its content would be written as, so that there
 * is no byte that could change unseen. These four fields stay as they are in all later versions.
 */
import { crc32 } from 'node:zlib'
import { corruptError, QuorateError } from '../errors.ts'
import type { Disk } from '../ports.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { storageError } from './failure.ts'

/** Which document is meant: its file's name, what it calls itself, and its format version. */
export interface DocumentKind {
  readonly name: string
  readonly document: string
  readonly formatVersion: number
}

/** What a reader makes of the content: the value, or why it cannot be. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string }

/** A larger file is none of ours. */
const documentBytesMax = 1024 * 1024
const noChecksum = '00000000'

/** Whether a value is an object with fields, not null and not an array. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isRecord(value)) return value
  const entries = Object.entries(value).filter(([, field]) => field !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, field]) => [key, sorted(field)]))
}

/** Text of a value: the same for the same value, however it was put together. */
export function canonicalJson(value: unknown): string {
  return `${JSON.stringify(sorted(value), null, 2)}\n`
}

/** The bytes of a document. */
export function encodeDocument(
  kind: Omit<DocumentKind, 'name'>,
  content: Readonly<Record<string, unknown>>,
): Uint8Array {
  const { document, formatVersion } = kind
  const text = (checksum: string): string =>
    canonicalJson({ checksum, content, document, formatVersion })
  const sum = crc32(text(noChecksum)).toString(16).padStart(8, '0')
  return new TextEncoder().encode(text(sum))
}

/** The content of a document whose every byte was verified. */
export function decodeDocument(bytes: Uint8Array, kind: DocumentKind, file: string): unknown {
  let outer: unknown
  try {
    outer = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error
    throw corruptError(file, 0, `it is not JSON (${error.message})`)
  }
  if (!isRecord(outer) || !isRecord(outer['content'])) {
    throw corruptError(file, 0, 'it is not a document of Quorate')
  }
  const { content, document, formatVersion } = outer
  if (typeof document !== 'string' || typeof formatVersion !== 'number') {
    throw corruptError(file, 0, 'it is not a document of Quorate')
  }
  const expected = encodeDocument({ document, formatVersion }, content)
  if (Buffer.compare(expected, bytes) !== 0) {
    const at = bytes.findIndex((byte, offset) => byte !== expected[offset])
    throw corruptError(file, at === -1 ? bytes.length : at, 'its checksum does not match')
  }
  if (document !== kind.document) {
    throw corruptError(file, 0, `it is the document "${document}", not "${kind.document}"`)
  }
  if (formatVersion > kind.formatVersion) {
    throw new QuorateError(
      'QUORATE_FORMAT_TOO_NEW',
      `${file} has format version ${formatVersion}, this Quorate reads up to ` +
        `${kind.formatVersion}: start the newer version that wrote it`,
      { details: { file, offset: 0 } },
    )
  }
  if (formatVersion !== kind.formatVersion) {
    throw corruptError(file, 0, `format version ${formatVersion} does not exist`)
  }
  return content
}

/** Writes a document, atomically and durably. */
export async function writeDocument(
  options: { readonly disk: Disk; readonly directory: string; readonly kind: DocumentKind },
  content: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { disk, directory, kind } = options
  const bytes = encodeDocument(kind, content)
  try {
    await writeFileAtomically({ disk, directory, name: kind.name, bytes })
  } catch (error) {
    throw storageError(`${directory}/${kind.name} could not be written`, error)
  }
}

/** Reads and validates a document; undefined where there is none. */
export async function readDocument<T>(
  options: { readonly disk: Disk; readonly directory: string; readonly kind: DocumentKind },
  parse: (content: unknown) => Parsed<T>,
): Promise<T | undefined> {
  const { disk, directory, kind } = options
  const file = `${directory}/${kind.name}`
  let bytes: Uint8Array | undefined
  try {
    // The process that renamed it may have been killed before the name was durable.
    await disk.syncDirectory(directory)
    const size = await disk.size(file)
    if (size !== undefined && size > documentBytesMax) {
      throw corruptError(file, documentBytesMax, `the file has ${size} bytes`)
    }
    bytes = await disk.readFile(file, documentBytesMax)
  } catch (error) {
    throw storageError(`${file} could not be read`, error)
  }
  if (bytes === undefined) return undefined
  const parsed = parse(decodeDocument(bytes, kind, file))
  if ('problem' in parsed) throw corruptError(file, 0, parsed.problem)
  return parsed.value
}
