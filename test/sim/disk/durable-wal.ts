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
  /** Entry `i + 1` is at `i`. */
  readonly #entries: DurableEntry[] = []
  readonly #flushes: DurableFlush[] = []
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

  get lastIndex(): number {
    return this.#entries.length
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

  /** All flushes, oldest first. */
  get flushes(): readonly DurableFlush[] {
    return this.#flushes
  }

  at(index: number): DurableEntry | undefined {
    return this.#entries[index - 1]
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
    return this.#takeFlushes(group) || vote
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
    const before = this.#flushes.length
    for (;;) {
      this.#segment ??= this.#nextSegment(group ?? directoryAt(this.#root, this.#group))
      if (this.#segment === undefined) break
      const { file, start } = this.#segment
      const flush = readFlush((offset, length) => file.readDurable(offset, length), {
        offset: this.#end,
        number: this.#flushes.length + 1,
        segment: start.number,
        seed: start.seed,
        previousChecksum: this.#previousChecksum,
      })
      if (flush === undefined) break
      this.#take(flush, file)
    }
    return this.#flushes.length > before
  }

  /**
   * The file is kept, not looked up again: a process goes on writing to a file that was removed
   * behind its back.
   */
  #nextSegment(group: Directory | undefined) {
    const wal = group?.durable.get('wal')
    if (wal === undefined || isFile(wal)) return undefined
    const file = wal.durable.get(segmentName(this.#segmentNumber))
    if (file === undefined || !isFile(file)) return undefined
    const start = readSegmentStart(file.readDurable(0, sectorBytes))
    const due =
      start?.number === this.#segmentNumber &&
      start.firstFlush === this.#flushes.length + 1 &&
      start.previousChecksum === this.#previousChecksum
    if (start === undefined || !due) return undefined
    this.#end = sectorBytes
    return { file, start }
  }

  #take(flush: Flush, file: MemoryFile): void {
    const { bytes, checksum, hardState, entries, seal } = flush
    this.#flushes.push({ file, segment: this.#segmentNumber, offset: this.#end, bytes })
    this.#end += bytes
    this.#previousChecksum = checksum
    if (hardState !== undefined) this.#hardState = hardState
    for (const entry of entries) {
      if (entry.index < 1 || entry.index > this.#entries.length + 1) {
        throw new Error(`entry ${entry.index} follows entry ${this.#entries.length} on the disk`)
      }
      this.#entries.length = entry.index - 1
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
