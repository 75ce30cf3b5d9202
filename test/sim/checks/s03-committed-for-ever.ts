/**
 * S3: an index that was committed keeps its entry for ever, and every later leader has it (paper,
 * figure 3: leader completeness, state machine safety; sections 5.4.1 to 5.4.3).
 *
 * - Whoever hands out a committed entry hands out the one that stands at its index.
 * - A leader commits by counting only entries of its own term (figure 8): a commit index that
 *   nobody knew before it is not below the first entry of its term.
 * - At its election a leader has on its disk all that was committed in earlier terms. Not only in
 *   memory: its own vote was persisted behind all entries that it stood for election with. Terms
 *   are compared, and not times: a leader that was stopped may tell of its election so late that
 *   others have committed more.
 * - No disk ever gives up a committed entry that it held (`redpanda#17731`, `etcd#22340`), but for
 *   those up to the base of its log: that entry is committed, and the state holds what they did
 *   (`s13-compacted.ts`).
 */
import type { Message, RaftStatus, Ready } from '../../../src/raft/index.ts'
import { baseOf } from '../disk/durable-log.ts'
import type { DurableLog } from '../disk/durable-log.ts'
import type { Check, NodeView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import { isSameEntry } from './committed.ts'
import type { CommittedLog } from './committed.ts'
import type { Leaderships } from './leaderships.ts'

interface Known {
  term: number
  leads: boolean
  /** Up to here its disk holds the committed log. */
  held: number
}

/** S3; see the head of the file. It is also what fills the committed log. */
export class CommittedForEver implements Check {
  readonly name = 'S3'
  readonly #committed: CommittedLog
  readonly #leaderships: Leaderships
  readonly #nodes = new Map<string, Known>()
  #looks = 0

  constructor(committed: CommittedLog, leaderships: Leaderships) {
    this.#committed = committed
    this.#leaderships = leaderships
  }

  onStart(node: NodeView, { commitIndex, term }: RaftStatus): void {
    const known = this.#known(node)
    known.term = term
    known.leads = false
    this.#committed.know(commitIndex, term)
  }

  onReady(node: NodeView, ready: Ready): void {
    const { roleChange, committedEntries } = ready
    const known = this.#known(node)
    if (roleChange !== undefined) {
      known.term = roleChange.term
      known.leads = roleChange.role === 'leader'
    }
    const commit = this.#commitOf(node, ready)
    if (known.leads) this.#ownTerm(node, known.term, commit)
    for (const entry of committedEntries) {
      const stands = this.#committed.add(entry)
      if (stands === undefined) {
        const what = `${entry.index}, but nobody any behind ${this.#committed.lastIndex}`
        throw new Violation(this.name, `${node.id} hands out entry ${what}`)
      }
      if (isSameEntry(stands, entry)) continue
      const what = `of term ${stands.term} is committed, ${node.id} has another of ${entry.term}`
      throw new Violation(this.name, `at ${entry.index} an entry ${what}`)
    }
    if (commit > 0) this.#committed.know(commit, known.term)
    if (roleChange?.role === 'leader') this.#isComplete(node, known)
  }

  onSend(node: NodeView, message: Message): void {
    if (message.type !== 'appendEntries' && message.type !== 'heartbeat') return
    const { term, leaderCommit } = message
    // A heartbeat says no more than the follower is known to hold.
    if (message.type === 'appendEntries') this.#ownTerm(node, term, leaderCommit)
    this.#committed.know(leaderCommit, term)
  }

  onDurable(node: NodeView): void {
    const known = this.#known(node)
    const { durable, damaged, id } = node
    const { held } = known
    if (held > 0) {
      // The last one, and one of the others in turn: who replaces one replaces all behind it.
      const other = 1 + (this.#looks++ % held)
      const lost = !this.#holds(durable, held) ? held : !this.#holds(durable, other) ? other : 0
      if (lost > 0 && !damaged) {
        throw new Violation(this.name, `the disk of ${id} gave up the committed entry ${lost}`)
      }
      if (lost > 0) known.held = 0
    }
    this.#extend(durable, known)
  }

  /** How far it knows the log to be committed, as far as that is news. */
  #commitOf({ raft }: NodeView, { hardState, committedEntries }: Ready): number {
    const last = committedEntries.at(-1)?.index ?? 0
    const shown = Math.max(last, hardState?.commitIndex ?? 0)
    if (last <= this.#committed.maxCommitted) return shown
    // It may hand out less than it knows of: what state machines are given at a time has a cap.
    return Math.max(shown, raft?.status().commitIndex ?? 0)
  }

  #known({ id }: NodeView): Known {
    let known = this.#nodes.get(id)
    if (known === undefined) {
      known = { term: 0, leads: false, held: 0 }
      this.#nodes.set(id, known)
    }
    return known
  }

  #holds(durable: DurableLog, index: number): boolean {
    const base = baseOf(durable)
    if (index <= base.index) return this.#committed.at(base.index)?.term === base.term
    const entry = durable.at(index)
    const stands = this.#committed.at(index)
    return entry !== undefined && entry.term === stands?.term && entry.hash === stands.hash
  }

  #extend(durable: DurableLog, known: Known): void {
    while (known.held < this.#committed.lastIndex && this.#holds(durable, known.held + 1)) {
      known.held++
    }
  }

  /** Paper, section 5.4.2. What a leader took over from earlier ones, they have shown before. */
  #ownTerm({ id }: NodeView, term: number, commit: number): void {
    if (commit <= this.#committed.maxCommitted) return
    const leadership = this.#leaderships.of(term)
    if (leadership === undefined || leadership.leader !== id) return
    if (commit >= leadership.firstOwnIndex) return
    const what = `which is of an earlier term than its own, ${term}`
    throw new Violation(this.name, `${id} commits entry ${commit} by counting, ${what}`)
  }

  #isComplete({ id, durable, damaged }: NodeView, known: Known): void {
    const needed = this.#committed.knownBefore(known.term)
    if (damaged) known.held = 0
    this.#extend(durable, known)
    const complete =
      durable.lastIndex >= needed && known.held >= Math.min(needed, this.#committed.lastIndex)
    if (complete) return
    const what = `but only holds ${known.held} of ${needed} committed entries`
    throw new Violation(this.name, `${id} was elected for term ${known.term}, ${what}`)
  }
}
