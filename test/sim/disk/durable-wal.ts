/**
 * What is durable of a machine's log and vote, whatever its process believes.
 *
 * It looks at the platter alone: at bytes that a sync covered, or that a power cut happened to
 * spare, in files whose whole path is durable (an entry in a file whose name is lost is lost too,
 * `etcd#6368`). What is durable stays so. Hence it is enough to look, after each sync and each power
 * cut, whether the next flush stands where the last one ended.
 *
 * Damage does not take anything back: this is what had been promised.
 */
import type { MemoryFile } from '../../suites/memory-file.ts'
import { isFile, steps } from '../../suites/memory-tree.ts'
import type { Directory } from '../../suites/memory-tree.ts'
import type { DurableEntry, DurableLog } from './durable-log.ts'
import { readFlush, readSegmentStart, readVoteSlot, sectorBytes } from './wal-bytes.ts'
import type { Flush, LoggedHardState, SegmentStart } from './wal-bytes.ts'

/** Where a durable flush stands. */
export interface DurableFlush {
  readonly file: MemoryFile
  readonly segment: number
  readonly offset: number
  readonly bytes: number
}

const emptyHardState: LoggedHardState = { currentTerm: 0, votedFor: undefined, commitIndex: 0 }

/** The name of a segment's file. */
export function segmentName(segment: number): string {
  return `${String(segment).padStart(10, '0')}.wal`
}

export class DurableWal implements DurableLog {
  readonly #root: Directory
  readonly #group: readonly string[]
  #base = { index: 0, term: 0 }
  /** Entry `base.index + i + 1` is at `i`. */
  readonly #entries: DurableEntry[] = []
  readonly #flushes: DurableFlush[] = []
  #nextFlush = 1
  #front = 0
  /** By segment: behind which entry it begins, as long as that entry was not overwritten. */
  readonly #bases = new Map<number, number>()
  #directory: Directory | undefined
  #hardState = emptyHardState
  /** The segment that the next flush goes to; undefined until that one has a durable name. */
  #segment: { readonly file: MemoryFile; readonly start: SegmentStart } | undefined
  #segmentNumber = 1
  #end = sectorBytes
  #previousChecksum = 0
  #vote: { readonly file: MemoryFile; readonly sequence: number } | undefined
  #voteFile: DurableLog['voteFile']

  /** `root` is the disk's; `group` the path of the group's directory. */
  constructor(root: Directory, group: string) {
    this.#root = root
    this.#group = steps(group)
  }

  get base(): { readonly index: number; readonly term: number } {
    return this.#base
  }

  get front(): number {
    return this.#front
  }

  get bytes(): number {
    const wal = directoryAt(this.#root, this.#group)?.current.get('wal')
    if (wal === undefined || isFile(wal)) return 0
    let bytes = 0
    for (const file of wal.current.values()) if (isFile(file)) bytes += file.size
    return bytes
  }

  get lastIndex(): number {
    return this.#base.index + this.#entries.length
  }

  get currentTerm(): number {
    return this.#hardState.currentTerm
  }

  get votedFor(): string | undefined {
    return this.#hardState.votedFor
  }

  get commitIndex(): number {
    return this.#hardState.commitIndex
  }

  get voteFile(): DurableLog['voteFile'] {
    return this.#voteFile
  }

  /** The flushes of all segments that are there, oldest first. */
  get flushes(): readonly DurableFlush[] {
    return this.#flushes
  }

  at(index: number): DurableEntry | undefined {
    return this.#entries[index - this.#base.index - 1]
  }

  /**
   * Takes in what became durable; true where that was anything. `synced`: the file whose sync has
   * just ended, where that is all that happened.
   */
  advance(synced?: MemoryFile): boolean {
    if (synced !== undefined && synced === this.#segment?.file) return this.#takeFlushes()
    const group = directoryAt(this.#root, this.#group)
    if (group === undefined) return false
    const vote = this.#takeVote(group)
    const anew = this.#takeAnew(group)
    const flushes = this.#takeFlushes(group) || anew
    const reset = this.#takeReset(group)
    this.#forgetRemoved(group)
    return flushes || vote || reset
  }

  #takeVote(group: Directory): boolean {
    const file = group.durable.get('vote')
    if (file === undefined || !isFile(file)) return false
    // A file that was made anew counts its saves anew.
    let newest = this.#vote?.file === file ? this.#vote.sequence : 0
    let changed = false
    for (const offset of [0, sectorBytes]) {
      const slot = readVoteSlot(file.readDurable(offset, sectorBytes))
      if (slot === undefined || slot.sequence <= newest) continue
      newest = slot.sequence
      this.#voteFile = { term: slot.term, votedFor: slot.votedFor }
      changed = true
    }
    this.#vote = { file, sequence: newest }
    return changed
  }

  #takeFlushes(group?: Directory): boolean {
    const before = this.#nextFlush
    for (;;) {
      this.#segment ??= this.#nextSegment(group ?? directoryAt(this.#root, this.#group))
      if (this.#segment === undefined) break
      const { file, start } = this.#segment
      const flush = readFlush((offset, length) => file.readDurable(offset, length), {
        offset: this.#end,
        number: this.#nextFlush,
        segment: start.number,
        seed: start.seed,
        previousChecksum: this.#previousChecksum,
      })
      if (flush === undefined) break
      this.#take(flush, file)
    }
    return this.#nextFlush > before
  }

  /**
   * The file is kept, not looked up again: a process goes on writing to a file that was removed
   * behind its back.
   */
  #nextSegment(group: Directory | undefined) {
    const found = this.#segmentAt(group, this.#segmentNumber)
    if (found === undefined) return undefined
    this.#bases.set(this.#segmentNumber, found.start.base.index)
    if (this.#segmentNumber === 1) this.#begin(found.start)
    this.#end = sectorBytes
    return found
  }

  /** A segment, if it is the one that comes next in the chain of flushes. */
  #segmentAt(group: Directory | undefined, number: number) {
    const wal = group?.durable.get('wal')
    if (wal === undefined || isFile(wal)) return undefined
    const file = wal.durable.get(segmentName(number))
    if (file === undefined || !isFile(file)) return undefined
    const start = readSegmentStart(file.readDurable(0, sectorBytes))
    const due =
      start?.number === number &&
      start.firstFlush === this.#nextFlush &&
      start.previousChecksum === this.#previousChecksum
    return start === undefined || !due ? undefined : { file, start }
  }

  /** A damaged log was put aside, directory and all: what is there now begins by itself. */
  #takeAnew(group: Directory): boolean {
    const wal = group.durable.get('wal')
    if (wal === undefined || isFile(wal) || wal === this.#directory) return false
    const file = wal.durable.get(segmentName(1))
    if (file === undefined || !isFile(file)) return false
    const start = readSegmentStart(file.readDurable(0, sectorBytes))
    if (start === undefined) return false
    const isFirst = this.#directory === undefined
    this.#directory = wal
    if (isFirst) return false
    this.#flushes.length = 0
    this.#bases.clear()
    this.#segmentNumber = 1
    this.#segment = undefined
    this.#nextFlush = start.firstFlush
    this.#previousChecksum = start.previousChecksum
    return true
  }

  /** The log was replaced by nothing behind a base: a segment that says so needs no seal before it. */
  #takeReset(group: Directory): boolean {
    const next = this.#segmentAt(group, this.#segmentNumber + 1)
    if (this.#segment === undefined || next?.start.reset !== true) return false
    this.#segmentNumber += 1
    this.#segment = next
    this.#end = sectorBytes
    this.#bases.clear()
    this.#bases.set(this.#segmentNumber, next.start.base.index)
    this.#begin(next.start)
    return true
  }

  #begin({ base, hardState }: SegmentStart): void {
    this.#base = base
    this.#front = base.index
    this.#entries.length = 0
    this.#hardState = hardState
  }

  /** A compaction took the oldest segments away. */
  #forgetRemoved(group: Directory): void {
    const wal = group.durable.get('wal')
    if (wal === undefined || isFile(wal)) return
    const isGone = ({ file, segment }: DurableFlush): boolean =>
      segment < this.#segmentNumber && wal.durable.get(segmentName(segment)) !== file
    const kept = this.#flushes.findIndex((flush) => !isGone(flush))
    const [gone] = this.#flushes.splice(0, kept === -1 ? this.#flushes.length : kept)
    if (gone !== undefined) this.#findFront(wal)
  }

  /**
   * The first segment that is there says behind which entry the log begins; but not where that was
   * overwritten later, which a segment that is about to go as well may have.
   */
  #findFront(wal: Directory): void {
    for (const number of this.#bases.keys()) {
      if (!wal.durable.has(segmentName(number))) this.#bases.delete(number)
    }
    const [front] = [...this.#bases].toSorted(([a], [b]) => a - b)
    this.#front = front?.[1] ?? this.#front
  }

  #cross(index: number): void {
    for (const [number, base] of this.#bases) if (base >= index) this.#bases.delete(number)
  }

  #take(flush: Flush, file: MemoryFile): void {
    const { bytes, checksum, hardState, entries, seal } = flush
    this.#flushes.push({ file, segment: this.#segmentNumber, offset: this.#end, bytes })
    this.#nextFlush += 1
    this.#end += bytes
    this.#previousChecksum = checksum
    if (hardState !== undefined) this.#hardState = hardState
    for (const entry of entries) {
      const position = entry.index - this.#base.index - 1
      if (position < 0 || position > this.#entries.length) {
        throw new Error(`entry ${entry.index} follows entry ${this.lastIndex} on the disk`)
      }
      if (position < this.#entries.length) this.#cross(entry.index)
      this.#entries.length = position
      this.#entries.push(entry)
    }
    if (seal === undefined) return
    this.#segmentNumber = seal
    this.#segment = undefined
  }
}

/** The directory at a path of durable names. */
function directoryAt(root: Directory, path: readonly string[]): Directory | undefined {
  let directory = root
  for (const name of path) {
    const next = directory.durable.get(name)
    if (next === undefined || isFile(next)) return undefined
    directory = next
  }
  return directory
}
