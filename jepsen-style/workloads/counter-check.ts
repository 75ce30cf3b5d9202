/**
 * Judges counters. While the run goes, a read lies between what was acknowledged before it began
 * and what was begun before it ended. In the end the count is exact: the acknowledged increments,
 * and those of the unknown ones whose token was recorded. And no two increments can have made the
 * same number.
 */
import type { Operation } from '../history/index.ts'
import { at, counted, Findings } from './findings.ts'
import { addTo, groupBy } from './group.ts'
import { fieldsOf, textOf, wholeOf } from './parse.ts'
import { lastBegun, walk } from './timeline.ts'
import type { CheckResult } from './workload.ts'

interface Counts {
  acknowledged: number
  lost: number
  doubled: number
  /** Increments whose token told in the end that they had counted. */
  recorded: number
  /** Increments of which it is not known even in the end. */
  open: number
  unread: number
}

/** What is known of one counter's increments. */
interface Adds {
  readonly acknowledged: readonly Operation[]
  readonly recorded: readonly Operation[]
  readonly open: readonly Operation[]
}

/** Checks it; see the head of the file. */
export function checkCounters(operations: readonly Operation[]): CheckResult {
  const findings = new Findings('exactly-once')
  const counts: Counts = { acknowledged: 0, lost: 0, doubled: 0, recorded: 0, open: 0, unread: 0 }
  for (const calls of groupBy(operations, ({ key }) => key).values()) {
    const adds = addsOf(calls)
    counts.acknowledged += adds.acknowledged.length
    counts.recorded += adds.recorded.length
    counts.open += adds.open.length
    judgeVerdicts(calls, findings)
    judgeNumbers(adds.acknowledged, findings)
    judgeReads(calls, adds, findings)
    judgeEnd(calls, adds, counts, findings)
  }
  return findings.result(
    `Every counter ended at its ${counts.acknowledged} acknowledged increments and ${counts.recorded} whose tokens were recorded${counts.open > 0 ? `, give or take ${counts.open} that stay unknown` : ''}.`,
    { ...counts },
    counts.unread > 0
      ? `${counted(counts.unread, 'counter')} could not be read in the end.`
      : undefined,
  )
}

function addsOf(calls: readonly Operation[]): Adds {
  const settled = new Map<string, string>()
  for (const { f, outcome, output } of calls) {
    if (f !== 'settle' || outcome !== 'ok') continue
    const { token, status } = fieldsOf(output)
    settled.set(textOf(token) ?? '', textOf(status) ?? '')
  }
  const acknowledged: Operation[] = []
  const recorded: Operation[] = []
  const open: Operation[] = []
  for (const operation of calls) {
    if (operation.f !== 'add' || operation.outcome === 'fail') continue
    const status = settled.get(textOf(fieldsOf(operation.output)['token']) ?? '')
    if (operation.outcome === 'ok') acknowledged.push(operation)
    else if (status === 'recorded') recorded.push(operation)
    // A fence that found nothing is final.
    else if (status !== 'absent') open.push(operation)
  }
  return { acknowledged, recorded, open }
}

/** Under one token there is one payload only: nothing can differ from it. */
function judgeVerdicts(calls: readonly Operation[], findings: Findings): void {
  for (const operation of calls) {
    if (operation.f !== 'add' || operation.error !== 'QUORATE_MISMATCH') continue
    findings.violation(
      `A repeated increment (${at(operation)}) was told that its token had another payload.`,
      [operation],
    )
  }
}

/** The number that an acknowledged increment made is its own, and they rise with the revisions. */
function judgeNumbers(acknowledged: readonly Operation[], findings: Findings): void {
  const byCount = new Map<number | undefined, Operation[]>()
  for (const operation of acknowledged) {
    addTo(byCount, wholeOf(fieldsOf(operation.output)['count']), operation)
  }
  for (const [count, group] of byCount) {
    const [first, second] = group
    if (first === undefined || second === undefined) continue
    findings.violation(
      `Two increments both made ${count} (${at(first)}, ${at(second)}): one of them is lost.`,
      [first, second],
    )
  }
  const byRevision = [...acknowledged].sort((a, b) => (a.revision ?? 0) - (b.revision ?? 0))
  let before: Operation | undefined
  for (const operation of byRevision) {
    if (before !== undefined && countOf(operation) < countOf(before)) {
      findings.violation(
        `A counter went back from ${countOf(before)} (${at(before)}) to ${countOf(operation)} (${at(operation)}).`,
        [before, operation],
      )
    }
    before = operation
  }
}

/** What a counter was known to show when this ended. */
function countOf({ f, output }: Operation): number {
  return wholeOf(f === 'read' ? output : fieldsOf(output)['count']) ?? 0
}

function judgeReads(calls: readonly Operation[], adds: Adds, findings: Findings): void {
  const reads = calls.filter(({ f, outcome }) => f === 'read' && outcome === 'ok')
  const possible = new Set([...adds.acknowledged, ...adds.recorded, ...adds.open])
  const floors = new Map<Operation, number>()
  let ended = 0
  let known = 0
  let begun = 0
  walk([...reads, ...possible], {
    begins: (operation) => {
      if (operation.f === 'add') begun++
      else floors.set(operation, Math.max(ended, known))
    },
    ends: (operation) => {
      if (operation.f === 'add') {
        ended++
      } else {
        const number = wholeOf(operation.output)
        const least = floors.get(operation) ?? 0
        if (number === undefined || number < least || number > begun) {
          findings.violation(
            `A read (${at(operation)}) shows ${JSON.stringify(operation.output)}, where it can only be ${least} to ${begun}.`,
            [operation],
          )
        }
      }
      known = Math.max(known, countOf(operation))
    },
  })
}

function judgeEnd(
  calls: readonly Operation[],
  adds: Adds,
  counts: Counts,
  findings: Findings,
): void {
  const least = adds.acknowledged.length + adds.recorded.length
  const most = least + adds.open.length
  const end = calls.reduce(
    (latest, { f, outcome, end }) =>
      f !== 'read' && outcome === 'ok' ? Math.max(latest, end) : latest,
    -1,
  )
  const read = lastBegun(
    calls.filter(({ f, outcome, begin }) => f === 'read' && outcome === 'ok' && begin > end),
  )
  const number = wholeOf(read?.output)
  if (read === undefined || number === undefined) {
    if (most > 0) counts.unread++
    return
  }
  counts.lost += Math.max(0, least - number)
  counts.doubled += Math.max(0, number - most)
  if (number >= least && number <= most) return
  const told = `${adds.acknowledged.length} acknowledged, ${adds.recorded.length} recorded under their token, ${adds.open.length} unknown`
  findings.violation(
    `${read.key ?? 'A counter'} ends at ${number} (${at(read)}), which cannot be: ${told}.`,
    [read],
  )
}
