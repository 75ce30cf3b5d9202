/**
 * Configurations: who is a member, and whose vote counts (paper, section 6; thesis, chapter 4).
 *
 * A change of voters always goes through a joint configuration: `voters` are the new ones,
 * `votersOutgoing` the old ones, and every decision needs a majority of each (thesis, section 4.3).
 * Single-server changes would need one step less, but two of them in two terms can lead to quorums
 * that do not meet (Ongaro on raft-dev, 2015); one path for all changes is the smaller thing to
 * get right. Changes of learners alone touch no quorum and take one step.
 *
 * Nobody goes from voter to learner: who is to stop voting is removed.
 */
import { assert } from '../assert.ts'
import type { Configuration, NodeId } from './types.ts'

/** More members than this only slow a group down; the bound keeps every per-member list small. */
export const membersMax = 31
/** Bytes that a configuration may hold for one member beside its id. */
export const contextBytesMax = 1024

const nodeIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** Whether a text can be the name of a member. */
export function isNodeId(id: string): boolean {
  return nodeIdPattern.test(id)
}

/** What a node knows that was never told of any member: it takes part in nothing. */
export const emptyConfiguration: Configuration = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  contexts: new Map(),
}

/** The configuration of a new group. */
export function firstConfiguration(
  voters: readonly NodeId[],
  contexts: ReadonlyMap<NodeId, Uint8Array> = new Map(),
): Configuration {
  return { voters: voters.toSorted(), votersOutgoing: [], learners: [], contexts }
}

/** Whether two sets of voters decide together. */
export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0
}

/** Whether the vote of this node counts, in either set. */
export function isVoter({ voters, votersOutgoing }: Configuration, id: NodeId): boolean {
  return voters.includes(id) || votersOutgoing.includes(id)
}

/** Whether this node gets the log. */
export function isMember(configuration: Configuration, id: NodeId): boolean {
  return isVoter(configuration, id) || configuration.learners.includes(id)
}

/** Everybody whose vote counts, each once, in order. */
export function voterIds({ voters, votersOutgoing }: Configuration): readonly NodeId[] {
  return [...new Set([...voters, ...votersOutgoing])].toSorted()
}

/** Everybody, each once, voters first. */
export function memberIds(configuration: Configuration): readonly NodeId[] {
  return [...voterIds(configuration), ...configuration.learners]
}

/** The end of a joint configuration: the new voters by themselves. */
export function leaveJoint(configuration: Configuration): Configuration {
  assert(isJoint(configuration), 'only a joint configuration is left')
  const { voters, learners, contexts } = configuration
  const kept = [...contexts].filter(([id]) => voters.includes(id) || learners.includes(id))
  return { voters, votersOutgoing: [], learners, contexts: new Map(kept) }
}

/** Throws unless a configuration makes sense by itself. Only a newcomer's may be empty. */
export function checkConfiguration(configuration: Configuration): void {
  const { voters, votersOutgoing, learners, contexts } = configuration
  for (const list of [voters, votersOutgoing, learners]) {
    assert(new Set(list).size === list.length, 'members are distinct')
  }
  for (const id of learners)
    assert(!isVoter(configuration, id), 'the vote of a learner never counts')
  const members = memberIds(configuration)
  assert(members.length <= membersMax, `a group has at most ${membersMax} members`)
  assert(voters.length > 0 || members.length === 0, 'a group has voters')
  for (const id of members) assert(isNodeId(id), 'members have names')
  for (const [id, context] of contexts) {
    assert(members.includes(id), 'a context is of a member')
    assert(context.length <= contextBytesMax, 'a context keeps to its cap')
  }
}

/**
 * Whether one configuration may come right after another: into a joint one with the voters as they
 * were on its one side, out of it with the new ones, and otherwise with the same voters. After an
 * empty one, which only a newcomer has, anything may come.
 */
export function mayFollow(previous: Configuration, next: Configuration): boolean {
  if (previous.voters.length === 0) return true
  if (isJoint(previous)) return !isJoint(next) && isSame(next.voters, previous.voters)
  return isSame(isJoint(next) ? next.votersOutgoing : next.voters, previous.voters)
}

function isSame(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id))
}
