/**
 * What lies behind the refusals of changes of membership and of leadership: the codes say that
 * they were refused, the reason beside them says why.
 */
import type { QuorateError } from '../errors.ts'

/** For people, in the place of what the code alone would say. */
export interface Refusal {
  readonly cause: string
  readonly next: string
}

const list = 'quorate member list shows who takes part and how far each is'
const again = 'run the command again in a moment; quorate status shows how the cluster is'

const refusals: Readonly<Record<string, Readonly<Record<string, Refusal>>>> = {
  QUORATE_MEMBERSHIP: {
    changeInProgress: { cause: 'another change of the members is not over yet', next: again },
    noCommitInTerm: {
      cause: 'the leader is new and has committed nothing itself yet',
      next: again,
    },
    transferring: { cause: 'the leadership is being handed over just now', next: again },
    unknownMember: { cause: 'there is no member of that name', next: list },
    knownMember: {
      cause: 'there is a member of that name, with other addresses or another role',
      next: 'quorate member list; quorate member update changes its addresses',
    },
    notLearner: { cause: 'it has a vote already', next: list },
    notVoter: {
      cause: 'it is a learner, and only the place of a voter is taken',
      next: 'quorate member remove takes a learner out, quorate member add adds another',
    },
    tooManyMembers: {
      cause: 'the cluster has as many members as it may',
      next: 'quorate member remove one that is not needed',
    },
    lagging: {
      cause: 'the member is not started, not reachable, or has not caught up in time',
      next: 'quorate member list shows how far it is; a longer --timeout waits for it',
    },
    losesQuorum: {
      cause: 'too few of the voters of before or after the change answer to commit it',
      next: 'quorate doctor; start the missing nodes first, then make the change',
    },
    invalid: {
      cause: 'the id or an address has a form that no member may have',
      next: 'an id is up to 64 letters, digits, "_", "-" and "."; an address is host:port',
    },
  },
  QUORATE_TRANSFER: {
    inProgress: { cause: 'the leadership is being handed over just now', next: again },
    unknownMember: { cause: 'there is no member of that name', next: list },
    notVoter: {
      cause: 'it is a learner, and only voters lead',
      next: 'quorate member list; quorate leader transfer without an id takes the best one',
    },
    unreachable: {
      cause: 'the one that is to lead, or every other voter, has not answered lately',
      next: 'quorate doctor tells which nodes are up and reach each other',
    },
  },
}

/** What is known of this very refusal; undefined: no more than its code says. */
export function refusalOf(error: QuorateError): Refusal | undefined {
  const { reason } = error.details
  const known = refusals[error.code]
  if (reason === undefined || known === undefined || !Object.hasOwn(known, reason)) return undefined
  return known[reason]
}
