/**
 * L2: where no link and no node changes any more, no leader does (`etcd#8243`, `logcabin#56`;
 * TigerBeetle on nodes that can send and not receive).
 */
import type { Ready } from '../../../src/raft/index.ts'
import type { Check, NodeView, WorldView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'

/** Elections kept: more is not needed to say what happened. */
const keptMax = 64

interface Election {
  readonly at: number
  readonly id: string
  readonly term: number
}

/** Remembers who won elections, and when. */
export class Stability implements Check {
  readonly name = 'L2'
  readonly #world: Pick<WorldView, 'now'>
  #elections: Election[] = []

  constructor(world: Pick<WorldView, 'now'>) {
    this.#world = world
  }

  onReady({ id }: NodeView, { roleChange }: Ready): void {
    if (roleChange?.role !== 'leader') return
    this.#elections.push({ at: this.#world.now, id, term: roleChange.term })
    if (this.#elections.length > 2 * keptMax) this.#elections = this.#elections.slice(-keptMax)
  }

  /** Throws if somebody was elected after that time. */
  judge(since: number): void {
    const later = this.#elections.filter(({ at }) => at > since)
    if (later.length === 0) return
    const shown = later.slice(0, 5).map(({ at, id, term }) => `${id} in term ${term} at ${at} ms`)
    throw new Violation(
      this.name,
      `${later.length} elections since ${since} ms, though nothing changed: ${shown.join(', ')}`,
      'liveness',
    )
  }
}
