/**
 * A copy of a node's state on its way to the caller, frame by frame. It is pinned on its node and
 * lives on the connection on which it was opened. A frame whose answer does not come in time is
 * asked for again: the node keeps the one that it handed out last, so nothing is read twice and
 * nothing is left out.
 */
import { QuorateError } from '../errors.ts'
import { present } from '../assert.ts'
import type { Calls } from './calls.ts'
import type { Endpoint, Waiter } from './endpoint.ts'
import { unexpected } from './settle.ts'
import type { CallOptions, SnapshotHeader } from './types.ts'

/** How often one frame is asked for before the export is given up. */
const asksPerFrameMax = 3

/** Where an export lives. */
interface Place {
  readonly endpoint: Endpoint
  readonly connection: number
  readonly exportId: number
}

interface ExportParts {
  readonly calls: Calls
  readonly header: SnapshotHeader
  readonly place: Place
  readonly options: CallOptions
}

/** Opens an export on the node that answers fastest. */
export function openExport(
  calls: Calls,
  clusterId: string,
  options: CallOptions,
): Promise<SnapshotExport> {
  const route = { to: 'nearest' } as const
  const plan = { name: 'exportSnapshot', route, body: { kind: 'export' } } as const
  return calls.read(plan, options, (reply, call) => {
    if (reply.kind !== 'export') throw unexpected(call, reply.kind)
    const endpoint = present(call.servedBy, 'an answer comes from somewhere')
    const { exportId, snapshot, revision, clusterTime, historyId } = reply
    const nodeId = present(endpoint.nodeId, 'a node that answers has said who it is')
    const header = { clusterId, nodeId, historyId, snapshot, revision, clusterTime }
    const place = { endpoint, connection: endpoint.connection, exportId }
    return new SnapshotExport({ calls, header, place, options })
  })
}

/** The frames of an export, in order, to be iterated once; closed by its end, `break` or `close`. */
export class SnapshotExport implements AsyncIterableIterator<Uint8Array> {
  /** What is known before the first frame. */
  readonly header: SnapshotHeader
  readonly #parts: ExportParts
  #next = 0
  #over = false
  /** The `next` that is under way: a further one waits for it. */
  #step: Promise<unknown> = Promise.resolve()

  /** Made by `exportSnapshot`. */
  constructor(parts: ExportParts) {
    this.#parts = parts
    this.header = parts.header
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** The next frame. `QUORATE_EXPORT_LOST` where the node or its connection is gone. */
  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const step = this.#step.then(() => this.#advance())
    this.#step = step.catch(() => {})
    return step
  }

  /** What `break` and a thrown error in a `for await` call. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.close()
    return { value: undefined, done: true }
  }

  /** Ends it here and on its node. Calling it again does nothing. */
  async close(): Promise<void> {
    if (this.#over) return
    this.#over = true
    const { endpoint, connection, exportId } = this.#parts.place
    if (endpoint.connection === connection) {
      endpoint.send(nobody, { kind: 'exportClose', exportId }, 1000)
    }
    await Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #advance(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#over) return { value: undefined, done: true }
    try {
      const { bytes, last } = await this.#ask(this.#next)
      this.#next++
      // Taken, the last frame need not be kept for asking again.
      if (last) await this.close()
      return { value: bytes, done: false }
    } catch (error) {
      await this.close()
      throw lost(error, this.header.nodeId)
    }
  }

  async #ask(frame: number): Promise<{ bytes: Uint8Array; last: boolean }> {
    const { calls, place, options } = this.#parts
    const { endpoint, connection, exportId } = place
    const route = { to: 'connection', endpoint, connection } as const
    const body = { kind: 'exportFrame', exportId, frame } as const
    for (let asked = 1; ; asked++) {
      try {
        return await calls.read({ name: 'exportSnapshot', route, body }, options, (reply, call) => {
          if (reply.kind !== 'frame') throw unexpected(call, reply.kind)
          return { bytes: reply.bytes, last: reply.last }
        })
      } catch (error) {
        const late = error instanceof QuorateError && error.code === 'QUORATE_TIMEOUT'
        if (!late || asked >= asksPerFrameMax) throw error
      }
    }
  }
}

/** What the caller does with it is the caller's affair: it gave the export or the client up. */
function lost(error: unknown, nodeId: string): unknown {
  if (!(error instanceof QuorateError)) return error
  if (error.code === 'QUORATE_ABORTED' || error.code === 'QUORATE_CLOSED') return error
  const message = `the export from ${nodeId} cannot go on: ${error.message}`
  return new QuorateError('QUORATE_EXPORT_LOST', message, { cause: error })
}

const nobody: Waiter = { answered: () => {}, lost: () => {} }
