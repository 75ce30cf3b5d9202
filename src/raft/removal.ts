/**
 * How a node that was removed learns of it. The leader stops writing to it with the very entry that
 * removes it, so it may never get that entry; it then misses its leader and asks for votes, and is
 * told. It could not win: it lacks an entry that a majority holds. Nor does asking disturb anybody,
 * because pre-votes change nothing, and votes are not even looked at while there is a leader
 * (thesis, section 4.2.3). The notice only lets it stop asking for ever.
 */
import { assert } from '../assert.ts'
import { isMember } from './configuration.ts'
import type { Core } from './core.ts'
import { addressed, send } from './core.ts'
import type { NodeId } from './types.ts'

/** The commit index rose: older configurations are over, and this node's membership may be. */
export function noteCommitted(core: Core): void {
  const { configurations, commitIndex } = core
  configurations.committed(commitIndex)
  const { index, configuration } = configurations.newest
  const isOut = configurations.wasMember && !isMember(configuration, core.id)
  if (isOut && index <= commitIndex) core.removedAt ??= index
  // Only where an id is used again, against the advice, or where what was told was of a change
  // that another leader replaced: the log has the last word.
  if (isMember(configuration, core.id) && index > (core.removedAt ?? index)) {
    core.removedAt = undefined
  }
}

/** Tells a node that it is no member, if the group has decided so as far as this node knows. */
export function maybeTellRemoved(core: Core, to: NodeId): void {
  const { base, current } = core.configurations
  if (base.index === 0 || isMember(base.configuration, to) || isMember(current, to)) return
  tellRemoved(core, to)
}

/** Tells a node that the newest committed configuration is without it. */
export function tellRemoved(core: Core, to: NodeId): void {
  const { base } = core.configurations
  assert(base.index <= core.commitIndex, 'only a committed change is told of')
  assert(!isMember(base.configuration, to), 'only who is out is told so')
  send(core, { type: 'removed', ...addressed(core, to), configIndex: base.index })
}
