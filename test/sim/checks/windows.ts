/**
 * When calls were made and answered, counted in committed entries. What a call does, it does after
 * all that was committed before it began, and before all that was committed after it ended: a
 * command is proposed after the call, a linearizable read sees at least what was committed when it
 * began (thesis, 6.4), and nobody is answered but from what is committed.
 *
 * If each call has a place within its own window, the history is linearizable: where one call
 * ended before another began, the first one's window ends where the second one's begins, or before.
 */
import type { Check, WorldView } from '../world/observer.ts'
import type { Call } from '../workload/history.ts'
import type { CommittedLog } from './committed.ts'

/** The window of one call. */
export interface Window {
  /** What was committed when it began, and when it ended. */
  readonly from: number
  to: number
  /** Order among all beginnings and ends. */
  readonly begun: number
  ended: number
  /** Of a call pinned to one node: which life of the node it began and ended in. */
  readonly lifeBegun: number
  lifeEnded: number
}

/** Keeps the windows of all calls. */
export class Windows implements Check {
  readonly name = 'S9'
  /** In the order in which they began. */
  readonly calls: Call[] = []
  /** In the order in which they ended. */
  readonly ended: Call[] = []
  readonly #world: Pick<WorldView, 'nodes'>
  readonly #committed: CommittedLog
  readonly #windows = new Map<number, Window>()
  #events = 0

  constructor(world: Pick<WorldView, 'nodes'>, committed: CommittedLog) {
    this.#world = world
    this.#committed = committed
  }

  onCall(call: Call): void {
    const life = this.#lifeOf(call)
    this.calls.push(call)
    this.#windows.set(call.id, {
      from: this.#committed.lastIndex,
      to: Infinity,
      begun: this.#events++,
      ended: Infinity,
      lifeBegun: life,
      lifeEnded: -1,
    })
  }

  onReturn(call: Call): void {
    const window = this.of(call)
    window.to = this.#committed.lastIndex
    window.ended = this.#events++
    window.lifeEnded = this.#lifeOf(call)
    this.ended.push(call)
  }

  /** The window of a call that was told of. */
  of(call: Call): Window {
    const window = this.#windows.get(call.id)
    if (window === undefined) throw new Error(`nobody was told of call ${call.id}`)
    return window
  }

  /** The call with this id. */
  call(id: number): Call | undefined {
    const call = this.calls[id - 1]
    return call?.id === id ? call : this.calls.find((each) => each.id === id)
  }

  #lifeOf({ pinnedTo }: Call): number {
    if (pinnedTo === undefined) return -1
    const id = nodeOf(pinnedTo)
    return this.#world.nodes.find((node) => node.id === id)?.lives ?? -1
  }
}

/** The node behind an endpoint, which is `id:port`. */
export function nodeOf(endpoint: string): string {
  const colon = endpoint.lastIndexOf(':')
  return colon < 0 ? endpoint : endpoint.slice(0, colon)
}
