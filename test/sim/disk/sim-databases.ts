/**
 * The state databases of one simulated machine: LevelDB as `src/system/state-database.ts` uses it.
 * Its own log is dropped at every start, so that what opens is what stood at the last barrier, or
 * at a later memtable flush that came by itself: a prefix of whole batches.
 *
 * A database is found by a small file in its directory, as LevelDB is by its `CURRENT`. So it goes
 * where the directory goes: it is removed with it, and a power cut may take it.
 *
 * Not modelled: damage that a start of LevelDB finds in its tables and that a running one does not
 * see, as a missing row. The real opener checks every block, so that this is an `open` that fails.
 */
import { QuorateError } from '../../../src/errors.ts'
import type { Disk } from '../../../src/ports.ts'
import { randomBetween, randomFraction } from '../../../src/random.ts'
import type { SeededRandom } from '../../../src/random.ts'
import type { StateDatabase } from '../../../src/state/index.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Process } from '../kernel/process.ts'
import { appliedKey, sealBytes } from '../../../src/state/layout.ts'
import { RowLevel } from './row-level.ts'
import { Rows } from './rows.ts'
import type { RowChange } from './rows.ts'

/** What LevelDB says of damage that it sees. */
export class LevelCorruption extends Error {
  readonly code = 'LEVEL_CORRUPTION'
}

/** The files of one database; they outlive processes. */
interface Files {
  /** What a crash cannot take. */
  durable: Rows
  /** After each batch since, oldest first; the last one is what is there now. */
  since: Rows[]
  /** Batches so far, and how many of them are durable. */
  written: number
  flushed: number
  /** Older durable states that damage may bring back. */
  past: Rows[]
  /** What the next start will find, if damage has brought it back. */
  older: Rows | undefined
  /** Its tables are damaged: opening it fails. */
  broken: boolean
  /** It is not what was written any more. */
  rotten: boolean
}

/** States that a crash may go back to; LevelDB writes its memtable once that is large enough. */
const sinceMax = 24
const pastMax = 4
const databasesMax = 1_000
/** How long LevelDB takes, ms: from, to. */
const openMs = [0.5, 3] as const
const writeMs = [0.05, 0.5] as const
const barrierMs = [1, 8] as const
/** How long the event loop is left for. */
const pauseMs = 0.02
const markerBytesMax = 64
const markerName = 'CURRENT'

export class SimDatabases {
  readonly #kernel: Kernel
  readonly #random: SeededRandom
  /** By the number in their marker. */
  readonly #files = new Map<number, Files>()
  #made = 0
  /** Those that were opened in the present life, or in the last one, oldest first. */
  #opened: { readonly files: Files; open: boolean }[] = []
  #isOver = true
  #extraMs = 0

  constructor(options: { readonly kernel: Kernel; readonly random: SeededRandom }) {
    this.#kernel = options.kernel
    this.#random = options.random
  }

  /** The database that its node has open, or had last, is damaged: the node may have to give up. */
  get rotten(): boolean {
    const open = this.#opened.filter((each) => each.open)
    return (open.length > 0 ? open : this.#opened).some(({ files }) => files.rotten)
  }

  /**
   * How far the rows of a database that are durable go in the log; `number` is that of its marker.
   * Undefined where it was damaged ever, or is not there.
   */
  durableIndex(number: number): number | undefined {
    const files = this.#files.get(number)
    if (files === undefined || files.rotten || files.older !== undefined) return undefined
    const row = files.durable.get(appliedKey)
    return row === undefined ? 0 : Number(Buffer.from(row).readBigUInt64BE(sealBytes))
  }

  /** Every batch and every read takes this much longer. */
  slow(ms: number): void {
    this.#extraMs = ms
  }

  /** What a process opens databases with; `disk` is the same process's. */
  opener(process: Process, disk: Disk): (directory: string) => Promise<StateDatabase> {
    return async (directory) => {
      const number = await this.#find(disk, directory)
      await process.sleep(this.#ms(openMs))
      const files = this.#files.get(number)
      if (files === undefined) throw new LevelCorruption(`${directory} has no tables`)
      // Its log is removed before it is opened: after an orderly stop as after a crash.
      this.#dropLog(files)
      files.durable = files.older ?? files.durable
      files.older = undefined
      if (this.#isOver) this.#opened = []
      this.#isOver = false
      const opened = { files, open: true }
      this.#opened.push(opened)
      this.#kernel.note('database', process.name, number, files.durable.count)
      if (files.broken) throw new LevelCorruption(`${directory}: a block does not check`)
      const database = await this.#open(files, process, disk, directory)
      const close = async (): Promise<void> => {
        opened.open = false
        await database.close()
      }
      return { ...database, close }
    }
  }

  /** The process is gone, or the power: what LevelDB had not written of itself is. */
  crash(): void {
    this.#isOver = true
    for (const files of this.#files.values()) this.#dropLog(files)
  }

  /** Damages the database that its node has open, or had last, as LevelDB can be; what it did. */
  rot(random: SeededRandom): string | undefined {
    // While a snapshot is fetched there are two; the live one was opened first.
    const { files } = this.#opened.find(({ open }) => open) ?? this.#opened.at(-1) ?? {}
    if (files === undefined) return undefined
    const kind = randomBetween(random, 0, 4)
    if (kind === 0) {
      files.broken = true
      files.rotten = true
      return 'tables that do not open'
    }
    if (kind === 1) return goBack(files, random)
    return kind === 2 ? loseRow(files, random) : flipBit(files, random)
  }

  /** The number of the database in a directory; a new one where there is none. */
  async #find(disk: Disk, directory: string): Promise<number> {
    const marker = `${directory}/${markerName}`
    try {
      await disk.makeDirectory(directory)
      const bytes = await disk.readFile(marker, markerBytesMax)
      const number = bytes === undefined ? 0 : Number(Buffer.from(bytes).toString('latin1'))
      if (Number.isSafeInteger(number) && number > 0) return number
      if (bytes !== undefined) await disk.remove(marker)
      return await this.#make(disk, marker)
    } catch (error) {
      if (error instanceof LevelCorruption) throw error
      throw new QuorateError('QUORATE_STORAGE', `${directory} cannot be opened`, { cause: error })
    }
  }

  async #make(disk: Disk, marker: string): Promise<number> {
    if (this.#made >= databasesMax) throw new Error('too many databases were made')
    const number = ++this.#made
    this.#files.set(number, {
      durable: Rows.empty,
      since: [],
      written: 0,
      flushed: 0,
      past: [],
      older: undefined,
      broken: false,
      rotten: false,
    })
    const file = await disk.open(marker, 'create')
    try {
      await file.write([Buffer.from(String(number))], 0)
      await file.sync()
    } finally {
      await file.close()
    }
    return number
  }

  async #open(
    files: Files,
    process: Process,
    disk: Disk,
    directory: string,
  ): Promise<StateDatabase> {
    const present = (): Rows => files.since.at(-1) ?? files.durable
    const pause = (): Promise<void> => process.sleep(pauseMs)
    const db = new RowLevel({
      rows: present,
      write: async (changes) => {
        await process.sleep(this.#ms(writeMs) + this.#extraMs)
        this.#take(files, changes)
      },
      turn: async () => {
        if (this.#extraMs > 0) await process.sleep(this.#extraMs)
      },
    })
    await db.open()
    return {
      db,
      location: directory,
      // With the first MANIFEST that it writes LevelDB syncs the directory.
      barrier: async () => {
        // What is written when it begins, not what is written while it takes its time.
        const { written } = files
        await process.sleep(this.#ms(barrierMs) + this.#extraMs)
        await disk.syncDirectory(directory)
        while (files.flushed < written) this.#flushMemtable(files)
      },
      pause,
      close: () => db.close(),
    }
  }

  #take(files: Files, changes: readonly RowChange[]): void {
    const before = files.since.at(-1) ?? files.durable
    files.since.push(before.with(changes))
    files.written++
    if (files.since.length > sinceMax) this.#flushMemtable(files)
  }

  /** The oldest state since the last one that is durable becomes durable. */
  #flushMemtable(files: Files): void {
    const next = files.since.shift()
    if (next === undefined) return
    files.past.push(files.durable)
    if (files.past.length > pastMax) files.past.shift()
    files.durable = next
    files.flushed++
  }

  #dropLog(files: Files): void {
    const { since } = files
    if (since.length === 0) return
    // Nearly always nothing was flushed of itself, or everything: memtables are large.
    const draw = randomBetween(this.#random, 0, 4)
    const kept =
      draw < 2 ? 0 : draw === 2 ? since.length : randomBetween(this.#random, 0, since.length + 1)
    for (let i = 0; i < kept; i++) this.#flushMemtable(files)
    files.since = []
    files.flushed = files.written
  }

  #ms([from, to]: readonly [number, number]): number {
    return from + (to - from) * randomFraction(this.#random)
  }
}

/** The next start finds an older MANIFEST, and by it an older state, whole. */
function goBack(files: Files, random: SeededRandom): string | undefined {
  files.older = files.past[randomBetween(random, 0, Math.max(1, files.past.length))]
  return files.older && `an older state of ${files.older.count} rows`
}

/** A row is gone of those that a start looks at: the applied row, settings, or a minute's. */
function loseRow(files: Files, random: SeededRandom): string | undefined {
  const first = [0, 1, 2].flatMap((keyspace) => {
    const rows = files.since.at(-1) ?? files.durable
    return rows.keys.slice(
      rows.from(Uint8Array.of(keyspace)),
      rows.from(Uint8Array.of(keyspace + 1)),
    )
  })
  const key = first[randomBetween(random, 0, Math.max(1, first.length))]
  if (key === undefined) return undefined
  change(files, { key, value: undefined })
  return `a row of keyspace ${key[0] ?? 0} is gone`
}

function flipBit(files: Files, random: SeededRandom): string | undefined {
  const rows = files.since.at(-1) ?? files.durable
  const at = randomBetween(random, 0, Math.max(1, rows.count))
  const [key, value] = [rows.keys[at], rows.values[at]]
  if (key === undefined || value === undefined || value.length === 0) return undefined
  const flipped = Uint8Array.from(value)
  const byte = randomBetween(random, 0, flipped.length)
  flipped[byte] = (flipped[byte] ?? 0) ^ (1 << randomBetween(random, 0, 8))
  change(files, { key, value: flipped })
  return `a bit of a row of keyspace ${key[0] ?? 0}`
}

/** In all states in which the row is as it is now. */
function change(files: Files, to: RowChange): void {
  files.rotten = true
  const row = (files.since.at(-1) ?? files.durable).get(to.key)
  const damaged = (rows: Rows): Rows => (rows.get(to.key) === row ? rows.with([to]) : rows)
  files.durable = damaged(files.durable)
  files.since = files.since.map(damaged)
}
