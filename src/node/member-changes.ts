/**
 * Changes of membership on the leader, from the request to its end.
 *
 * A request is a wish for how things shall be, not a step: at each look the next step towards it is
 * worked out from the configuration in force, and when there is none left the wish is fulfilled.
 * So a request that is made again, after a lost answer or to another leader, does no harm, and one
 * that takes several steps (add, catch up, take the place) needs no memory of how far it came.
 */
import { isDialable } from '../address.ts'
import { unreachable } from '../assert.ts'
import { usageError } from '../errors.ts'
import type { ConfigChange, ConfigRefusal, ProposeConfigResult } from '../raft/index.ts'
import type { MemberChange, WireError } from '../transport/index.ts'
import { encodeContext } from './member-list.ts'
import type { KnownMember } from './member-list.ts'
import type { ReplyTo } from './replies.ts'
import { thrownOnWire, wireError } from './replies.ts'

/** Requests under way at the same time. */
const changesMax = 16

/** Refusals that pass by themselves, so that the step is tried again. */
const passing: ReadonlySet<ConfigRefusal> = new Set([
  'changeInProgress',
  'noCommitInTerm',
  'transferring',
  'lagging',
])

interface ChangesOptions {
  /** The configuration in force. */
  readonly members: () => readonly KnownMember[]
  readonly index: () => number
  /** Whether the configuration in force is committed and not joint. */
  readonly settled: () => boolean
  readonly propose: (change: ConfigChange) => ProposeConfigResult
  readonly isLeader: () => boolean
  /** Whether a learner keeps up well enough to get a vote. */
  readonly isClose: (id: string) => boolean
  /** Which incarnation of a node this one has met first, or is. */
  readonly incarnationOf: (id: string) => string | undefined
  readonly notLeader: () => WireError
}

interface Pending {
  readonly session: ReplyTo
  readonly requestId: number
  readonly change: MemberChange
  readonly deadline: number
  /** Why the last step was refused, for the answer at the deadline. */
  waitsFor: ConfigRefusal | undefined
  /** Whether a step was taken: then whatever comes, something may have been done. */
  hasBegun: boolean
  /** Whether the member that is to come was seen: gone after that, somebody else took it out. */
  hasCome: boolean
}

export class MemberChanges {
  readonly #options: ChangesOptions
  #pending: Pending[] = []

  constructor(options: ChangesOptions) {
    this.#options = options
  }

  ask(session: ReplyTo, requestId: number, change: MemberChange, deadline: number): void {
    const pending: Pending = {
      session,
      requestId,
      change,
      deadline,
      waitsFor: undefined,
      hasBegun: false,
      hasCome: false,
    }
    const wrong = addressesOf(change).find((address) => !isDialable(address))
    if (!this.#options.isLeader()) {
      fail(pending, this.#options.notLeader())
    } else if (wrong !== undefined) {
      // All members would dial it, for as long as it stands in their logs.
      fail(pending, thrownOnWire(usageError(`no node can be dialled at ${JSON.stringify(wrong)}`)))
    } else if (this.#pending.length >= changesMax) {
      fail(
        pending,
        wireError('QUORATE_OVERLOADED', 'too many changes of membership wait', {
          details: { retryAfter: 1_000 },
        }),
      )
    } else if (!this.#step(pending)) {
      this.#pending.push(pending)
    }
  }

  /** Called often: takes the next steps, answers what is fulfilled, promotes who has caught up. */
  tick(now: number): void {
    const { isLeader } = this.#options
    if (this.#pending.length > 0) {
      const expired = this.#pending.filter((pending) => pending.deadline <= now)
      for (const pending of expired) fail(pending, tooLate(pending))
      this.#pending = this.#pending.filter((pending) => pending.deadline > now)
      this.#pending = this.#pending.filter((pending) => !this.#step(pending))
    }
    if (isLeader()) this.#promote()
  }

  /** Whoever asked is gone: steps that were taken stand, and no other one is. */
  closeOwnedBy(session: ReplyTo): void {
    this.#pending = this.#pending.filter((pending) => pending.session !== session)
  }

  /** This node no longer leads: whether the steps that it took will stand is open. */
  leadershipLost(): void {
    const all = this.#pending
    this.#pending = []
    for (const pending of all) {
      fail(pending, wireError('QUORATE_LEADERSHIP_LOST', 'the leader stepped down meanwhile'))
    }
  }

  /** Whether the request is over, one way or the other; it is answered then. */
  #step(pending: Pending): boolean {
    const { members, index, settled, propose, notLeader } = this.#options
    if (!settled()) {
      pending.waitsFor = 'changeInProgress'
      return false
    }
    if (this.#wasTakenOut(pending)) {
      fail(pending, refusal('unknownMember'))
      return true
    }
    let next: ConfigChange | undefined
    try {
      next = nextStep(pending.change, members())
    } catch (error) {
      fail(pending, { ...thrownOnWire(error), outcome: 'not-applied' })
      return true
    }
    if (next === undefined) {
      const { session, requestId: id } = pending
      session.reply({ id, kind: 'members', index: index(), members: members() })
      return true
    }
    const result = propose(this.#unnamed(next) ?? next)
    switch (result.type) {
      case 'accepted':
        pending.hasBegun = true
        pending.waitsFor = 'changeInProgress'
        return false
      case 'notLeader':
        fail(pending, notLeader())
        return true
      case 'refused':
        pending.waitsFor = result.reason
        if (passing.has(result.reason)) return false
        fail(pending, refusal(result.reason))
        return true
      default:
        return unreachable(result)
    }
  }

  /**
   * Whether the member that the request brought in was taken out again by another request: adding it
   * once more would undo that, and the two would go on against each other for as long as they wait.
   */
  #wasTakenOut(pending: Pending): boolean {
    const { change } = pending
    if (change.type !== 'add' && change.type !== 'replace') return false
    const id = change.type === 'add' ? change.id : change.by.id
    const isThere = this.#options.members().some((member) => member.id === id)
    if (!isThere) return pending.hasCome
    pending.hasCome = true
    return false
  }

  /**
   * Before a node joins, the configuration says which incarnation of each member is meant: a node
   * that comes later has met none of them, and would take one that was wiped for the member whose
   * name it bears, with the votes that it has forgotten (`fabric#3639`).
   */
  #unnamed(next: ConfigChange): ConfigChange | undefined {
    if (next.type !== 'addLearner') return undefined
    const { members, incarnationOf } = this.#options
    for (const member of members()) {
      const incarnation = incarnationOf(member.id)
      if (member.incarnation !== undefined || incarnation === undefined) continue
      const context = encodeContext({ ...member, learner: member.staysLearner, incarnation })
      return { type: 'update', id: member.id, context }
    }
    return undefined
  }

  /** A learner that was not added to stay one gets its vote. One at a time: the rest follows. */
  #promote(): void {
    const { members, settled, isClose, propose } = this.#options
    const waiting = members().filter(({ voter, staysLearner }) => !voter && !staysLearner)
    if (waiting.length === 0 || !settled()) return
    const ready = waiting.find(({ id }) => isClose(id))
    if (ready !== undefined) propose({ type: 'promote', id: ready.id })
  }
}

/** The addresses that a change would tell all members. */
function addressesOf(change: MemberChange): readonly string[] {
  switch (change.type) {
    case 'add':
    case 'update':
      return [change.peerAddress, change.clientAddress].filter((address) => address !== undefined)
    case 'replace':
      return [change.by.peerAddress, change.by.clientAddress].filter(
        (address) => address !== undefined,
      )
    case 'promote':
    case 'remove':
      return []
    default:
      return unreachable(change)
  }
}

/** What is to be done next for a wish to come true; undefined: nothing, it has. */
export function nextStep(
  change: MemberChange,
  members: readonly KnownMember[],
): ConfigChange | undefined {
  const find = (id: string): KnownMember | undefined => members.find((member) => member.id === id)
  switch (change.type) {
    case 'add': {
      const known = find(change.id)
      if (known === undefined) {
        return { type: 'addLearner', id: change.id, context: encodeContext(change) }
      }
      if (!isAt(known, change)) return taken(change.id)
      return known.voter || change.learner ? undefined : { type: 'promote', id: change.id }
    }
    case 'promote':
      return find(change.id)?.voter === true ? undefined : { type: 'promote', id: change.id }
    case 'remove':
      return find(change.id) === undefined ? undefined : { type: 'remove', id: change.id }
    case 'replace': {
      const { id, by } = change
      const old = find(id)
      const successor = find(by.id)
      if (successor === undefined) {
        // Not the other way round: with the old one gone nobody knows whose place it was to take.
        if (old === undefined) return { type: 'remove', id }
        const context = encodeContext({ ...by, priority: old.priority, learner: true })
        return { type: 'addLearner', id: by.id, context }
      }
      // Else the place would go to a node that nobody meant.
      if (!isAt(successor, by)) return taken(by.id)
      if (old !== undefined && old.voter && !successor.voter) {
        return { type: 'replace', id, by: by.id }
      }
      // A learner's place needs no vote; and where both vote by now, the old one only has to go.
      return old === undefined ? undefined : { type: 'remove', id }
    }
    case 'update': {
      const known = find(change.id)
      if (known === undefined) return { type: 'remove', id: change.id }
      const { peerAddress, clientAddress, priority } = change
      const wanted = {
        peerAddress: peerAddress ?? known.peerAddress,
        clientAddress: clientAddress ?? known.clientAddress,
        priority: priority ?? known.priority,
        learner: known.staysLearner,
        incarnation: known.incarnation,
      }
      const same =
        wanted.peerAddress === known.peerAddress &&
        wanted.clientAddress === known.clientAddress &&
        wanted.priority === known.priority
      return same ? undefined : { type: 'update', id: change.id, context: encodeContext(wanted) }
    }
    default:
      return unreachable(change)
  }
}

/** Whether a member is where it is said to be; who names no address for clients means any. */
function isAt(
  known: KnownMember,
  said: { readonly peerAddress: string; readonly clientAddress: string | undefined },
): boolean {
  const { peerAddress, clientAddress } = said
  if (known.peerAddress !== peerAddress) return false
  return clientAddress === undefined || known.clientAddress === clientAddress
}

/** The core knows how to say that the id is taken. */
function taken(id: string): ConfigChange {
  return { type: 'addLearner', id, context: new Uint8Array(0) }
}

const reasons: Readonly<Record<ConfigRefusal, string>> = {
  changeInProgress: 'another change of membership is not over yet',
  noCommitInTerm: 'the leader has not committed an entry of its own term yet',
  transferring: 'the leadership is being handed over',
  unknownMember: 'there is no such member',
  knownMember: 'the id is taken by a member with other addresses',
  notLearner: 'it has a vote already',
  notVoter: 'it has no vote',
  tooManyMembers: 'the cluster has as many members as it may have',
  lagging: 'the learner cannot be reached, or is still too far behind',
  losesQuorum: 'the members that would be left, or those of now, have no reachable majority',
  invalid: 'the id or the addresses are none',
}

function refusal(reason: ConfigRefusal): WireError {
  return wireError('QUORATE_MEMBERSHIP', reasons[reason], { details: { reason } })
}

function tooLate({ waitsFor }: Pending): WireError {
  // A step that was taken goes on without us; the request can be made again to see it end.
  const reason = waitsFor ?? 'changeInProgress'
  return wireError('QUORATE_MEMBERSHIP', `not over within its time: ${reasons[reason]}`, {
    outcome: 'unknown',
    details: { reason },
  })
}

function fail({ session, requestId, hasBegun }: Pending, error: WireError): void {
  const outcome = hasBegun ? 'unknown' : error.outcome
  session.reply({ id: requestId, kind: 'error', error: { ...error, outcome } })
}
