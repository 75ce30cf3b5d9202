/** What reads, writes and changes are to the one loop that drives all calls, and their answers. */
import { encodeCommand } from '../command/index.ts'
import type { Command } from '../command/index.ts'
import type { ReplyBody, RequestBody } from '../transport/index.ts'
import type { CallOptions, ChangePlan, ReadPlan, WritePlan } from './call.ts'

/** What the loop goes by. */
export type CallKind = Pick<
  CallOptions,
  'route' | 'write' | 'sequenced' | 'repeatable' | 'single' | 'identity' | 'token' | 'body'
>

const withoutName = { sequenced: false, identity: 'none', token: undefined } as const

export function readKind(plan: ReadPlan): CallKind {
  const { route, body, single = false } = plan
  return { ...withoutName, route, write: false, repeatable: true, single, body }
}

export function changeKind({ body }: ChangePlan): CallKind {
  const route = { to: 'leader' } as const
  return { ...withoutName, route, write: true, repeatable: true, single: false, body }
}

export function writeKind(plan: WritePlan, command: Command): CallKind {
  return {
    route: { to: 'leader' },
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
