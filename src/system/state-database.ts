/**
 * The state's database on a real disk: LevelDB, as a cache of the log that is never trusted
 * further than it has been checked.
 *
 * Measured on classic-level 3.0.0: LevelDB's own log skips what is damaged in it without an error
 * and still shows the newest applied row; a table's flipped bit is a wrong value; what a memtable
 * flush has written is a prefix of whole batches. Hence:
 *
 * 1. Before it is opened, its log files are removed. What opens is what the last memtable flush
 *    left, and the node's own log brings the rest.
 * 2. Before it is opened, MANIFEST and all tables are checked, byte by byte.
 * 3. The durability barrier is a memtable flush. LevelDB does not say whether it worked. If it
 *    did, the log files from before are gone; if the table or MANIFEST could not be written, the
 *    next write fails; if not even a new log file could be made, nothing else tells (measured:
 *    the call resolves, and writes go on). So both are looked at.
 * 4. `repair` is never called: it makes an openable database by leaving out what is damaged.
 */
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { ClassicLevel } from 'classic-level'
import { LevelDatabase } from './level.ts'
import { bytesEqual } from '../command/index.ts'
import { corruptError, QuorateError } from '../errors.ts'
import { checkTable, readManifest } from '../state/index.ts'
import type { Crc32c, DatabaseSizes, LiveTable, StateDatabase } from '../state/index.ts'
import { fastestCrc32c } from './crc32c.ts'

/** LevelDB begins a new MANIFEST at every start, so one of this size means damage. */
const manifestBytesMax = 268_435_456
/** A table is cut at 2 MiB, or when its last row is in. */
const tableBytesMax = 268_435_456
/** Tables in memory at once, so that some are read while another is checked. */
const tablesAtOnce = 4
/** A key that no row has: see 3. above. */
const probeKey = Uint8Array.of(0x03)
/**
 * Where the flush asks for a compaction: beyond every key, the probe's too. Tables that reach as
 * far would be compacted for it, one level after the other.
 */
const beyondKey = Uint8Array.of(0xff)

/**
 * Opens the database in a directory, or makes one there. The caller holds the lock of the data
 * directory. Throws `QUORATE_CORRUPT`, with file and offset, on any damage; the caller then begins
 * an empty one elsewhere. `sizes`: LevelDB's own, 4 MiB and 2 MiB, unless told otherwise.
 */
export async function openStateDatabase(
  directory: string,
  sizes?: DatabaseSizes,
): Promise<StateDatabase> {
  await mkdir(directory, { recursive: true })
  const names = await readdir(directory)
  for (const name of names) {
    if (name.endsWith('.log')) await rm(join(directory, name))
  }
  await checkFiles(directory, names)
  const db = new LevelDatabase<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    // Compressed blocks would have to be unpacked to be checked.
    compression: false,
    ...(sizes && { writeBufferSize: sizes.writeBufferBytes, maxFileSize: sizes.tableBytes }),
  })
  try {
    await db.open()
  } catch (error) {
    throw openError(directory, error)
  }
  return {
    db,
    location: directory,
    barrier: () => flushMemtable(directory, db),
    pause: async () => {
      await setImmediate()
    },
    close: async () => {
      await db.close()
    },
  }
}

async function flushMemtable(
  directory: string,
  db: ClassicLevel<Uint8Array, Uint8Array>,
): Promise<void> {
  const before = await logsOf(directory)
  await db.compactRange(beyondKey, beyondKey)
  await db.del(probeKey)
  const after = await logsOf(directory)
  const kept = before.find((name) => after.includes(name))
  if (before.length === 0 || kept !== undefined) {
    throw new QuorateError('QUORATE_STORAGE', `${directory}: LevelDB did not write its memtable`)
  }
}

async function logsOf(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.log'))
}

async function checkFiles(directory: string, names: readonly string[]): Promise<void> {
  const file = join(directory, 'CURRENT')
  if (!names.includes('CURRENT')) {
    // LevelDB would make a new, empty database here, and remove the tables of the old one.
    const left = names.find((name) => /^MANIFEST-|\.(ldb|sst)$/.test(name))
    if (left !== undefined) throw corruptError(file, 0, `it is missing, but ${left} is there`)
    return
  }
  const current = (await readFile(file)).toString('latin1')
  if (!/^MANIFEST-\d{6,}\n$/.test(current)) throw corruptError(file, 0, 'it names no MANIFEST')
  const manifest = join(directory, current.trimEnd())
  const tables = readManifest(manifest, await readWhole(manifest, manifestBytesMax))
  const live = [...tables.values()]
  const checksum = await fastestCrc32c()
  for (let from = 0; from < live.length; from += tablesAtOnce) {
    const some = live.slice(from, from + tablesAtOnce)
    await Promise.all(some.map((table) => checkLiveTable(directory, names, table, checksum)))
  }
}

async function checkLiveTable(
  directory: string,
  names: readonly string[],
  table: LiveTable,
  checksum: Crc32c,
): Promise<void> {
  const stem = String(table.number).padStart(6, '0')
  const name = names.includes(`${stem}.sst`) ? `${stem}.sst` : `${stem}.ldb`
  const file = join(directory, name)
  const bytes = await readWhole(file, tableBytesMax)
  if (bytes.length !== table.bytes) {
    throw corruptError(file, bytes.length, `it should have ${table.bytes} bytes`)
  }
  const { smallest, largest } = checkTable(file, bytes, checksum)
  // Whole in itself, it may still be another table that was copied to this name.
  if (!bytesEqual(smallest, table.smallest) || !bytesEqual(largest, table.largest)) {
    throw corruptError(file, 0, 'it is not the table that MANIFEST means')
  }
}

async function readWhole(file: string, bytesMax: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(file)
    if (size > bytesMax) throw corruptError(file, size, 'it is far too large')
    return await readFile(file)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw corruptError(file, 0, 'it is missing')
    throw error
  }
}

function openError(directory: string, error: unknown): unknown {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const what = cause instanceof Error ? cause.message : String(cause)
  switch (codeOf(cause)) {
    case 'LEVEL_CORRUPTION':
      return corruptError(directory, 0, what)
    case 'LEVEL_LOCKED':
      return new QuorateError('QUORATE_LOCKED', `${directory} is in use by another process`, {
        cause,
      })
    default:
      return new QuorateError('QUORATE_STORAGE', `${directory} cannot be opened: ${what}`, {
        cause,
      })
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
