/**
 * What the commands that change who takes part have in common: they may take as long as a member
 * needs to catch up, and tell how far it is.
 */
import type { Client } from '../client/index.ts'
import { QuorateError } from '../errors.ts'
import { withClient, type ClientOptions, type Run } from './command.ts'
import type { MemberRow } from './member-output.ts'
import { progressTeller, type ProgressTeller } from './progress.ts'
import { grouped } from './table.ts'
import { viewOf } from './view.ts'

/** How long a member may take to catch up, unless `--timeout` says otherwise. */
export const catchUpMs = 600_000
/** How long a change may take in which nobody has to catch up. */
export const changeMs = 30_000
/** How long one look at the members may take while a change goes on. */
const lookMs = 1_000

/** What becomes of a member. */
export interface ChangeOptions extends ClientOptions {
  /** Whose progress is told; undefined: of nobody. */
  readonly watched?: string
  readonly timeoutMs: number
  /** Goes on until the one that is watched is a voter, not only until the change is answered. */
  readonly untilVoter?: boolean
}

/** What a call is given. */
export interface CallLimits {
  readonly timeout: number
  readonly signal: AbortSignal
}

/** Makes a change, tells of its progress, and resolves with the member that was watched. */
export async function changeMembers(
  run: Run,
  options: ChangeOptions,
  change: (client: Client, limits: CallLimits) => Promise<unknown>,
): Promise<MemberRow | undefined> {
  const { monotonicTime } = await import('../cluster/index.ts')
  const end = monotonicTime() + options.timeoutMs
  const left = (): number => Math.max(1, end - monotonicTime())
  const teller = progressTeller(run.out)
  const answered = new AbortController()
  const telling = watch(run, options, { teller, answered: answered.signal })
  try {
    await withClient(run, options, (client) =>
      change(client, { timeout: left(), signal: run.io.signal }),
    )
    answered.abort()
    await telling
    return await settled(run, options, { teller, left })
  } catch (error) {
    throw await inWords(run, options, error)
  } finally {
    answered.abort()
    await telling
    await teller.end()
  }
}

/** Looks again and again until the change is answered. */
async function watch(
  run: Run,
  options: ChangeOptions,
  { teller, answered }: { teller: ProgressTeller; answered: AbortSignal },
): Promise<void> {
  if (options.watched === undefined) return
  const { sleep } = await import('../cluster/index.ts')
  const signal = AbortSignal.any([answered, run.io.signal])
  for (;;) {
    // Changes that take no time need no progress.
    await sleep(teller.intervalMs, signal)
    if (signal.aborted) return
    const member = await look(run, options)
    if (!answered.aborted && member !== undefined) await teller.tell(progressText(member))
  }
}

/** The member as it is once the change is over. */
async function settled(
  run: Run,
  options: ChangeOptions,
  { teller, left }: { teller: ProgressTeller; left: () => number },
): Promise<MemberRow | undefined> {
  if (options.watched === undefined) return undefined
  const { sleep } = await import('../cluster/index.ts')
  for (;;) {
    const member = await look(run, options)
    if (options.untilVoter !== true || member?.voter === true) return member
    if (run.io.signal.aborted || left() <= 1) throw timedOut(options.watched)
    if (member !== undefined) await teller.tell(progressText(member))
    await sleep(teller.intervalMs, run.io.signal)
  }
}

function timedOut(id: string): QuorateError {
  return new QuorateError('QUORATE_TIMEOUT', `${id} has no vote yet`, {
    outcome: 'unknown',
    attempts: 1,
  })
}

/** A time-out says more once it is known how far the member is. */
async function inWords(run: Run, options: ChangeOptions, error: unknown): Promise<unknown> {
  const { watched } = options
  const late = error instanceof QuorateError && error.code === 'QUORATE_TIMEOUT'
  if (!late || watched === undefined) return error
  const member = await look(run, options)
  if (member === undefined || member.voter) return error
  const away = member.reachable ? '' : '; it does not answer: is it started?'
  return new QuorateError(
    'QUORATE_TIMEOUT',
    `${watched} is a learner and has not caught up yet; it goes on by itself${away}`,
    { outcome: 'unknown', attempts: error.attempts, cause: error },
  )
}

async function look(run: Run, options: ChangeOptions): Promise<MemberRow | undefined> {
  const { memberRows } = await import('./member-output.ts')
  const view = await viewOf(run, options, lookMs)
  return memberRows(view).find(({ id }) => id === options.watched)
}

function progressText(member: MemberRow): string {
  const { id, voter, reachable, matchIndex, lag, state, waitsFor } = member
  if (voter) return `${id} is a voter`
  const how = waitsFor ?? (state === 'snapshot' ? 'gets a snapshot' : 'catches up')
  const away = reachable ? '' : '; it does not answer: is it started?'
  const far =
    matchIndex === undefined || lag === undefined
      ? ''
      : `: ${grouped(matchIndex)} of ${grouped(matchIndex + lag)} entries`
  return `${id} ${how}${far}${away}`
}
