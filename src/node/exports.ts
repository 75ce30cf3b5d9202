/** Exports of the state for clients, who make backups of them: few, and closed when idle. */
import { QuorateError } from '../errors.ts'
import type { StateExport } from '../state/index.ts'
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
  reading: boolean
}

export class Exports {
  readonly #now: () => number
  readonly #open = new Map<number, OpenExport>()
  #opening = 0
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
    if (this.#open.size + this.#opening >= exportsMax) {
      throw new QuorateError('QUORATE_OVERLOADED', `${exportsMax} exports are open on this node`, {
        details: { retryAfter: 1_000 },
      })
    }
    this.#opening++
    let view: StateExport
    try {
      view = await openView()
    } finally {
      this.#opening--
    }
    const open = { id: this.#nextId++, owner, view, lastUsed: this.#now(), reading: false }
    this.#open.set(open.id, open)
    const { snapshot, revision, clusterTime } = view
    return { kind: 'export', exportId: open.id, snapshot, revision, clusterTime, historyId }
  }

  /** A frame; the one that was handed out last may be asked for again. */
  async frame(owner: ReplyTo, exportId: number, number: number): Promise<ReplyBody> {
    const open = this.#open.get(exportId)
    if (open === undefined || open.owner !== owner) throw exportLost()
    if (open.reading) {
      throw new QuorateError('QUORATE_USAGE', 'a frame of this export is being read already')
    }
    open.reading = true
    open.lastUsed = this.#now()
    try {
      const { bytes, last } = await open.view.frame(number)
      return { kind: 'frame', bytes, last }
    } catch (error) {
      // Closed under the reader's hands: the end of this export, and no fault of the node's.
      throw this.#open.has(open.id) ? error : exportLost()
    } finally {
      open.reading = false
    }
  }

  async close(owner: ReplyTo, exportId: number): Promise<ReplyBody> {
    const open = this.#open.get(exportId)
    if (open !== undefined && open.owner === owner) await this.#close(open)
    return { kind: 'done' }
  }

  /** The connection is gone, and with it all that it had open. */
  async closeOwnedBy(owner: ReplyTo): Promise<void> {
    for (const open of this.#open.values()) if (open.owner === owner) await this.#close(open)
  }

  async expire(): Promise<void> {
    const now = this.#now()
    for (const open of this.#open.values()) {
      if (!open.reading && now - open.lastUsed > exportIdleMsMax) await this.#close(open)
    }
  }

  async closeAll(): Promise<void> {
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
