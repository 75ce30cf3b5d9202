/**
 * S11: what was acknowledged is there at the end, after every crash and power cut (`etcd#14370`,
 * `etcd#6368`, `nats#7564`, `redisraft#17`). The last scan of everything is held against what
 * callers were told, and against the rules' last state only where a row is missing: there a delete
 * must have come later.
 */
import type { Check } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import type { Call, Outcome, SeenRow } from '../workload/history.ts'
import { nameOf } from './answers.ts'
import type { Replay } from './replay.ts'
import type { Windows } from './windows.ts'

/** S11; see the head of the file. */
export class Acknowledged implements Check {
  readonly name = 'S11'
  readonly #replay: Replay
  readonly #windows: Windows

  constructor(replay: Replay, windows: Windows) {
    this.#replay = replay
    this.#windows = windows
  }

  atEnd(): void {
    this.#replay.advance()
    const scan = this.#windows.ended.findLast(isWhole)
    if (scan?.outcome?.type !== 'read') return
    const { begun } = this.#windows.of(scan)
    const acknowledged = this.#windows.ended.filter((call) => this.#windows.of(call).ended < begun)
    judgeAcknowledged(this.#replay, acknowledged, scan.outcome.rows)
  }
}

/** Throws unless all that was acknowledged before is in these rows, a scan of everything. */
export function judgeAcknowledged(
  replay: Replay,
  calls: readonly Call[],
  rows: readonly (SeenRow | undefined)[],
): void {
  const found = new Map<string, SeenRow>()
  for (const row of rows) if (row !== undefined) found.set(row.key, row)
  for (const call of calls) {
    const { outcome, request } = call
    if (!isApplied(outcome) || !('changes' in request)) continue
    for (const { key, value } of request.changes) {
      const row = found.get(key)
      const what = `${nameOf(call)} was acknowledged at revision ${outcome.revision}: at the end`
      if (row === undefined) {
        if (value === undefined || isDeletedAfter(replay, key, outcome.revision)) continue
        throw new Violation('S11', `${what} there is no ${key}`)
      }
      const older = row.revision < outcome.revision && value !== undefined
      const other = row.revision === outcome.revision && row.value !== value
      // What it deleted, or did not find, may come later, and not before.
      const undeleted = row.revision <= outcome.revision && value === undefined
      if (!older && !other && !undeleted) continue
      throw new Violation('S11', `${what} ${key} is ${row.value} of revision ${row.revision}`)
    }
  }
}

function isApplied(
  outcome: Outcome | undefined,
): outcome is Extract<Outcome, { readonly type: 'written' }> {
  return outcome?.type === 'written' && outcome.verdict === 'applied'
}

/** A scan of everything that must see all. */
function isWhole({ request, outcome }: Call): boolean {
  if (request.kind !== 'scan' || outcome?.type !== 'read') return false
  const { prefix, bounds, keysOnly, limit, consistency } = request
  const all = prefix === '' && bounds === undefined && limit === undefined
  return all && keysOnly !== true && consistency === 'linearizable'
}

function isDeletedAfter(replay: Replay, key: string, revision: number): boolean {
  const { value, revision: changed } = replay.rows.at(key, Infinity)
  return value === undefined && changed > revision
}
