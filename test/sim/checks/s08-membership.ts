/**
 * S8: any two quorums on which two nodes could act at one time share a member (paper, section 6;
 * thesis 4.1; the bug of single-server changes, Ongaro on raft-dev, 2015).
 *
 * That is so if each configuration in a log has quorums that meet those of the one before it, if a
 * leader adds one only when the one before is committed, and it has committed in its own term; and
 * if who leads was elected by the durable votes of a quorum of what it acts on. Quorums that meet
 * are looked for here by trying all of them.
 *
 * A node acts on the newest configuration in its log, committed or not; where that was cut off, on
 * the one before (`redisraft#48`, openraft's effective membership).
 */
import { decodeConfiguration } from '../../../src/raft/index.ts'
import type { Entry, Message, RaftStatus, Ready } from '../../../src/raft/index.ts'
import type { Check, NodeView, WorldView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import { isQuorum, shownVoters, votersOf } from './acting.ts'
import type { ActingConfigurations, Voters } from './acting.ts'
import type { CommittedLog } from './committed.ts'
import type { DurableVotes } from './durable-votes.ts'
import type { Leaderships } from './leaderships.ts'

/** What it is held against. */
export interface MembershipParts {
  readonly world: WorldView
  readonly votes: DurableVotes
  readonly acting: ActingConfigurations
  readonly leaderships: Leaderships
  readonly committed: CommittedLog
}

interface Placed {
  readonly index: number
  readonly term: number
  readonly configuration: Voters
}

/** S8; see the head of the file. */
export class Membership implements Check {
  readonly name = 'S8'
  readonly #parts: MembershipParts
  /** By node: the configurations of its log, as far as it was seen to write them. */
  readonly #logs = new Map<string, Placed[]>()
  /** Those that are committed, as far as was looked. */
  readonly #committed: Entry[] = []
  #looked = 0
  /** What all begin with. */
  #first: Voters | undefined

  constructor(parts: MembershipParts) {
    this.#parts = parts
  }

  onStart(node: NodeView, status: RaftStatus): void {
    const { id, configuration, lastIndex, baseIndex, appliedIndex, stateMissing } = status
    if (id !== node.id) this.#fail(`${node.id} takes itself for ${id}`)
    const { index } = configuration
    if (index === 0 && configuration.configuration.voters.length > 0) {
      this.#first ??= configuration.configuration
      this.#same(node.id, configuration.configuration, this.#first)
    }
    // It forgets none that its log holds, nor one that was applied to its state.
    const log = (this.#logs.get(id) ?? []).filter(
      (placed) => placed.index <= lastIndex && placed.index > baseIndex,
    )
    const newest = log.at(-1)
    const applied = stateMissing ? 0 : (this.#committedUpTo(appliedIndex)?.index ?? 0)
    const known = Math.max(newest?.index ?? 0, applied)
    if (known > index && !node.damaged) {
      this.#fail(`${id} starts on the configuration at ${index}, and it had the one at ${known}`)
    }
    if (newest?.index !== index) log.push({ ...configuration, term: 0 })
    this.#logs.set(id, log)
  }

  onReady(node: NodeView, { entries, roleChange }: Ready): void {
    if (roleChange?.role === 'leader') this.#elected(node, roleChange.term)
    const cut = this.#cut(node, entries)
    for (const entry of entries) if (entry.kind === 'config') this.#placed(node, entry)
    if (cut > 0) this.#rolledBack(node, cut)
    this.#mayLead(node)
  }

  onSend(node: NodeView, message: Message): void {
    this.#betweenTwo(node.id, message, message.from === node.id)
  }

  onStep(node: NodeView, message: Message): void {
    this.#betweenTwo(node.id, message, message.to === node.id)
  }

  /** The newest configuration that is committed up to there; undefined: none is. */
  #committedUpTo(index: number): Entry | undefined {
    const { entries } = this.#parts.committed
    for (; this.#looked < entries.length; this.#looked++) {
      const entry = entries[this.#looked]
      if (entry?.kind === 'config') this.#committed.push(entry)
    }
    return this.#committed.findLast((each) => each.index <= index)
  }

  #betweenTwo(id: string, { type, from, to }: Message, isOwn: boolean): void {
    if (isOwn && from !== to) return
    this.#fail(`${id} has a ${type} from ${from} to ${to}`)
  }

  /**
   * Entries that are written replace all from the first of them on. The lowest index at which a
   * configuration was cut off; 0: none was.
   */
  #cut({ id }: NodeView, [first]: readonly Entry[]): number {
    const log = this.#logs.get(id)
    if (first === undefined || log === undefined) return 0
    let cut = 0
    while ((log.at(-1)?.index ?? 0) >= first.index) cut = log.pop()?.index ?? 0
    return cut
  }

  /** Of what was cut off nothing is acted on any more. */
  #rolledBack({ id, raft }: NodeView, cut: number): void {
    const acting = raft?.configuration.index ?? 0
    const kept = this.#logs.get(id)?.some(({ index }) => index === acting) === true
    if (acting < cut || kept) return
    this.#fail(`${id} acts on the configuration at ${acting}, which its log has no more`)
  }

  /** Who has no vote leads only until that is committed (thesis 4.2.2). */
  #mayLead({ id, raft }: NodeView): void {
    if (raft?.role !== 'leader') return
    const { index, configuration } = raft.configuration
    if (votersOf(configuration).includes(id)) return
    if (index <= raft.status().commitIndex)
      this.#fail(`${id} was removed at ${index}, and leads on`)
  }

  #placed(node: NodeView, { index, term, data }: Entry): void {
    const configuration = decodeConfiguration(data)
    if (configuration === undefined) {
      this.#fail(`${node.id} has a config entry at ${index} that nobody can read`)
    }
    const log = this.#logs.get(node.id) ?? []
    this.#logs.set(node.id, log)
    const previous = log.at(-1)?.configuration ?? this.#inForceBefore(index)
    log.push({ index, term, configuration })
    const isKnown = previous !== undefined && previous.voters.length > 0
    if (isKnown && !quorumsMeet(previous, configuration)) {
      const what = `${shownVoters(configuration)} follows ${shownVoters(previous)}`
      this.#fail(`in the log of ${node.id}, at ${index}, ${what}: quorums that do not meet`)
    }
    this.#oneAtATime(node, index, term)
  }

  /** Where the log holds none any more: what it begins behind is committed. */
  #inForceBefore(index: number): Voters | undefined {
    const committed = this.#committedUpTo(index - 1)
    return committed === undefined ? this.#first : decodeConfiguration(committed.data)
  }

  #oneAtATime({ id, raft }: NodeView, index: number, term: number): void {
    const leadership = this.#parts.leaderships.of(term)
    if (leadership?.leader !== id || raft === undefined) return
    const { role, commitIndex } = raft.status()
    if (role !== 'leader') return
    const before = this.#logs.get(id)?.at(-2)?.index ?? 0
    if (before > commitIndex) {
      this.#fail(`${id} adds a configuration at ${index}, that of ${before} is not committed`)
    }
    if (commitIndex >= leadership.firstOwnIndex) return
    this.#fail(`${id} adds a configuration at ${index} before it committed in its term ${term}`)
  }

  #elected({ id }: NodeView, term: number): void {
    const { world, votes, acting } = this.#parts
    // A disk that was made to forget is counted as if it held its vote: only a minority ever is.
    const voted = (voter: string): boolean =>
      votes.has(voter, term, id) || world.nodes.some((node) => node.id === voter && node.damaged)
    // In the step in which it wins it may leave a joint configuration.
    const deciding = acting.since(id, world.now)
    if (deciding.some(({ configuration }) => isQuorum(configuration, voted))) return
    const shown = deciding.map(({ configuration }) => shownVoters(configuration)).join('; ')
    const voters = world.nodes.map((node) => node.id).filter(voted)
    this.#fail(`${id} was elected for term ${term} by ${voters.join(' ')}, of ${shown}`)
  }

  #same(id: string, a: Voters, b: Voters): void {
    if (shownVoters(a) === shownVoters(b)) return
    this.#fail(`${id} begins with ${shownVoters(a)}, others with ${shownVoters(b)}`)
  }

  #fail(what: string): never {
    throw new Violation(this.name, what)
  }
}

/** Whether no two groups that do not meet are quorums, one of each: by trying all there are. */
export function quorumsMeet(a: Voters, b: Voters): boolean {
  const all = [...new Set([...votersOf(a), ...votersOf(b)])]
  for (let group = 0; group < 1 << all.length; group++) {
    const isIn = (id: string): boolean => ((group >> all.indexOf(id)) & 1) === 1
    if (isQuorum(a, isIn) && isQuorum(b, (id) => !isIn(id))) return false
  }
  return true
}
