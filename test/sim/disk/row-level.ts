/**
 * An `abstract-level` database over `Rows`: what `memory-level` is, but opening one, taking a
 * snapshot and going back to an older state cost nothing.
 */
import {
  AbstractIterator,
  AbstractKeyIterator,
  AbstractLevel,
  AbstractSnapshot,
} from 'abstract-level'
import type { AbstractIteratorOptions, AbstractKeyIteratorOptions } from 'abstract-level'
import type { Rows, RowChange } from './rows.ts'

type Key = Uint8Array

/** How a database stands to the world around it. */
export interface RowLevelPort {
  /** What is there now. */
  rows(): Rows
  /** Resolves when a batch is in; never, when its process is dead. */
  write(changes: readonly RowChange[]): Promise<void>
  /** Resolves when some rows have been read. */
  turn(): Promise<void>
}

/** Its constructor takes options, which its types do not say. */
const SnapshotBase = AbstractSnapshot as unknown as new (options: object) => AbstractSnapshot

class RowSnapshot extends SnapshotBase {
  readonly rows: Rows

  constructor(rows: Rows, options: object) {
    super(options)
    this.rows = rows
  }
}

interface Range {
  readonly gt?: Key
  readonly gte?: Key
  readonly lt?: Key
  readonly lte?: Key
  readonly reverse?: boolean
  readonly snapshot?: unknown
}

interface Operation {
  readonly type: 'put' | 'del'
  readonly key: Key
  readonly value?: Key
}

/** A walk over the rows of a range, in either direction. */
class Cursor {
  readonly #rows: Rows
  readonly #reverse: boolean
  #low: number
  #high: number

  constructor(rows: Rows, { gt, gte, lt, lte, reverse }: Range) {
    this.#rows = rows
    this.#reverse = reverse === true
    this.#low = gt !== undefined ? rows.after(gt) : gte !== undefined ? rows.from(gte) : 0
    this.#high = lt !== undefined ? rows.from(lt) : lte !== undefined ? rows.after(lte) : rows.count
  }

  /** Up to `count` rows, each made by `of`. */
  take<T>(count: number, of: (key: Key, value: Key) => T): T[] {
    const out: T[] = []
    while (out.length < count && this.#low < this.#high) {
      const at = this.#reverse ? --this.#high : this.#low++
      out.push(of(this.#rows.keys[at] as Key, this.#rows.values[at] as Key))
    }
    return out
  }
}

class RowIterator extends AbstractIterator<RowLevel, Key, Key> {
  readonly #cursor: Cursor
  readonly #turn: () => Promise<void>

  constructor(db: RowLevel, options: AbstractIteratorOptions<Key, Key>, cursor: Cursor) {
    super(db, options)
    this.#cursor = cursor
    this.#turn = () => db.port.turn()
  }

  async _next(): Promise<[Key, Key] | undefined> {
    const [row] = await this._nextv(1)
    return row
  }

  async _nextv(size: number): Promise<[Key, Key][]> {
    await this.#turn()
    return this.#cursor.take(size, (key, value) => [key, value])
  }
}

class RowKeyIterator extends AbstractKeyIterator<RowLevel, Key> {
  readonly #cursor: Cursor
  readonly #turn: () => Promise<void>

  constructor(db: RowLevel, options: AbstractKeyIteratorOptions<Key>, cursor: Cursor) {
    super(db, options)
    this.#cursor = cursor
    this.#turn = () => db.port.turn()
  }

  async _next(): Promise<Key | undefined> {
    const [key] = await this._nextv(1)
    return key
  }

  async _nextv(size: number): Promise<Key[]> {
    await this.#turn()
    return this.#cursor.take(size, (key) => key)
  }
}

/** The database. Its underscored methods are what `abstract-level` calls. */
export class RowLevel extends AbstractLevel<string | Buffer | Uint8Array, Key, Key> {
  readonly port: RowLevelPort

  constructor(port: RowLevelPort) {
    const manifest = {
      explicitSnapshots: true,
      getSync: true,
      has: true,
      encodings: { view: true },
    }
    super(manifest, { keyEncoding: 'view', valueEncoding: 'view' })
    this.port = port
  }

  _getSync(key: Key, options: Range): Key | undefined {
    return this.#rowsOf(options).get(key)
  }

  async _get(key: Key, options: Range): Promise<Key | undefined> {
    await this.port.turn()
    return this.#rowsOf(options).get(key)
  }

  async _getMany(keys: readonly Key[], options: Range): Promise<(Key | undefined)[]> {
    await this.port.turn()
    const rows = this.#rowsOf(options)
    return keys.map((key) => rows.get(key))
  }

  async _put(key: Key, value: Key): Promise<void> {
    await this.port.write([{ key, value }])
  }

  async _del(key: Key): Promise<void> {
    await this.port.write([{ key, value: undefined }])
  }

  async _batch(operations: readonly Operation[]): Promise<void> {
    await this.port.write(
      operations.map(({ type, key, value }) => ({
        key,
        value: type === 'put' ? value : undefined,
      })),
    )
  }

  _iterator(options: AbstractIteratorOptions<Key, Key> & Range): RowIterator {
    return new RowIterator(this, options, new Cursor(this.#rowsOf(options), options))
  }

  _keys(options: AbstractKeyIteratorOptions<Key> & Range): RowKeyIterator {
    return new RowKeyIterator(this, options, new Cursor(this.#rowsOf(options), options))
  }

  _snapshot(options: object): RowSnapshot {
    return new RowSnapshot(this.port.rows(), options)
  }

  #rowsOf({ snapshot }: Range): Rows {
    return snapshot instanceof RowSnapshot ? snapshot.rows : this.port.rows()
  }
}
