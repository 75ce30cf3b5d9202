/** What reads, writes and changes are to the one loop that drives all calls, and their answers. */
import { encodeCommand } from '../command/index.ts'
import type { Command } from '../command/index.ts'
import type { ReplyBody, RequestBody } from '../transport/index.ts'
import type { CallKind, ChangePlan, ReadPlan, WritePlan } from './call.ts'

const toLeader = { to: 'leader' } as const

// Written out, here and where a call is made of it: a spread of these cost more than all the rest of
// a read in the client.

export function readKind(plan: ReadPlan): CallKind {
  return {
    route: plan.route,
    write: false,
    sequenced: false,
    repeatable: true,
    single: plan.single ?? false,
    identity: 'none',
    token: undefined,
    body: plan.body,
  }
}

export function changeKind(plan: ChangePlan): CallKind {
  return {
    route: toLeader,
    write: true,
    sequenced: false,
    repeatable: true,
    single: false,
    identity: 'none',
    token: undefined,
    body: plan.body,
  }
}

export function writeKind(plan: WritePlan, command: Command): CallKind {
  return {
    route: toLeader,
    write: true,
    sequenced: plan.sequenced,
    repeatable: plan.sequenced,
    single: false,
    identity: plan.identity,
    token: plan.token,
    body: { kind: 'write', command: encodeCommand(command) },
  }
}

/** Whether this answers the call, and not only the attempt. */
export function isAnswer(body: ReplyBody): boolean {
  if (body.kind !== 'answer') return body.kind !== 'error'
  return body.answer.status !== 'refused' || body.answer.decided
}

/** What closes the scan or export that an answer opened. */
export function closing(body: ReplyBody): RequestBody | undefined {
  if (body.kind === 'export') return { kind: 'exportClose', exportId: body.exportId }
  if (body.kind !== 'page' || body.done) return undefined
  return { kind: 'scanClose', scanId: body.scanId }
}
