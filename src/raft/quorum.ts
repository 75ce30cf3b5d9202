/**
 * Majorities. Pure functions over plain values, so that they can be held against brute force.
 *
 * A majority of n is floor(n / 2) + 1, for even n as well: two halves of four are not a quorum,
 * because both could decide at once. While voters change, a quorum is a majority of the new voters
 * and a majority of the old ones, counted apart: never one of all together (thesis, section 4.3).
 */
import { assert } from '../assert.ts'
import type { Configuration, NodeId } from './types.ts'

/** What the votes counted so far decide. */
export type VoteOutcome = 'won' | 'lost' | 'pending'

/** The least number of members of which any two such groups share one. */
export function majority(members: number): number {
  assert(Number.isSafeInteger(members) && members > 0, 'a quorum has members')
  const size = Math.floor(members / 2) + 1
  assert(2 * size > members, 'two majorities share a member')
  return size
}

/**
 * The highest value that a majority has reached: with match indexes, what is stored on a quorum;
 * with acknowledged rounds, the newest round that a quorum has answered. One value per member.
 */
export function quorumValue(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => b - a)
  const value = sorted[majority(sorted.length) - 1]
  assert(value !== undefined, 'a majority is at most all members')
  return value
}

/**
 * Decides an election. Members without an answer are absent from `votes`. `lost` as soon as the
 * open votes could no longer make a majority: waiting on would only delay the next attempt.
 */
export function voteOutcome(
  members: readonly NodeId[],
  votes: ReadonlyMap<NodeId, boolean>,
): VoteOutcome {
  let granted = 0
  let refused = 0
  for (const member of members) {
    const vote = votes.get(member)
    if (vote === true) granted++
    if (vote === false) refused++
  }
  const needed = majority(members.length)
  assert(granted + refused <= members.length, 'a member votes once')
  if (granted >= needed) return 'won'
  return members.length - refused < needed ? 'lost' : 'pending'
}

/** Whose majorities decide; learners are not even looked at. */
export type Voters = Pick<Configuration, 'voters' | 'votersOutgoing'>

function halves({ voters, votersOutgoing }: Voters): (readonly NodeId[])[] {
  return votersOutgoing.length === 0 ? [voters] : [voters, votersOutgoing]
}

/** The highest value that a quorum has reached; see `quorumValue`. */
export function jointValue(configuration: Voters, valueOf: (id: NodeId) => number): number {
  return Math.min(...halves(configuration).map((half) => quorumValue(half.map(valueOf))))
}

/** Decides an election; see `voteOutcome`. Votes of others than voters may be there: no matter. */
export function jointOutcome(
  configuration: Voters,
  votes: ReadonlyMap<NodeId, boolean>,
): VoteOutcome {
  const outcomes = halves(configuration).map((half) => voteOutcome(half, votes))
  if (outcomes.includes('lost')) return 'lost'
  return outcomes.includes('pending') ? 'pending' : 'won'
}

/** Whether the nodes that `has` holds for make a quorum. */
export function isQuorum(configuration: Voters, has: (id: NodeId) => boolean): boolean {
  return halves(configuration).every((half) => half.filter(has).length >= majority(half.length))
}

/**
 * Whether each quorum of the one shares a node with each of the other, so that they cannot decide
 * apart. It is enough that this is so for one half of each.
 */
export function quorumsMeet(a: Voters, b: Voters): boolean {
  return halves(a).some((one) => halves(b).some((other) => majoritiesMeet(one, other)))
}

/** Whether majorities of two lists must share a node: both as far apart as they can be. */
function majoritiesMeet(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  const shared = a.filter((id) => b.includes(id)).length
  const fromShared = (list: readonly NodeId[]): number =>
    Math.max(0, majority(list.length) - (list.length - shared))
  return fromShared(a) + fromShared(b) > shared
}

/** Draws votes and what they decide, for people and for golden tests: `a+ b- c? -> pending`. */
export function describeVotes(
  members: readonly NodeId[],
  votes: ReadonlyMap<NodeId, boolean>,
): string {
  const marks = members.map((member) => {
    const vote = votes.get(member)
    return `${member}${vote === undefined ? '?' : vote ? '+' : '-'}`
  })
  return `${marks.join(' ')} -> ${voteOutcome(members, votes)}`
}

/** Draws one value per member and the quorum's, for people: `5 3 1 -> 3 (2 of 3)`. */
export function describeValues(values: readonly number[]): string {
  const needed = majority(values.length)
  return `${values.join(' ')} -> ${quorumValue(values)} (${needed} of ${values.length})`
}
