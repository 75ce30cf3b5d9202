/**
 * L4: once there is a leader, new calls succeed soon, and every call that somebody waits for comes
 * to an end: done, refused, or in doubt (`hashicorp/raft#696`, `openraft#1747`).
 */
import type { WorldView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import type { Call } from '../workload/history.ts'

/** What a new call may take once there is a leader. */
const progressMs = 5_000
/** Up to this election time-out; of slower clusters it is in proportion. */
const quickElectionMs = 1_000
/** Clocks of clients may be slow by a tenth, and an end is heard a little later. */
const slowClock = 1.25
const slackMs = 500

/** How long a new call may take, ms. */
export function progressBoundMs(world: WorldView, core: readonly string[]): number {
  const slowest = Math.max(...core.map((id) => world.node(id).settings.timing.electionTimeoutMaxMs))
  return progressMs * Math.max(1, slowest / quickElectionMs)
}

/** Throws if no write was decided since, for too long. */
export function judgeProgress(
  world: WorldView,
  core: readonly string[],
  options: { readonly since: number; readonly decided: number },
): void {
  const bound = progressBoundMs(world, core)
  if (options.decided > 0 || world.now - options.since < bound) return
  throw new Violation('L4', `nothing was decided within ${bound} ms of a leader`, 'liveness')
}

/**
 * Throws if a call is open for longer than its time-out. `timeoutMs`: of each; a scan has as much
 * for every page, and its reader rests in between.
 */
export function judgeResolved(
  calls: readonly Call[],
  now: number,
  timeoutMs: (call: Call) => number,
): void {
  for (const call of calls) {
    if (call.outcome !== undefined || call.abandoned === true) continue
    const allowed = slowClock * timeoutMs(call) + slackMs
    const open = now - call.invokedAt
    if (open <= allowed) continue
    const { id, client, request } = call
    throw new Violation(
      'L4',
      `call ${id} (${request.kind} by ${client}) is open for ${open} ms, ${allowed} allowed`,
      'liveness',
    )
  }
}
