/** What is kept of a log's entries while it is read: the newest ones, and those about members. */
import { assert } from '../assert.ts'
import type { Entry } from '../raft/index.ts'

/** What an entry counts for beyond its data, so that many empty ones are bounded too. */
const entryOverheadBytes = 64
/** Takes the place of a dropped entry, whose data must not be kept alive by the array. */
const dropped: Entry = { index: 0, term: 0, kind: 'noop', data: new Uint8Array(0) }

/** Holds a run of entries without gaps; drops the oldest where there are too many bytes. */
export class Tail {
  readonly #bytesMax: number
  #entries: Entry[] = []
  /** Entries before this position were dropped already. */
  #head = 0
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Adds an entry in place of all from its index on. Its data is copied. */
  append(entry: Entry): void {
    for (let last = this.#last(); last !== undefined && last.index >= entry.index;) {
      this.#entries.pop()
      this.#bytes -= costOf(last)
      last = this.#last()
    }
    const last = this.#last()
    // After a cut that went below the oldest entry held, the new ones begin a run of their own.
    assert(last === undefined || last.index + 1 === entry.index, 'the tail has no gaps')
    const copy = { ...entry, data: entry.data.slice() }
    this.#entries.push(copy)
    this.#bytes += costOf(copy)
    this.#dropOldest()
    assert(this.#bytes >= 0, 'what is counted was added before')
  }

  #last(): Entry | undefined {
    return this.#entries.length > this.#head ? this.#entries.at(-1) : undefined
  }

  #dropOldest(): void {
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#entries[this.#head]
      if (oldest === undefined) break
      this.#bytes -= costOf(oldest)
      this.#entries[this.#head] = dropped
      this.#head += 1
    }
    // Moving the rest down only once half is empty keeps the cost per entry constant.
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
  }

  /** The entries held, oldest first. */
  entries(): Entry[] {
    return this.#entries.slice(this.#head)
  }
}

function costOf(entry: Entry): number {
  return entry.data.length + entryOverheadBytes
}

/**
 * The config entries of a log that is being read: the core needs all of them to start. They are
 * bounded by the log's own cap and by nothing else: a reader takes whatever its writer may write,
 * or a log that is whole would pass for damaged.
 */
export class ConfigEntries {
  readonly #entries: Entry[] = []

  /** Takes in any entry, in place of all from its index on. */
  append(entry: Entry): void {
    while ((this.#entries.at(-1)?.index ?? 0) >= entry.index) this.#entries.pop()
    if (entry.kind === 'config') this.#entries.push({ ...entry, data: entry.data.slice() })
  }

  /** The live ones, oldest first. */
  entries(): readonly Entry[] {
    return [...this.#entries]
  }
}
