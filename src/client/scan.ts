/**
 * A scan: pages of one node, all as of one revision. It lives on the connection on which it was
 * opened; when that goes, or the node gives it up, the rest cannot be had at that revision any
 * more, and it ends with `QUORATE_SCAN_LOST` and the last key that was handed out.
 *
 * At most two pages are held: the one handed out, and the next. A page is never asked for twice,
 * because the node has moved on once it has read it.
 */
import type { KeyRange, ScanRow } from '../command/index.ts'
import { QuorateError } from '../errors.ts'
import type { ReplyBody } from '../transport/index.ts'
import type { Call } from './call.ts'
import type { Calls } from './calls.ts'
import { decode } from './encoding.ts'
import type { Endpoint, Waiter } from './endpoint.ts'
import { unexpected } from './settle.ts'
import type { CallOptions, Consistency, Encoding, ScanEntry } from './types.ts'

export interface ScanParts {
  readonly calls: Calls
  readonly range: KeyRange
  readonly consistency: Consistency
  readonly keyEncoding: Encoding
  readonly valueEncoding: Encoding
  /** Budget of each page, and what gives the scan up. */
  readonly options: CallOptions
}

/** Where an open scan lives. */
interface Place {
  readonly endpoint: Endpoint
  readonly connection: number
  readonly scanId: number
}

interface Page {
  readonly rows: readonly ScanRow[]
  readonly revision: number
  /** Undefined: nothing comes after. */
  readonly place: Place | undefined
}

/** The records of a range, in order. Ends on the node when it is closed, or read to its end. */
export class Scan implements AsyncIterableIterator<ScanEntry> {
  readonly #parts: ScanParts
  #page: Page | undefined
  #at = 0
  /** The page after this one, on its way. */
  #coming: Promise<Page> | undefined
  /** The `next` that is under way: a further one waits for it. */
  #step: Promise<unknown> | undefined
  #lastKey: Uint8Array | undefined
  #over = false
  #revision: number | undefined

  constructor(parts: ScanParts) {
    this.#parts = parts
    this.#over = parts.range.limit === 0
  }

  /** The revision at which the whole scan is pinned; undefined before its first page is there. */
  get revision(): number | undefined {
    return this.#revision
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<ScanEntry, undefined>> {
    if (this.#step !== undefined) return this.#queue(this.#step)
    try {
      const entry = this.#take()
      if (entry !== undefined) return Promise.resolve({ value: entry, done: false })
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error('a scan threw'))
    }
    if (this.#over) return Promise.resolve({ value: undefined, done: true })
    return this.#queue(undefined)
  }

  /** What `break` and a thrown error in a `for await` call. */
  async return(): Promise<IteratorResult<ScanEntry, undefined>> {
    await this.close()
    return { value: undefined, done: true }
  }

  /** Ends the scan here and on its node. Calling it again does nothing. */
  async close(): Promise<void> {
    const page = this.#end()
    const coming = this.#coming
    this.#coming = undefined
    // The page that is on its way tells whether the node holds the scan still.
    if (coming === undefined) release(page?.place)
    else coming.then((next) => release(next.place)).catch(() => {})
    await Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Runs a step after the one under way, so that entries come out once and in order. */
  #queue(before: Promise<unknown> | undefined): Promise<IteratorResult<ScanEntry, undefined>> {
    const step = (before ?? Promise.resolve()).catch(() => {}).then(() => this.#advance())
    this.#step = step
    const clear = (): void => {
      if (this.#step === step) this.#step = undefined
    }
    step.then(clear, clear)
    return step
  }

  async #advance(): Promise<IteratorResult<ScanEntry, undefined>> {
    for (;;) {
      const entry = this.#take()
      if (entry !== undefined) return { value: entry, done: false }
      if (this.#over) return { value: undefined, done: true }
      await this.#turn()
    }
  }

  /** The next entry of the page at hand. */
  #take(): ScanEntry | undefined {
    if (this.#over) return undefined
    const { signal } = this.#parts.options
    if (signal?.aborted === true) throw this.#abandon(abortedError(signal))
    const page = this.#page
    const row = page?.rows[this.#at]
    if (page === undefined || row === undefined) return undefined
    if (this.#at === 0) this.#prefetch(page)
    this.#at++
    const entry = this.#toEntry(row, page.revision)
    this.#lastKey = row.key
    return entry
  }

  #toEntry(row: ScanRow, readRevision: number): ScanEntry {
    const { keyEncoding, valueEncoding, range } = this.#parts
    try {
      return {
        key: decode(row.key, keyEncoding, 'key'),
        value: range.keysOnly ? undefined : decode(row.value, valueEncoding, 'value'),
        revision: row.revision,
        readRevision,
      }
    } catch (error) {
      throw this.#abandon(error)
    }
  }

  /** Goes on to the next page; the one before was handed out whole. */
  async #turn(): Promise<void> {
    const page = this.#page
    if (page !== undefined && page.place === undefined) {
      this.#over = true
      return
    }
    try {
      if (page === undefined) this.#coming ??= this.#open()
      else this.#prefetch(page)
      const next = await this.#coming
      if (this.#over || next === undefined) return
      this.#coming = undefined
      this.#page = next
      this.#at = 0
      this.#revision = next.revision
    } catch (error) {
      if (this.#over) return
      this.#over = true
      throw page === undefined ? error : this.#lost(error)
    }
  }

  #open(): Promise<Page> {
    const { calls, range, consistency, options } = this.#parts
    const to = consistency === 'stale' ? 'nearest' : 'reader'
    const body = { kind: 'scan', range, consistency } as const
    return watched(calls.read({ name: 'scan', route: { to }, body }, options, toPage))
  }

  #prefetch(page: Page): void {
    const { place } = page
    if (place === undefined || this.#coming !== undefined) return
    const { calls, options } = this.#parts
    const { endpoint, connection, scanId } = place
    const route = { to: 'connection', endpoint, connection } as const
    const body = { kind: 'scanNext', scanId } as const
    this.#coming = watched(calls.read({ name: 'scan', route, body }, options, toPage))
  }

  /** Ends the scan for a reason that is the caller's own. */
  #abandon(error: unknown): Error {
    void this.close()
    return error instanceof Error ? error : new Error('a scan ended', { cause: error })
  }

  /** Nothing more is handed out; returns the page that was. */
  #end(): Page | undefined {
    const page = this.#over ? undefined : this.#page
    this.#over = true
    this.#page = undefined
    return page
  }

  /** What the caller does with it is the caller's affair: it gave the call or the client up. */
  #lost(error: unknown): unknown {
    if (!(error instanceof QuorateError)) return error
    if (error.code === 'QUORATE_ABORTED' || error.code === 'QUORATE_CLOSED') return error
    const key = this.#lastKey
    const details = key === undefined ? {} : { lastKey: Buffer.from(key).toString('base64') }
    return new QuorateError('QUORATE_SCAN_LOST', `the scan cannot go on: ${error.message}`, {
      details,
      attempts: error.attempts,
      cause: error,
    })
  }
}

function toPage(body: ReplyBody, call: Call): Page {
  if (body.kind !== 'page') throw unexpected(call, body.kind)
  const { rows, revision, scanId } = body
  const endpoint = call.servedBy
  const held = body.done || endpoint === undefined
  const place = held ? undefined : { endpoint, connection: endpoint.connection, scanId }
  return { rows, revision, place }
}

/** The node may forget the scan. Best effort: it does so of itself after a while. */
function release(place: Place | undefined): void {
  if (place === undefined || place.endpoint.connection !== place.connection) return
  place.endpoint.send(nobody, { kind: 'scanClose', scanId: place.scanId }, 1000)
}

const nobody: Waiter = { answered: () => {}, lost: () => {} }

/** A page that fails before anyone asks for it must not count as a rejection nobody handles. */
function watched(page: Promise<Page>): Promise<Page> {
  page.catch(() => {})
  return page
}

function abortedError(signal: AbortSignal): QuorateError {
  return new QuorateError('QUORATE_ABORTED', 'scan: given up by its signal', {
    cause: signal.reason,
  })
}
