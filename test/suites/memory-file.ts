/**
 * The content of one file on the disk in memory: what is durable, what is written and not synced,
 * and what a failed sync left readable but lost. Pages are sparse: a hole costs nothing.
 */
import { present } from '../../src/assert.ts'
import type { Random } from '../../src/ports.ts'

/**
 * What a power cut keeps of what was not synced: `none`, `all`, a `prefix` in the order of writing
 * that may end within a sector, or any subset of `sectors`.
 */
export type KeepUnsynced = 'none' | 'all' | 'prefix' | 'sectors'

const pageBytes = 4096
const sectorBytes = 512

/** Pages by number; a page that is absent is a hole of zeros. */
type Pages = Map<number, Uint8Array>

/** What a sync that has begun will make durable: what was written by then. */
export interface SyncPoint {
  readonly pages: ReadonlyMap<number, Uint8Array>
  readonly size: number
}

/** One file. Pages are never changed in place, so that copies can share them. */
export class MemoryFile {
  #durable: Pages = new Map()
  #durableSize = 0
  /** Readable, taken for clean, and not on the disk: what a failed sync leaves. */
  #lost: Pages = new Map()
  /** Written since the last sync, in the order of the first write to each page. */
  #dirty: Pages = new Map()
  /** What each page held on the disk before it was last synced; undefined: it was a hole. */
  readonly #older = new Map<number, Uint8Array | undefined>()
  size = 0

  #page(number: number): Uint8Array | undefined {
    return this.#dirty.get(number) ?? this.#lost.get(number) ?? this.#durable.get(number)
  }

  read(offset: number, length: number): Uint8Array {
    const end = Math.min(this.size, offset + length)
    const out = new Uint8Array(Math.max(0, end - offset))
    for (let at = offset; at < end;) {
      const start = at % pageBytes
      const count = Math.min(pageBytes - start, end - at)
      const page = this.#page(Math.floor(at / pageBytes))
      if (page !== undefined) out.set(page.subarray(start, start + count), at - offset)
      at += count
    }
    return out
  }

  write(bytes: Uint8Array, offset: number): void {
    for (let at = 0; at < bytes.length;) {
      const start = (offset + at) % pageBytes
      const count = Math.min(pageBytes - start, bytes.length - at)
      const number = Math.floor((offset + at) / pageBytes)
      const page = this.#page(number)?.slice() ?? new Uint8Array(pageBytes)
      page.set(bytes.subarray(at, at + count), start)
      this.#dirty.set(number, page)
      this.#lost.delete(number)
      at += count
    }
    if (bytes.length > 0) this.size = Math.max(this.size, offset + bytes.length)
  }

  truncate(length: number): void {
    const numbers = new Set([...this.#durable.keys(), ...this.#lost.keys(), ...this.#dirty.keys()])
    for (const number of numbers) {
      const start = number * pageBytes
      if (start + pageBytes <= length) continue
      const page = this.#page(number)?.slice(0, Math.max(0, length - start))
      const cut = new Uint8Array(pageBytes)
      if (page !== undefined) cut.set(page)
      this.#dirty.set(number, cut)
      this.#lost.delete(number)
    }
    this.size = length
  }

  sync(): void {
    this.endSync(this.beginSync())
  }

  /** A sync takes its time: what is written while it does is not in it. */
  beginSync(): SyncPoint {
    return { pages: new Map(this.#dirty), size: this.size }
  }

  endSync({ pages, size }: SyncPoint): void {
    for (const [number, page] of pages) {
      this.#older.set(number, this.#durable.get(number))
      this.#durable.set(number, page)
      if (this.#dirty.get(number) === page) this.#dirty.delete(number)
    }
    this.#durableSize = size
  }

  failSync(point: SyncPoint = this.beginSync()): void {
    for (const [number, page] of point.pages) {
      if (this.#dirty.get(number) !== page) continue
      this.#lost.set(number, page)
      this.#dirty.delete(number)
    }
  }

  /** What a power cut would leave at the least, up to the file's durable end. */
  readDurable(offset: number, length: number): Uint8Array {
    const end = Math.min(this.#durableSize, offset + length)
    const out = new Uint8Array(Math.max(0, end - offset))
    for (let at = offset; at < end;) {
      const start = at % pageBytes
      const count = Math.min(pageBytes - start, end - at)
      const page = this.#durable.get(Math.floor(at / pageBytes))
      if (page !== undefined) out.set(page.subarray(start, start + count), at - offset)
      at += count
    }
    return out
  }

  /** What a sector held before its page was last synced; undefined where nobody knows. */
  olderSector(sector: number): Uint8Array | undefined {
    const offset = sector * sectorBytes
    const number = Math.floor(offset / pageBytes)
    if (!this.#older.has(number)) return undefined
    const start = offset % pageBytes
    const page = this.#older.get(number)
    return page?.slice(start, start + sectorBytes) ?? new Uint8Array(sectorBytes)
  }

  /** How many bytes of disk a write takes that lie in holes now. */
  growth(offset: number, length: number): number {
    let pages = 0
    const last = Math.floor((offset + length - 1) / pageBytes)
    for (let number = Math.floor(offset / pageBytes); number <= last; number++) {
      if (this.#page(number) === undefined) pages++
    }
    return pages * pageBytes
  }

  /** How many bytes of disk the file takes. */
  get allocated(): number {
    return new Set([...this.#durable.keys(), ...this.#dirty.keys()]).size * pageBytes
  }

  /** Changes bytes on the disk itself. */
  damage(bytes: Uint8Array, offset: number): void {
    for (let at = 0; at < bytes.length;) {
      const start = (offset + at) % pageBytes
      const count = Math.min(pageBytes - start, bytes.length - at)
      const number = Math.floor((offset + at) / pageBytes)
      for (const pages of [this.#durable, this.#lost, this.#dirty]) {
        if (!pages.has(number) && pages !== this.#durable) continue
        const page = pages.get(number)?.slice() ?? new Uint8Array(pageBytes)
        page.set(bytes.subarray(at, at + count), start)
        pages.set(number, page)
      }
      at += count
    }
  }

  crash(keep: KeepUnsynced, random: Random | undefined): void {
    this.#lost.clear()
    if (keep === 'all') this.sync()
    const draw = (below: number): number =>
      present(random, 'chance needs a source').uint32() % below
    if (keep === 'sectors') {
      if (draw(2) === 0) this.#durableSize = this.size
      for (const [number, page] of this.#dirty) {
        const chosen = this.#durable.get(number)?.slice() ?? new Uint8Array(pageBytes)
        for (let at = 0; at < pageBytes; at += sectorBytes) {
          if (draw(2) === 0) chosen.set(page.subarray(at, at + sectorBytes), at)
        }
        this.#durable.set(number, chosen)
      }
    }
    if (keep === 'prefix') this.#keepPrefix(draw(this.#dirty.size * pageBytes + 1))
    this.#dirty.clear()
    this.size = this.#durableSize
    this.#cutToSize()
  }

  #keepPrefix(bytes: number): void {
    let left = bytes
    for (const [number, page] of this.#dirty) {
      const count = Math.min(left, pageBytes)
      const chosen = this.#durable.get(number)?.slice() ?? new Uint8Array(pageBytes)
      chosen.set(page.subarray(0, count))
      this.#durable.set(number, chosen)
      if (count > 0) {
        const end = Math.min(this.size, number * pageBytes + count)
        this.#durableSize = Math.max(this.#durableSize, end)
      }
      left -= count
    }
  }

  #cutToSize(): void {
    const size = this.size
    this.truncate(size)
    this.sync()
  }

  clone(): MemoryFile {
    const copy = new MemoryFile()
    copy.#durable = new Map(this.#durable)
    copy.#lost = new Map(this.#lost)
    copy.#dirty = new Map(this.#dirty)
    copy.#durableSize = this.#durableSize
    copy.size = this.size
    return copy
  }
}
