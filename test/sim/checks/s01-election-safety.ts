/**
 * S1, election safety: at most one leader in a term, for ever (paper, figure 3 and section 5.2).
 *
 * A leader is who says so by its role, who speaks as one (only a leader sends appends, heartbeats
 * and read indexes), and whom another node follows. After a restart a node may not lead the same
 * term again either: it has forgotten which entries it made in it.
 */
import type { Message, RaftStatus, Ready } from '../../../src/raft/index.ts'
import type { Check, NodeView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import type { Leaderships } from './leaderships.ts'

interface Leader {
  readonly id: string
  /** Of its cores; 0 while only others have told of it. */
  core: number
}

/** S1; see the head of the file. */
export class ElectionSafety implements Check {
  readonly name = 'S1'
  readonly #leaderships: Leaderships
  readonly #leaders = new Map<number, Leader>()
  /** By node: how many cores it has had. One life has several where its state was made anew. */
  readonly #cores = new Map<string, number>()

  constructor(leaderships: Leaderships) {
    this.#leaderships = leaderships
  }

  onStart({ id }: NodeView, _status: RaftStatus): void {
    this.#cores.set(id, (this.#cores.get(id) ?? 0) + 1)
  }

  onReady(node: NodeView, ready: Ready): void {
    const { roleChange } = ready
    if (roleChange === undefined) return
    const { role, term, leader } = roleChange
    if (role === 'leader') {
      this.#leads(node, term)
      this.#leaderships.begin(node, term, ready)
    } else if (leader !== undefined) {
      this.#claim(term, leader)
    }
  }

  onSend(node: NodeView, { type, term }: Message): void {
    if (type === 'appendEntries' || type === 'heartbeat' || type === 'readIndexResult') {
      this.#leads(node, term)
    }
  }

  #leads({ id }: NodeView, term: number): void {
    const leader = this.#claim(term, id)
    const core = this.#cores.get(id) ?? 1
    if (leader.core === 0) leader.core = core
    if (leader.core === core) return
    throw new Violation(this.name, `${id} leads term ${term} once more after a restart`)
  }

  #claim(term: number, id: string): Leader {
    const leader = this.#leaders.get(term)
    if (leader === undefined) {
      const first = { id, core: 0 }
      this.#leaders.set(term, first)
      return first
    }
    if (leader.id === id) return leader
    throw new Violation(this.name, `${leader.id} and ${id} lead term ${term}`)
  }
}
