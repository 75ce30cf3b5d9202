/**
 * Majorities. Pure functions over plain values, so that they can be held against brute force.
 *
 * A majority of n is floor(n / 2) + 1, for even n as well: two halves of four are not a quorum,
 * because both could decide at once.
 */
import { assert } from '../assert.ts'
import type { NodeId } from './types.ts'

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
