/** Exports of the state for clients, who make backups of them: few, and closed when idle. */
import { QuorateError } from '../errors.ts'
import type { ExportFrame, StateExport } from '../state/index.ts'
import type { ReplyBody } from '../transport/index.ts'
import type { ReplyTo } from './replies.ts'

/** Open at the same time. */
const exportsMax = 2
const exportIdleMsMax = 60_000

interface OpenExport {
  readonly id: number
  readonly owner: ReplyTo
  readonly view: StateExport
  lastUsed: number
  /** The frame that is being read: whoever asks for it again waits for the same one. */
  reading: { readonly number: number; readonly frame: Promise<ExportFrame> } | undefined
}

interface Opening {
  readonly owner: ReplyTo
  /** Its owner went before it was open: nobody would ever close it. */
  abandoned: boolean
}

export class Exports {
  readonly #now: () => number
  readonly #open = new Map<number, OpenExport>()
  readonly #opening = new Set<Opening>()
  #nextId = 1

  constructor(now: () => number) {
    this.#now = now
  }

  /** Pins the state as it is now. */
  async open(
    owner: ReplyTo,
    openView: () => Promise<StateExport>,
    historyId: string,
  ): Promise<ReplyBody> {
    if (this.#open.size + this.#opening.size >= exportsMax) {
      throw new QuorateError('QUORATE_OVERLOADED', `${exportsMax} exports are open on this node`, {
        details: { retryAfter: 1_000 },
      })
    }
    const opening: Opening = { owner, abandoned: false }
    this.#opening.add(opening)
    let view: StateExport
    try {
      view = await openView()
    } finally {
      this.#opening.delete(opening)
    }
    if (opening.abandoned) {
      await view.close()
      throw exportLost()
    }
    const open: OpenExport = {
      id: this.#nextId++,
      owner,
      view,
      lastUsed: this.#now(),
      reading: undefined,
    }
    this.#open.set(open.id, open)
    const { snapshot, revision, clusterTime } = view
    return { kind: 'export', exportId: open.id, snapshot, revision, clusterTime, historyId }
  }

  /** A frame; the one that is being read, or was handed out last, may be asked for again. */
  async frame(owner: ReplyTo, exportId: number, number: number): Promise<ReplyBody> {
    const open = this.#open.get(exportId)
    if (open === undefined || open.owner !== owner) throw exportLost()
    if (open.reading !== undefined && open.reading.number !== number) {
      throw new QuorateError('QUORATE_USAGE', 'a frame of this export is being read already')
    }
    open.lastUsed = this.#now()
    const reading = open.reading ?? { number, frame: open.view.frame(number) }
    open.reading = reading
    try {
      const { bytes, last } = await reading.frame
      return { kind: 'frame', bytes, last }
    } catch (error) {
      // Closed under the reader's hands: the end of this export, and no fault of the node's.
      throw this.#open.has(open.id) ? error : exportLost()
    } finally {
      if (open.reading === reading) open.reading = undefined
    }
  }

  async close(owner: ReplyTo, exportId: number): Promise<ReplyBody> {
    const open = this.#open.get(exportId)
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
      const idle = open.reading === undefined && now - open.lastUsed > exportIdleMsMax
      if (idle) await this.#close(open)
    }
  }

  async closeAll(): Promise<void> {
    for (const opening of this.#opening) opening.abandoned = true
    for (const open of this.#open.values()) await this.#close(open)
  }

  async #close(open: OpenExport): Promise<void> {
    if (this.#open.delete(open.id)) await open.view.close()
  }
}

function exportLost(): QuorateError {
  return new QuorateError(
    'QUORATE_EXPORT_LOST',
    'this node does not hold the export any more: it was idle, its connection was cut, or the node restarted',
  )
}
