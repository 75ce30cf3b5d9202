/**
 * S5: what must only grow does, and what must stay in order stays (paper, figure 2; thesis 3.8).
 *
 * - Term: never back, neither in a life nor on disk over all lives. Commit index: never back in a
 *   life. Entries are handed out and applied without a gap, and none before it is handed out.
 * - applied ≤ commit ≤ last; on a leader match < next ≤ last + 1, match never back in its term
 *   (`PySyncObj#167`, `raftos#25`, `willemt/raft#118`).
 * - A match index is a promise of the follower: it is durable there (`etcd-io/raft#372`'s kind).
 *
 * What only `Raft.status` tells is looked at every now and then, since it copies the state.
 */
import type { AppliedEntry } from '../../../src/state/index.ts'
import type { Entry, Raft, RaftStatus, Ready } from '../../../src/raft/index.ts'
import type { Check, NodeView, WorldView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'

/** Every so many Readies the whole status is looked at. */
const statusEvery = 16

/** A node since its core was made. */
interface Core {
  term: number
  /** The commit index as persisted, and as far as it is durable. */
  hardCommit: number
  durableCommit: number
  handedOut: number
  applied: number
  commit: number
  readies: number
  /** The term in which it led when that was looked at last, and what matched then. */
  ledTerm: number
  matches: Map<string, number>
}

/** S5; see the head of the file. */
export class Monotone implements Check {
  readonly name = 'S5'
  readonly #world: WorldView
  readonly #cores = new Map<string, Core>()
  /** The newest durable term of each node, over all lives. */
  readonly #durableTerms = new Map<string, number>()

  constructor(world: WorldView) {
    this.#world = world
  }

  onStart(node: NodeView, status: RaftStatus): void {
    const { term, commitIndex, appliedIndex, lastIndex, durableIndex } = status
    this.#hold(node.id, appliedIndex <= commitIndex, 'starts with more applied than committed')
    this.#hold(node.id, commitIndex <= lastIndex, 'starts with more committed than there is')
    this.#hold(node.id, durableIndex === lastIndex, 'starts with a log that is not durable')
    const before = this.#durableTerms.get(node.id) ?? 0
    this.#hold(node.id, term >= before || node.damaged, `starts in term ${term} after ${before}`)
    this.#cores.set(node.id, {
      term,
      hardCommit: 0,
      durableCommit: 0,
      handedOut: appliedIndex,
      applied: appliedIndex,
      commit: commitIndex,
      readies: 0,
      ledTerm: 0,
      matches: new Map(),
    })
  }

  onDurable({ id, durable, damaged }: NodeView): void {
    const term = Math.max(durable.currentTerm, durable.voteFile?.term ?? 0)
    const before = this.#durableTerms.get(id) ?? 0
    if (term < before && !damaged)
      this.#fail(id, `went from term ${before} back to ${term} on disk`)
    if (term !== before) this.#durableTerms.set(id, term)
  }

  onReady(node: NodeView, ready: Ready): void {
    const core = this.#cores.get(node.id)
    if (core === undefined) return
    this.#terms(node.id, core, ready)
    for (const { index } of ready.committedEntries) {
      if (index !== core.handedOut + 1) {
        this.#fail(node.id, `hands out entry ${index} behind ${core.handedOut}`)
      }
      core.handedOut = index
    }
    const { raft } = node
    if (raft === undefined) return
    this.#durable(node.id, core, raft)
    core.readies++
    if (core.readies % statusEvery === 1) this.#status(node, core, raft.status())
  }

  onAdvance({ id, raft }: NodeView): void {
    const core = this.#cores.get(id)
    if (core !== undefined && raft !== undefined) this.#durable(id, core, raft)
  }

  onApplied(
    { id }: NodeView,
    entries: readonly Entry[],
    _applied: readonly AppliedEntry[],
    _effects: string,
  ): void {
    const core = this.#cores.get(id)
    if (core === undefined) return
    for (const { index } of entries) {
      if (index !== core.applied + 1) this.#fail(id, `applies ${index} behind ${core.applied}`)
      if (index > core.handedOut) this.#fail(id, `applies ${index}, got up to ${core.handedOut}`)
      core.applied = index
    }
  }

  #terms(id: string, core: Core, { roleChange, hardState, entries }: Ready): void {
    const term = Math.max(roleChange?.term ?? core.term, hardState?.currentTerm ?? core.term)
    const lowest = Math.min(roleChange?.term ?? term, hardState?.currentTerm ?? term)
    if (lowest < core.term) this.#fail(id, `went from term ${core.term} back to ${lowest}`)
    core.term = term
    const commit = hardState?.commitIndex ?? core.hardCommit
    if (commit < core.hardCommit) this.#fail(id, `went from commit ${core.hardCommit} to ${commit}`)
    core.hardCommit = commit
    let before: Entry | undefined
    for (const entry of entries) {
      const follows =
        before === undefined || (entry.index === before.index + 1 && entry.term >= before.term)
      if (!follows) this.#fail(id, `persists entry ${entry.index} behind ${before?.index ?? 0}`)
      before = entry
    }
    if ((before?.term ?? 0) > term) this.#fail(id, `in term ${term} has an entry of a later one`)
  }

  #durable(id: string, core: Core, { durableCommitIndex }: Raft): void {
    if (durableCommitIndex < core.durableCommit) {
      this.#fail(id, `went from commit ${core.durableCommit} back to ${durableCommitIndex}`)
    }
    core.durableCommit = durableCommitIndex
  }

  #status({ id }: NodeView, core: Core, status: RaftStatus): void {
    const { term, commitIndex, appliedIndex, lastIndex, durableIndex, role } = status
    this.#hold(id, commitIndex >= core.commit, 'has a commit index that went back')
    this.#hold(id, appliedIndex <= core.handedOut, 'applied what it did not hand out')
    this.#hold(id, core.handedOut <= commitIndex, 'handed out what is not committed')
    this.#hold(id, commitIndex <= lastIndex, 'has more committed than there is')
    this.#hold(id, durableIndex <= lastIndex, 'has more on disk than there is')
    core.commit = commitIndex
    if (role !== 'leader') return
    if (core.ledTerm !== term) core.matches = new Map()
    core.ledTerm = term
    for (const { id: peer, matchIndex, nextIndex, recovering } of status.peers) {
      // One that has lost its log begins anew, and is counted for nothing meanwhile.
      if (recovering) core.matches.delete(peer)
      this.#hold(id, matchIndex < nextIndex, `has match ≥ next for ${peer}`)
      this.#hold(id, nextIndex <= lastIndex + 1, `has next beyond its log for ${peer}`)
      const before = core.matches.get(peer) ?? 0
      this.#hold(id, matchIndex >= before, `has a match that went back for ${peer}`)
      core.matches.set(peer, matchIndex)
      const { durable, damaged } = this.#world.node(peer)
      // In a later term the follower may have cut what the leader of this one still counts.
      if (damaged || durable.currentTerm > term) continue
      const kept = durable.lastIndex >= matchIndex
      this.#hold(
        id,
        kept,
        `counts ${matchIndex} on ${peer}, whose disk ends at ${durable.lastIndex}`,
      )
    }
  }

  #hold(id: string, holds: boolean, otherwise: string): void {
    if (!holds) this.#fail(id, otherwise)
  }

  #fail(id: string, what: string): never {
    throw new Violation(this.name, `${id} ${what}`)
  }
}
