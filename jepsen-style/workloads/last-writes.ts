/**
 * Whether the last acknowledged change of each row is still there in the end. This judges durability
 * alone, by the revisions that were answered, and can say how many acknowledged writes are lost.
 */
import type { Operation } from '../history/index.ts'
import { at, counted, Findings } from './findings.ts'
import { groupBy } from './group.ts'
import { lastBegun } from './timeline.ts'
import type { CheckResult } from './workload.ts'

/**
 * Checks the calls `read`, `write`, `cas` and `delete` of a history, as the model `quorate` of the
 * checker has them. A key that nobody read after its last acknowledged change is in doubt.
 */
export function checkLastWrites(operations: readonly Operation[]): CheckResult {
  const findings = new Findings('last-writes')
  const byKey = groupBy(operations, ({ key }) => key)
  let acknowledged = 0
  let lost = 0
  let unread = 0
  for (const [key, calls] of byKey) {
    const effects = effectsOf(calls)
    acknowledged += effects.length
    const last = newest(effects)
    if (last === undefined) continue
    const end = effects.reduce((latest, { operation }) => Math.max(latest, operation.end), 0)
    const reads = calls.filter(
      ({ f, outcome, begin }) => f === 'read' && outcome === 'ok' && begin > end,
    )
    const read = lastBegun(reads)
    if (read === undefined) {
      unread++
      continue
    }
    const kept = revisionKept(read, effects, calls)
    const gone = effects.filter(({ revision }) => revision > kept)
    lost += gone.length
    if (gone.length === 0) continue
    findings.violation(
      `${counted(gone.length, 'acknowledged change')} of ${key ?? 'a key'} is lost: the last one had revision ${last.revision} (${at(last.operation)}), and in the end it reads ${JSON.stringify(read.output)} of revision ${read.revision ?? 'none'} (${at(read)}).`,
      [last.operation, read],
    )
  }
  return findings.result(
    `The last of the ${acknowledged} acknowledged changes of every key was there in the end.`,
    { acknowledged, lost, unread, keys: byKey.size },
    unread > 0 ? `${counted(unread, 'key')} could not be read in the end.` : undefined,
  )
}

/** An acknowledged change, and the revision at which it took effect. */
interface Effect {
  readonly operation: Operation
  readonly revision: number
}

function effectsOf(calls: readonly Operation[]): readonly Effect[] {
  const effects: Effect[] = []
  for (const operation of calls) {
    const { f, outcome, output, revision } = operation
    if (outcome !== 'ok' || revision === undefined || f === 'read') continue
    // A delete that found no row changed nothing.
    if (f === 'delete' && output === false) continue
    effects.push({ operation, revision })
  }
  return effects
}

function newest(effects: readonly Effect[]): Effect | undefined {
  return effects.reduce<Effect | undefined>(
    (last, effect) => (last === undefined || effect.revision > last.revision ? effect : last),
    undefined,
  )
}

/** The revision up to which changes are there, or were replaced by others that are. */
function revisionKept(
  read: Operation,
  effects: readonly Effect[],
  calls: readonly Operation[],
): number {
  if (read.output !== null) return read.revision ?? Infinity
  // Where there is no row, the last change was a delete: one that was acknowledged, or an open one.
  const open = calls.some(
    ({ f, outcome, begin }) => f === 'delete' && outcome === 'info' && begin < read.end,
  )
  if (open) return Infinity
  const deletes = effects.filter(({ operation }) => operation.f === 'delete')
  return newest(deletes)?.revision ?? 0
}
