/**
 * S8: any two quorums on which two nodes could act share a member (paper, section 6; thesis 4.1;
 * the bug of single-server changes, Ongaro on raft-dev, 2015).
 *
 * Members do not change in this release. So: all nodes act on one set for ever, there is no config
 * entry in any log, nobody speaks to or for anybody outside the set; and who leads was elected by
 * the durable votes of a majority of that set, each member counted once.
 */
import type { Message, RaftStatus, Ready } from '../../../src/raft/index.ts'
import type { Check, NodeView, WorldView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import type { DurableVotes } from './durable-votes.ts'

/** S8; see the head of the file. */
export class Membership implements Check {
  readonly name = 'S8'
  readonly #world: WorldView
  readonly #votes: DurableVotes
  /** The members that everybody acts on, sorted. */
  #members: readonly string[] = []

  constructor(world: WorldView, votes: DurableVotes) {
    this.#world = world
    this.#votes = votes
  }

  onStart(node: NodeView, { id }: RaftStatus): void {
    const members = node.members.toSorted()
    if (this.#members.length === 0) this.#members = members
    this.#same(node.id, members)
    if (id !== node.id) this.#fail(`${node.id} takes itself for ${id}`)
  }

  onReady(node: NodeView, { entries, roleChange }: Ready): void {
    for (const { kind, index } of entries) {
      if (kind === 'config') this.#fail(`${node.id} has a config entry at ${index}`)
    }
    if (roleChange?.role === 'leader') this.#elected(node, roleChange.term)
  }

  onSend(node: NodeView, message: Message): void {
    this.#betweenMembers(node.id, message, message.from === node.id)
  }

  onStep(node: NodeView, message: Message): void {
    this.#betweenMembers(node.id, message, message.to === node.id)
  }

  #betweenMembers(id: string, { type, from, to }: Message, isOwn: boolean): void {
    if (isOwn && from !== to && this.#members.includes(from) && this.#members.includes(to)) return
    this.#fail(`${id} has a ${type} from ${from} to ${to}`)
  }

  #elected({ id, raft }: NodeView, term: number): void {
    // What it counts on may be looked at only as long as it still leads.
    const status = raft?.status()
    if (status?.role === 'leader') {
      this.#same(id, [id, ...status.peers.map((peer) => peer.id)].toSorted())
    }
    // A disk that was made to forget is counted as if it held its vote: only a minority ever is.
    const voters = this.#members.filter(
      (member) => this.#votes.has(member, term, id) || this.#world.node(member).damaged,
    )
    if (2 * voters.length > this.#world.nodes.length) return
    const what = `elected for term ${term} by ${voters.length} of ${this.#world.nodes.length}`
    this.#fail(`${id} was ${what}: ${voters.join(' ')}`)
  }

  #same(id: string, members: readonly string[]): void {
    const expected = this.#members
    const isSame =
      members.length === expected.length && members.every((member, at) => member === expected[at])
    if (!isSame) this.#fail(`${id} acts on ${members.join(' ')}, others on ${expected.join(' ')}`)
  }

  #fail(what: string): never {
    throw new Violation(this.name, what)
  }
}
