/**
 * The rows of a database at one moment. They never change: a batch makes new ones, which costs as
 * little as copying two arrays of pointers, and every older state stays at hand for nothing.
 */

/** One change. `value` undefined: the row goes. */
export interface RowChange {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

export class Rows {
  static readonly empty = new Rows([], [])

  /** Ascending. */
  readonly keys: readonly Uint8Array[]
  readonly values: readonly Uint8Array[]

  private constructor(keys: readonly Uint8Array[], values: readonly Uint8Array[]) {
    this.keys = keys
    this.values = values
  }

  get count(): number {
    return this.keys.length
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const at = this.from(key)
    const found = this.keys[at]
    return found !== undefined && Buffer.compare(found, key) === 0 ? this.values[at] : undefined
  }

  /** Where the first row is whose key is not below this one. */
  from(key: Uint8Array): number {
    let low = 0
    let high = this.keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (Buffer.compare(this.keys[middle] as Uint8Array, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Where the first row is whose key is above this one. */
  after(key: Uint8Array): number {
    const at = this.from(key)
    const found = this.keys[at]
    return found !== undefined && Buffer.compare(found, key) === 0 ? at + 1 : at
  }

  /** The rows after these changes; of several for one key the last counts. */
  with(changes: readonly RowChange[]): Rows {
    // A sort is stable, so that the last change of a key is the last of its run.
    const sorted = changes.toSorted((a, b) => Buffer.compare(a.key, b.key))
    const keys: Uint8Array[] = []
    const values: Uint8Array[] = []
    let at = 0
    for (const [i, { key, value }] of sorted.entries()) {
      const next = sorted[i + 1]
      if (next !== undefined && Buffer.compare(next.key, key) === 0) continue
      const until = this.from(key)
      for (; at < until; at++) {
        keys.push(this.keys[at] as Uint8Array)
        values.push(this.values[at] as Uint8Array)
      }
      const found = this.keys[at]
      if (found !== undefined && Buffer.compare(found, key) === 0) at++
      if (value === undefined) continue
      keys.push(key)
      values.push(value)
    }
    for (; at < this.keys.length; at++) {
      keys.push(this.keys[at] as Uint8Array)
      values.push(this.values[at] as Uint8Array)
    }
    return new Rows(keys, values)
  }
}
