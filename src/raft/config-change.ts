/** What becomes of a configuration by one change: pure, and no judgement of the moment. */
import { unreachable } from '../assert.ts'
import {
  contextBytesMax,
  isMember,
  isNodeId,
  isVoter,
  memberIds,
  membersMax,
} from './configuration.ts'
import type { Configuration, NodeId } from './types.ts'

/** A change of membership; one at a time. */
export type ConfigChange =
  /** A new member that gets the log and has no vote. `context`: what all are to know of it. */
  | { readonly type: 'addLearner'; readonly id: NodeId; readonly context: Uint8Array }
  /** What all are to know of a member becomes another. */
  | { readonly type: 'update'; readonly id: NodeId; readonly context: Uint8Array }
  /** A learner that is close to the end of the log gets a vote. */
  | { readonly type: 'promote'; readonly id: NodeId }
  /** A voter or learner goes. The leader itself may: it gives up once that is committed. */
  | { readonly type: 'remove'; readonly id: NodeId }
  /** A learner takes the place of a voter, in one step. */
  | { readonly type: 'replace'; readonly id: NodeId; readonly by: NodeId }

/** Why a change was refused. Nothing was done. */
export type ConfigRefusal =
  /** A change is not committed yet, or a joint configuration is not left yet. */
  | 'changeInProgress'
  /** The leader has not committed an entry of its own term yet. */
  | 'noCommitInTerm'
  /** The leadership is being handed over. */
  | 'transferring'
  | 'unknownMember'
  | 'knownMember'
  /** Only learners are promoted, or take a place. */
  | 'notLearner'
  /** Only a voter's place is taken. */
  | 'notVoter'
  | 'tooManyMembers'
  /** The learner is not reachable, or still too far behind (thesis, section 4.2.1). */
  | 'lagging'
  /** The new voters, or the old ones, have no majority that has answered lately. */
  | 'losesQuorum'
  /** The id is no name for a member, or the context is too long. */
  | 'invalid'

/** The configuration after a change, or why there is none. */
export type Changed =
  | { readonly type: 'changed'; readonly configuration: Configuration }
  | { readonly type: 'refused'; readonly reason: ConfigRefusal }

/** Makes the configuration that `change` leads to; a joint one where voters change. */
export function applyChange(current: Configuration, change: ConfigChange): Changed {
  switch (change.type) {
    case 'addLearner':
      return addLearner(current, change.id, change.context)
    case 'update':
      return update(current, change.id, change.context)
    case 'promote':
      if (!isMember(current, change.id)) return refused('unknownMember')
      if (isVoter(current, change.id)) return refused('notLearner')
      return joint(current, [...current.voters, change.id])
    case 'remove':
      return remove(current, change.id)
    case 'replace':
      if (!isMember(current, change.id) || !isMember(current, change.by)) {
        return refused('unknownMember')
      }
      if (!isVoter(current, change.id)) return refused('notVoter')
      if (isVoter(current, change.by)) return refused('notLearner')
      return joint(current, [...current.voters.filter((id) => id !== change.id), change.by])
    default:
      return unreachable(change)
  }
}

function addLearner(current: Configuration, id: NodeId, context: Uint8Array): Changed {
  if (!isNodeId(id) || context.length > contextBytesMax) return refused('invalid')
  if (isMember(current, id)) return refused('knownMember')
  if (memberIds(current).length >= membersMax) return refused('tooManyMembers')
  const learners = [...current.learners, id].toSorted()
  const contexts = new Map(current.contexts)
  if (context.length > 0) contexts.set(id, context.slice())
  return { type: 'changed', configuration: { ...current, learners, contexts } }
}

function update(current: Configuration, id: NodeId, context: Uint8Array): Changed {
  if (!isMember(current, id)) return refused('unknownMember')
  if (context.length > contextBytesMax) return refused('invalid')
  const contexts = new Map(current.contexts)
  if (context.length > 0) contexts.set(id, context.slice())
  else contexts.delete(id)
  return { type: 'changed', configuration: { ...current, contexts } }
}

function remove(current: Configuration, id: NodeId): Changed {
  if (!isMember(current, id)) return refused('unknownMember')
  if (isVoter(current, id))
    return joint(
      current,
      current.voters.filter((voter) => voter !== id),
    )
  const learners = current.learners.filter((learner) => learner !== id)
  const contexts = new Map([...current.contexts].filter(([of]) => of !== id))
  return { type: 'changed', configuration: { ...current, learners, contexts } }
}

function joint(current: Configuration, voters: readonly NodeId[]): Changed {
  if (voters.length === 0) return refused('losesQuorum')
  const configuration = {
    ...current,
    voters: voters.toSorted(),
    votersOutgoing: current.voters,
    learners: current.learners.filter((id) => !voters.includes(id)),
  }
  return { type: 'changed', configuration }
}

function refused(reason: ConfigRefusal): Changed {
  return { type: 'refused', reason }
}
