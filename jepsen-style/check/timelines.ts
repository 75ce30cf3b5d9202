/** What stood at each key from which revision on, as far as the order of effects tells it. */
import type { Operation } from '../history/index.ts'
import { absent } from './models/quorate-operation.ts'

/** A change of one key. */
export interface Effect {
  readonly revision: number
  readonly key: string
  /** What it left, in canonical JSON. */
  readonly value: string
  readonly operation: Operation
}

/** What stands at a key: `revision` is the row's, 0 without one. */
export interface Row {
  readonly value: string
  readonly revision: number
}

/** What an answer was about. */
export interface Wanted {
  /** For people. */
  readonly text: string
  /** The revision of the row, if it must be this one. */
  readonly row?: number | undefined
  fits(row: Row): boolean
}

const nothing: Row = { value: absent, revision: 0 }

/** The timelines of all keys. */
export class Timelines {
  /** By key, in the order of revisions. */
  readonly #effects = new Map<string, Effect[]>()
  /** By key: effects that may have been at some revision. */
  readonly #open = new Map<string, Effect[]>()

  /** `open`: calls that nobody was answered and whose revision is not known. */
  constructor(effects: readonly Effect[], open: readonly Effect[]) {
    for (const effect of effects.toSorted((a, b) => a.revision - b.revision)) {
      append(this.#effects, effect)
    }
    for (const effect of open) append(this.#open, effect)
  }

  /** What stood at its key before an effect. */
  before(effect: Effect): Row {
    const effects = this.#effects.get(effect.key) ?? []
    return rowAfter(effects[positionAt(effects, effect.revision) - 1])
  }

  /** The first revision from `floor` on at which the key fits; undefined: none. */
  earliest(key: string, floor: number, wanted: Wanted): number | undefined {
    const effects = this.#effects.get(key) ?? []
    const { row } = wanted
    // A row is known by its revision: no need to go through all that came between.
    const from = Math.max(floor, row ?? 0)
    const first = positionAt(effects, from)
    for (let at = first; at < effects.length || at === first; at++) {
      if (wanted.fits(rowAfter(effects[at]))) return Math.max(floor, effects[at]?.revision ?? 0)
      if (row !== undefined && row !== 0) return undefined
    }
    return undefined
  }

  /**
   * Whether an open call may have left what is wanted, so that it cannot be judged. A row whose
   * revision is that of a known effect is nobody else's.
   */
  mayBe(key: string, wanted: Wanted, before: number | undefined): boolean {
    const effects = this.#effects.get(key) ?? []
    if (wanted.row !== undefined && wanted.row > 0) {
      const known = effects[positionAt(effects, wanted.row)]?.revision === wanted.row
      if (known || (before !== undefined && wanted.row >= before)) return false
    }
    return (this.#open.get(key) ?? []).some(({ value }) => {
      const revision = value === absent ? 0 : (wanted.row ?? Number.NaN)
      return wanted.fits({ value, revision })
    })
  }
}

function append(effects: Map<string, Effect[]>, effect: Effect): void {
  const found = effects.get(effect.key)
  if (found === undefined) effects.set(effect.key, [effect])
  else found.push(effect)
}

function rowAfter(effect: Effect | undefined): Row {
  if (effect === undefined || effect.value === absent) return nothing
  return effect
}

/** The position of the last effect at or before a revision; -1: none. */
function positionAt(effects: readonly Effect[], revision: number): number {
  let low = 0
  let high = effects.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((effects[middle]?.revision ?? 0) <= revision) low = middle + 1
    else high = middle
  }
  return low - 1
}
