/**
 * The calls and returns that are still to be put in order: a doubly linked list in the order of
 * time (Wing and Gong 1993, with the list of Lowe 2017). An operation is taken out (lifted) when it
 * gets its place, and put back in the same place when the search comes back: so in reverse order.
 *
 * Only operations with an end are in it. Those before the first return are all that may come next.
 */
import type { Operation } from '../history/index.ts'

/** The list; entries are numbered in the order of time. */
export class EntryList {
  /** Stands before the first entry and behind the last. */
  readonly head: number
  readonly #next: Int32Array
  readonly #previous: Int32Array
  /** Of an entry: its operation, from 0. */
  readonly operation: Int32Array
  /** Of an entry: 1 for a call, 0 for a return. */
  readonly call: Uint8Array
  /** Of a call: the entry of its return. */
  readonly #returns: Int32Array
  /** Of an entry: its place in the history's order of time. */
  readonly place: Float64Array
  /** How many operations are in it. */
  length: number

  constructor(operations: readonly Operation[]) {
    const entries = operations
      .flatMap(({ begin, end }, operation) => [
        { place: begin, operation, call: 1 },
        { place: end, operation, call: 0 },
      ])
      .sort((a, b) => a.place - b.place)
    const count = entries.length
    this.head = count
    this.length = operations.length
    this.#next = Int32Array.from({ length: count + 1 }, (_, at) => (at === count ? 0 : at + 1))
    this.#previous = Int32Array.from({ length: count + 1 }, (_, at) => (at === 0 ? count : at - 1))
    this.operation = Int32Array.from(entries, ({ operation }) => operation)
    this.call = Uint8Array.from(entries, ({ call }) => call)
    this.place = Float64Array.from(entries, ({ place }) => place)
    this.#returns = new Int32Array(count)
    const calls = new Int32Array(operations.length)
    for (const [at, { operation, call }] of entries.entries()) {
      if (call === 1) calls[operation] = at
      else this.#returns[calls[operation] ?? 0] = at
    }
  }

  /** The entry after this one; `head` behind the last. */
  after(entry: number): number {
    return this.#next[entry] ?? this.head
  }

  /** Takes out the operation of a call. */
  lift(call: number): void {
    this.#unlink(call)
    this.#unlink(this.#returns[call] ?? 0)
    this.length--
  }

  /** Puts back what was lifted last. */
  unlift(call: number): void {
    this.#link(this.#returns[call] ?? 0)
    this.#link(call)
    this.length++
  }

  #unlink(entry: number): void {
    const before = this.#previous[entry] ?? 0
    const behind = this.#next[entry] ?? 0
    this.#next[before] = behind
    this.#previous[behind] = before
  }

  #link(entry: number): void {
    this.#next[this.#previous[entry] ?? 0] = entry
    this.#previous[this.#next[entry] ?? 0] = entry
  }
}
