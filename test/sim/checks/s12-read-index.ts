/**
 * S12: a linearizable read is made at an index that covers every commit known before the read
 * began (thesis 6.4; `etcd#7331`, `etcd-io/raft#397`, `tikv#6340`).
 *
 * Not only those that were acknowledged: whatever any node knew to be committed when the read was
 * asked. The leader that confirms it does so by answers which were given later, in its own term,
 * by a majority. A commit of a later term would have taken that majority into that term before; one
 * of an earlier term is in the leader's log below its own first entry, and it confirms nothing
 * before that is committed; and one of its own term it made itself.
 *
 * And that majority must be there, whether or not there was a commit to miss: whoever confirms a
 * read, a majority with itself among them answered it as the leader after the read was asked.
 *
 * Each read has one outcome, and a node keeps no more of them than its cap.
 */
import { defaultLimits } from '../../../src/raft/index.ts'
import type { Message, RaftStatus } from '../../../src/raft/index.ts'
import type { Check, LifeEnd, NodeView, WorldView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import { isQuorum } from './acting.ts'
import type { ActingConfigurations } from './acting.ts'
import type { CommittedLog } from './committed.ts'
import type { Leaderships } from './leaderships.ts'

/** What it is held against. */
export interface ReadIndexParts {
  readonly world: WorldView
  readonly committed: CommittedLog
  readonly leaderships: Leaderships
  readonly acting: ActingConfigurations
}

interface OpenRead {
  /** What was known to be committed when it was asked. */
  readonly floor: number
  /** When it was asked, in the order of events and in ms. */
  readonly asked: number
  readonly at: number
}

/** S12; see the head of the file. */
export class ReadIndex implements Check {
  readonly name = 'S12'
  readonly #parts: ReadIndexParts
  /** By node and id. */
  readonly #open = new Map<string, Map<number, OpenRead>>()
  /** By leader and member: when it was answered last, in the order of events. */
  readonly #answered = new Map<string, Map<string, number>>()
  #order = 0

  constructor(parts: ReadIndexParts) {
    this.#parts = parts
  }

  onStart({ id }: NodeView, _status: RaftStatus): void {
    this.#open.delete(id)
  }

  onEnd({ id }: NodeView, _end: LifeEnd): void {
    this.#open.delete(id)
  }

  onSend({ id }: NodeView, { type, to, term }: Message): void {
    if (type !== 'heartbeatResult') return
    // Whoever is told of a later term does not lead that one.
    if (this.#parts.leaderships.of(term)?.leader !== to) return
    let answered = this.#answered.get(to)
    if (answered === undefined) {
      answered = new Map()
      this.#answered.set(to, answered)
    }
    answered.set(id, ++this.#order)
  }

  onReadIndex(node: NodeView, id: number): void {
    let open = this.#open.get(node.id)
    if (open === undefined) {
      open = new Map()
      this.#open.set(node.id, open)
    }
    if (open.has(id)) this.#fail(`${node.id} uses the read id ${id} twice`)
    const { world } = this.#parts
    open.set(id, { floor: this.#parts.committed.maxCommitted, asked: ++this.#order, at: world.now })
    const max = node.settings.caps.raft?.readsMax ?? defaultLimits.readsMax
    if (open.size > max) this.#fail(`${node.id} has ${open.size} reads open, at most ${max}`)
  }

  onReadState(node: NodeView, id: number, index: number | undefined): void {
    const open = this.#open.get(node.id)
    const read = open?.get(id)
    if (open === undefined || read === undefined) {
      this.#fail(`${node.id} ends read ${id}, which is not open`)
    }
    open.delete(id)
    if (index === undefined) return
    if (index < read.floor) {
      this.#fail(`${node.id} reads at ${index}, and ${read.floor} was committed before it asked`)
    }
    if (this.#isConfirmed(read)) return
    this.#fail(`${node.id} reads at ${index}, and no majority answered its leader since it asked`)
  }

  /** Whether a quorum, with the leader, stood by one leader after the read was asked. */
  #isConfirmed({ asked, at }: OpenRead): boolean {
    const { world, acting } = this.#parts
    return world.nodes.some(({ id: leader }) => {
      const answered = this.#answered.get(leader)
      const stood = (id: string): boolean => id === leader || (answered?.get(id) ?? 0) > asked
      return acting.since(leader, at).some(({ configuration }) => isQuorum(configuration, stood))
    })
  }

  #fail(what: string): never {
    throw new Violation(this.name, what)
  }
}
