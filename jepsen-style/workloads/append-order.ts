/**
 * A check of appends that needs no search: a text that only grows shows its own order. All reads
 * of a key must be beginnings of the longest one; nothing stands in it twice, or was never
 * appended; and its order must agree with real time.
 */
import type { Operation } from '../history/index.ts'
import { at, counted, Findings } from './findings.ts'
import { groupBy } from './group.ts'
import { textOf } from './parse.ts'
import { lastBegun, walk } from './timeline.ts'
import type { CheckResult } from './workload.ts'

interface Append {
  readonly operation: Operation
  /** From 1 in the longest read: how long a text must be to show it; undefined: not in it. */
  readonly place: number | undefined
}

interface Read {
  readonly operation: Operation
  readonly elements: readonly string[]
}

interface Counts {
  acknowledged: number
  lost: number
  unread: number
}

/** Checks it; see the head of the file. */
export function checkAppends(operations: readonly Operation[]): CheckResult {
  const findings = new Findings('append-order')
  const counts: Counts = { acknowledged: 0, lost: 0, unread: 0 }
  for (const calls of groupBy(operations, ({ key }) => key).values()) {
    judgeKey(calls, counts, findings)
  }
  const { acknowledged, unread } = counts
  return findings.result(
    `Each of ${counted(acknowledged, 'acknowledged append')} stands once, and in its order, in every later read.`,
    { ...counts },
    unread > 0 ? `No read came after ${counted(unread, 'acknowledged append')}.` : undefined,
  )
}

function judgeKey(calls: readonly Operation[], counts: Counts, findings: Findings): void {
  const reads = readsOf(calls)
  const longest = reads.reduce<Read | undefined>(
    (most, read) => (read.elements.length > (most?.elements.length ?? -1) ? read : most),
    undefined,
  )
  const places = new Map<string, number>()
  for (const [place, element] of (longest?.elements ?? []).entries()) {
    if (places.has(element)) {
      findings.violation(
        `${element} stands twice in a read (${longest && at(longest.operation)}).`,
        [longest?.operation],
      )
    }
    places.set(element, place + 1)
  }
  const appends = appendsOf(calls, places)
  judgeOrigins(longest, appends, findings)
  for (const read of reads) judgePrefix(read, longest, findings)
  judgeAcknowledged(reads, appends, counts, findings)
  judgeLengths(reads, appends, findings)
  judgePlaces(appends, findings)
}

/** Elements end with a semicolon; what does not is kept, as something that nobody appended. */
function readsOf(calls: readonly Operation[]): readonly Read[] {
  return calls
    .filter(({ f, outcome }) => f === 'get' && outcome === 'ok')
    .map((operation) => ({
      operation,
      elements: (textOf(operation.output) ?? '(no text)').match(/[^;]*;|[^;]+$/g) ?? [],
    }))
}

function appendsOf(
  calls: readonly Operation[],
  places: ReadonlyMap<string, number>,
): ReadonlyMap<string, Append> {
  const appends = new Map<string, Append>()
  for (const operation of calls) {
    const element = operation.f === 'append' ? textOf(operation.input) : undefined
    if (element !== undefined) appends.set(element, { operation, place: places.get(element) })
  }
  return appends
}

function judgeOrigins(
  longest: Read | undefined,
  appends: ReadonlyMap<string, Append>,
  findings: Findings,
): void {
  for (const element of longest?.elements ?? []) {
    const append = appends.get(element)?.operation
    if (append !== undefined && append.outcome !== 'fail') continue
    const what = append === undefined ? 'which nobody appended' : 'whose append had failed for sure'
    findings.violation(`A read shows ${element}, ${what}.`, [append, longest?.operation])
  }
}

function judgePrefix(read: Read, longest: Read | undefined, findings: Findings): void {
  const place = read.elements.findIndex((element, i) => element !== longest?.elements[i])
  if (place < 0 || longest === undefined) return
  findings.violation(
    `Two reads disagree about what stands at place ${place + 1}: ${read.elements[place]} (${at(read.operation)}) and ${longest.elements[place]} (${at(longest.operation)}).`,
    [read.operation, longest.operation],
  )
}

/** What was acknowledged stands in the last read that began later. */
function judgeAcknowledged(
  reads: readonly Read[],
  appends: ReadonlyMap<string, Append>,
  counts: Counts,
  findings: Findings,
): void {
  const last = lastBegun(
    reads.map(({ operation, elements }) => ({ ...operation, operation, elements })),
  )
  const shown = new Set(last?.elements)
  for (const [element, { operation }] of appends) {
    if (operation.outcome !== 'ok') continue
    counts.acknowledged++
    if (last === undefined || last.begin < operation.end) {
      if (!shown.has(element)) counts.unread++
    } else if (!shown.has(element)) {
      counts.lost++
      findings.violation(
        `${element} was acknowledged (${at(operation)}) and is lost: the last read (${at(last.operation)}) does not show it.`,
        [operation, last.operation],
      )
    }
  }
}

/** A read is at least as long as all that was known before it began, and shows nothing to come. */
function judgeLengths(
  reads: readonly Read[],
  appends: ReadonlyMap<string, Append>,
  findings: Findings,
): void {
  interface Known {
    readonly begin: number
    readonly end: number
    readonly operation: Operation
    readonly length: number
    readonly isRead: boolean
  }
  const known: Known[] = reads.map(({ operation, elements }) => {
    const { begin, end } = operation
    return { begin, end, operation, length: elements.length, isRead: true }
  })
  for (const { operation, place } of appends.values()) {
    if (operation.outcome === 'fail' || place === undefined) continue
    const { begin, end } = operation
    known.push({ begin, end, operation, length: place, isRead: false })
  }
  const latest = latestBegins(appends)
  const floors = new Map<Known, Known>()
  let floor: Known | undefined
  walk(known, {
    begins: (each) => {
      if (each.isRead && floor !== undefined) floors.set(each, floor)
    },
    ends: (each) => {
      const least = floors.get(each)
      if (least !== undefined && each.length < least.length) {
        findings.violation(
          `A read (${at(each.operation)}) shows ${each.length} elements, though ${least.length} were known (${at(least.operation)}) before it began: it is stale.`,
          [least.operation, each.operation],
        )
      }
      const last = latest[Math.min(each.length, latest.length) - 1]
      if (each.isRead && last !== undefined && last.begin > each.end) {
        findings.violation(
          `A read (${at(each.operation)}) shows an element whose append (${at(last)}) had not begun.`,
          [each.operation, last],
        )
      }
      if (floor === undefined || each.length > floor.length) floor = each
    },
  })
}

/**
 * For each place of the longest read: which append began last of those up to there; undefined:
 * there is none. Elements of no append, or of one that had failed, are found to be wrong elsewhere.
 */
function latestBegins(appends: ReadonlyMap<string, Append>): readonly (Operation | undefined)[] {
  const placed: (Operation | undefined)[] = []
  for (const { operation, place } of appends.values()) {
    if (place !== undefined && operation.outcome !== 'fail') placed[place - 1] = operation
  }
  let last: Operation | undefined
  return Array.from(placed, (operation) => {
    if (operation !== undefined && operation.begin > (last?.begin ?? -1)) last = operation
    return last
  })
}

/** An append that ended before another began stands before it. */
function judgePlaces(appends: ReadonlyMap<string, Append>, findings: Findings): void {
  const placed = [...appends.values()]
    .filter(({ place, operation }) => place !== undefined && operation.outcome !== 'fail')
    .sort((a, b) => (b.place ?? 0) - (a.place ?? 0))
  let later: Operation | undefined
  for (const { operation } of placed) {
    if (later !== undefined && later.end < operation.begin) {
      findings.violation(
        `Two appends stand in the wrong order: the one of ${at(later)} had ended before the one of ${at(operation)} began.`,
        [later, operation],
      )
    }
    if (later === undefined || operation.end < later.end) later = operation
  }
}
