/**
 * What clients get of a node: their writes, reads, scans, digests, exports and questions, each with
 * its own waiting room. The node tells it what was applied and confirmed, and when to give up.
 */
import type { ReadState } from '../raft/index.ts'
import type { AppliedEntry } from '../state/index.ts'
import type { ClientCall, ClientSession, NodeStatus, WireError } from '../transport/index.ts'
import { ClusterClock } from './cluster-clock.ts'
import { Digesting } from './digests.ts'
import { Exports } from './exports.ts'
import type { Membership } from './membership.ts'
import { operate } from './operations.ts'
import type { NodeParts } from './parts.ts'
import { defaultProposalLimits, Proposals } from './proposals.ts'
import { Readiness } from './readiness.ts'
import { ReadFloor } from './read-floor.ts'
import { Reads } from './reads.ts'
import { RequestHandler } from './requests.ts'
import { Scans } from './scans.ts'
import type { Upkeep } from './upkeep.ts'

const readsWaitingMax = 65_536

interface ServiceOptions {
  readonly parts: NodeParts
  readonly membership: Membership
  readonly upkeep: Upkeep
  readonly notLeader: () => WireError
  readonly status: () => NodeStatus
  /** The state is damaged, or failed. */
  readonly onStateFailure: (error: unknown) => void
}

export class Service {
  readonly clock: ClusterClock
  readonly #options: ServiceOptions
  readonly #proposals: Proposals
  readonly #reads: Reads
  readonly #scans: Scans
  readonly #exports: Exports
  readonly #digests: Digesting
  readonly #requests: RequestHandler
  readonly #readiness: Readiness
  readonly #floor: ReadFloor

  constructor(options: ServiceOptions) {
    this.#options = options
    const { parts, membership, upkeep, notLeader, status, onStateFailure } = options
    const { clock, raft, settings, state, identity } = parts
    const now = (): number => clock.monotonic()
    this.#floor = new ReadFloor(raft.status().recovering ? Infinity : parts.recoveredCommit)
    const isReadable = (): boolean => this.#floor.isReached(state)
    this.clock = new ClusterClock(clock, Math.max(parts.lastStamp, state.clusterTime))
    this.#proposals = new Proposals({
      limits: { ...defaultProposalLimits, ...settings.caps.proposals },
      propose: (data) => raft.propose(data),
      stamp: () => this.clock.now(),
      notLeader,
    })
    this.#reads = new Reads({
      clock,
      waitingMax: readsWaitingMax,
      readIndex: () => raft.readIndex(),
      appliedIndex: () => state.appliedIndex,
      isReadable,
    })
    this.#scans = new Scans(now)
    this.#exports = new Exports(now)
    this.#digests = new Digesting(state, onStateFailure)
    const historyId = state.historyId ?? identity.clusterId
    const operations = {
      state,
      exports: this.#exports,
      membership,
      upkeep,
      historyId,
      isReadable,
      now,
    }
    this.#requests = new RequestHandler({
      limits: settings.limits,
      state,
      proposals: this.#proposals,
      reads: this.#reads,
      scans: this.#scans,
      digests: this.#digests,
      operate: (session, request) => operate(operations, session, request),
      refusal: () => upkeep.refusal(),
      now,
      isLeader: () => raft.role === 'leader',
      notLeader,
      status,
      onFailure: onStateFailure,
    })
    this.#readiness = new Readiness({
      clock,
      reads: this.#reads,
      periodMs: settings.timing.electionTimeoutMaxMs / 2,
    })
  }

  /** Whether this node could serve a linearizable read. */
  get ready(): boolean {
    return this.#readiness.ready()
  }

  /** The node holds again all that it had lost, up to this entry, in this term. */
  restored(lastIndex: number, term: number): void {
    this.#floor.restored(lastIndex, term)
    this.#reads.onApplied()
  }

  /** The requests of one turn. */
  handle(batch: readonly ClientCall[]): void {
    this.#requests.handle(batch)
  }

  onReadStates(states: readonly ReadState[]): void {
    for (const state of states) this.#reads.onReadState(state)
  }

  onApplied(entries: readonly AppliedEntry[]): void {
    const { state } = this.#options.parts
    for (const entry of entries) this.#proposals.applied(entry, entry.answers, state.clusterTime)
    this.clock.observe(state.clusterTime)
    this.#reads.onApplied()
    this.#digests.onApplied()
  }

  leadershipLost(): void {
    this.#proposals.leadershipLost()
  }

  /** Every tick: the next probe of readiness, and the reads of this turn. */
  tick(now: number): void {
    this.#readiness.tick(now)
    this.#reads.startGathered()
  }

  /** Now and then: whoever waited too long. */
  expire(now: number): void {
    this.#proposals.expire(now)
    this.#reads.expire(now)
    this.#digests.expire(now)
    this.#watch(this.#scans.expire())
    this.#watch(this.#exports.expire())
  }

  /** A client's connection is gone, and with it all that it had open. */
  sessionClosed(session: ClientSession): void {
    this.#options.membership.changes.closeOwnedBy(session)
    this.#digests.closeOwnedBy(session)
    this.#watch(this.#scans.closeOwnedBy(session))
    this.#watch(this.#exports.closeOwnedBy(session))
  }

  /** Nobody is served any more. */
  failAll(stopping: WireError): void {
    this.#reads.failAll(stopping)
    this.#digests.failAll(stopping)
    this.#proposals.leadershipLost()
  }

  /** Closes what reads the state. */
  async close(): Promise<void> {
    await Promise.all([this.#scans.closeAll(), this.#exports.closeAll()])
  }

  #watch(work: Promise<void>): void {
    work.catch((error: unknown) => this.#options.onStateFailure(error))
  }
}
