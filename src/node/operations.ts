/** Requests that are about the cluster and not about records: members, leadership, backups. */
import { unreachable } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import type { StateMachine } from '../state/index.ts'
import type { ReplyBody, Request } from '../transport/index.ts'
import type { Exports } from './exports.ts'
import type { Membership } from './membership.ts'
import type { ReplyTo } from './replies.ts'
import type { Upkeep } from './upkeep.ts'

/** A node that is catching up is asked again after this time. */
const retryAfterMs = 1_000

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
  /** As for reads: whether the state is as far as readers have seen it before. */
  readonly isReadable: () => boolean
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
  const { state, exports, membership, upkeep, historyId, isReadable, now } = options
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
      if (!isReadable()) return Promise.reject(wentBack(state))
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

/** A backup of it would be older than the last one, though it was asked for later. */
function wentBack({ appliedIndex }: StateMachine): QuorateError {
  return new QuorateError(
    'QUORATE_OVERLOADED',
    `this node has applied entries up to ${appliedIndex} and had more before: it is catching up`,
    { details: { retryAfter: retryAfterMs } },
  )
}
