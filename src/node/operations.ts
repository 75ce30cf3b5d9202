/** Requests that are about the cluster and not about records: members, leadership, backups. */
import { unreachable } from '../assert.ts'
import type { StateMachine } from '../state/index.ts'
import type { ReplyBody, Request } from '../transport/index.ts'
import type { Exports } from './exports.ts'
import type { Membership } from './membership.ts'
import type { ReplyTo } from './replies.ts'
import type { Upkeep } from './upkeep.ts'

/** What operators ask for. */
export type Operation = Extract<
  Request,
  { readonly kind: 'member' | 'transfer' | 'export' | 'exportFrame' | 'exportClose' | 'compact' }
>

interface OperationsOptions {
  readonly state: StateMachine
  readonly exports: Exports
  readonly membership: Membership
  readonly upkeep: Upkeep
  readonly historyId: string
  readonly now: () => number
}

/**
 * Begins an operation. It answers by itself, when it is over, or returns what is to be answered
 * once it is known.
 */
export function operate(
  options: OperationsOptions,
  session: ReplyTo,
  request: Operation,
): Promise<ReplyBody> | undefined {
  const { state, exports, membership, upkeep, historyId, now } = options
  const { id } = request
  const deadline = now() + request.timeoutMs
  switch (request.kind) {
    case 'member':
      membership.changes.ask(session, id, request.change, deadline)
      return undefined
    case 'transfer':
      membership.leadership.ask(session, id, request.to, deadline)
      return undefined
    case 'export':
      return exports.open(session, () => state.openExport(), historyId)
    case 'exportFrame':
      return exports.frame(session, request.exportId, request.frame)
    case 'exportClose':
      return exports.close(session, request.exportId)
    case 'compact':
      return upkeep.compactNow().then(() => ({ kind: 'done' }))
    default:
      return unreachable(request)
  }
}
