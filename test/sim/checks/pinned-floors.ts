/**
 * How far the reads of one node have come: what it has applied never goes back while it lives, so
 * neither does what it answers, whatever their consistency.
 */
import type { Call } from '../workload/history.ts'
import type { Window } from './windows.ts'
import { nodeOf } from './windows.ts'

interface Floor {
  /** When the read ended. */
  readonly ended: number
  /** The latest place of it and all that ended before it. */
  readonly place: number
}

export class PinnedFloors {
  /** By node and life, in the order of their ends. */
  readonly #floors = new Map<string, Floor[]>()

  /** Where a read of a pinned client stood. Reads are added in the order of their ends. */
  add(call: Call, window: Window, place: number): void {
    const name = lifeOf(call, window)
    if (name === undefined) return
    let floors = this.#floors.get(name)
    if (floors === undefined) this.#floors.set(name, (floors = []))
    floors.push({ ended: window.ended, place: Math.max(place, floors.at(-1)?.place ?? 0) })
  }

  /** Before which place a read cannot stand. */
  before(call: Call, window: Window): number {
    const name = lifeOf(call, window)
    const floors = name === undefined ? undefined : this.#floors.get(name)
    return floors?.findLast(({ ended }) => ended < window.begun)?.place ?? 0
  }
}

/** The life of the node that must have answered; undefined: it is not known. */
function lifeOf({ pinnedTo }: Call, { lifeBegun, lifeEnded }: Window): string | undefined {
  if (pinnedTo === undefined || lifeBegun !== lifeEnded) return undefined
  return `${nodeOf(pinnedTo)} ${lifeBegun}`
}
