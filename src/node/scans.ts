/** Open scans: each pinned at one revision, bounded in number, closed when idle. */
import { QuorateError } from '../errors.ts'
import type { KeyRange } from '../command/index.ts'
import type { Scan, StateReader } from '../state/index.ts'
import type { ReplyBody } from '../transport/index.ts'
import type { ReplyTo } from './replies.ts'

const scansMax = 64
const scanIdleMsMax = 30_000
const pageBytesMax = 262_144
const pageRowsMax = 1_000

interface OpenScan {
  readonly id: number
  readonly owner: ReplyTo
  readonly scan: Scan
  lastUsed: number
  /** A page is being read: a second request for one must wait its turn, so it is refused. */
  reading: boolean
}

interface Opening {
  readonly owner: ReplyTo
  /** Its owner went before it was open: nobody would ever close it. */
  abandoned: boolean
}

export class Scans {
  readonly #now: () => number
  readonly #open = new Map<number, OpenScan>()
  /** Scans that are being opened count too, or a burst would pass the cap. */
  readonly #opening = new Set<Opening>()
  #nextId = 1

  constructor(now: () => number) {
    this.#now = now
  }

  /** Opens a scan and reads its first page. */
  async open(owner: ReplyTo, reader: StateReader, range: KeyRange): Promise<ReplyBody> {
    if (this.#open.size + this.#opening.size >= scansMax) {
      throw new QuorateError(
        'QUORATE_SCANS_FULL',
        `this node has ${scansMax} open scans; finish or close one, or try again later`,
      )
    }
    const opening: Opening = { owner, abandoned: false }
    this.#opening.add(opening)
    let scan: Scan
    try {
      scan = await reader.openScan(range)
    } finally {
      this.#opening.delete(opening)
    }
    if (opening.abandoned) {
      await scan.close()
      throw scanLost('it was given up while it was opened')
    }
    const open: OpenScan = {
      id: this.#nextId++,
      owner,
      scan,
      lastUsed: this.#now(),
      reading: false,
    }
    this.#open.set(open.id, open)
    return await this.#page(open)
  }

  /** The next page of an open scan. */
  async next(owner: ReplyTo, scanId: number): Promise<ReplyBody> {
    const open = this.#open.get(scanId)
    if (open === undefined || open.owner !== owner) {
      throw scanLost('it was idle for 30 s, or the node restarted')
    }
    if (open.reading) {
      throw new QuorateError('QUORATE_USAGE', 'a page of this scan is being read already')
    }
    return await this.#page(open)
  }

  async close(owner: ReplyTo, scanId: number): Promise<ReplyBody> {
    const open = this.#open.get(scanId)
    if (open !== undefined && open.owner === owner) await this.#close(open)
    return { kind: 'done' }
  }

  /** The connection is gone, and with it all that it had open. */
  async closeOwnedBy(owner: ReplyTo): Promise<void> {
    for (const opening of this.#opening) if (opening.owner === owner) opening.abandoned = true
    for (const open of this.#open.values()) if (open.owner === owner) await this.#close(open)
  }

  async expire(): Promise<void> {
    const now = this.#now()
    for (const open of this.#open.values()) {
      if (!open.reading && now - open.lastUsed > scanIdleMsMax) await this.#close(open)
    }
  }

  async closeAll(): Promise<void> {
    for (const opening of this.#opening) opening.abandoned = true
    for (const open of this.#open.values()) await this.#close(open)
  }

  async #page(open: OpenScan): Promise<ReplyBody> {
    open.reading = true
    try {
      const { rows, done } = await open.scan.next(pageBytesMax, pageRowsMax)
      open.lastUsed = this.#now()
      if (done) await this.#close(open)
      return { kind: 'page', scanId: open.id, revision: open.scan.revision, rows, done }
    } catch (error) {
      // Closed under the reader's hands, LevelDB refuses the rest of the page: that is the end of
      // this scan, and no fault of the node's, which would stop it.
      const closed = !this.#open.has(open.id) && !(error instanceof QuorateError)
      await this.#close(open)
      throw closed ? scanLost('it was closed while a page was read') : error
    } finally {
      open.reading = false
    }
  }

  async #close(open: OpenScan): Promise<void> {
    if (!this.#open.delete(open.id)) return
    await open.scan.close()
  }
}

function scanLost(why: string): QuorateError {
  return new QuorateError('QUORATE_SCAN_LOST', `this node does not hold the scan any more: ${why}`)
}
