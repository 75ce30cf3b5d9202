/**
 * The full analysis of sets that only grow (as Jepsen's `set-full` does it): each element is followed
 * from the moment from which it is known to be there, by its acknowledgement or by the first read
 * that shows it. Every read that begins later must show it. If a later read shows it again, it was
 * stale in between; if none does, it is lost. In a linearizable store both are violations.
 *
 * Calls: `add` (an element), `add-many` (elements; its completion lists those `added`), `read` (runs
 * of elements in their order), each with the set as its key.
 */
import type { Operation } from '../history/index.ts'
import { at, counted, Findings } from './findings.ts'
import { groupBy } from './group.ts'
import { fieldsOf, listOf, wholeOf } from './parse.ts'
import { fromRuns } from './runs.ts'
import { byLines } from './timeline.ts'
import type { CheckResult } from './workload.ts'

interface Element {
  readonly add: Operation
  /** Acknowledged; else it may be in the set, or not. */
  readonly acknowledged: boolean
  /** Said to have had no effect. */
  readonly refused: boolean
  /** The end of the call that acknowledged it or first showed it. */
  known: number
}

interface Read {
  readonly operation: Operation
  readonly elements: ReadonlySet<number>
}

interface Counts {
  acknowledged: number
  lost: number
  stale: number
  unread: number
}

/** Checks it; see the head of the file. */
export function checkSet(operations: readonly Operation[]): CheckResult {
  const findings = new Findings('set-full')
  const counts: Counts = { acknowledged: 0, lost: 0, stale: 0, unread: 0 }
  for (const calls of groupBy(operations, ({ key }) => key).values()) {
    const elements = elementsOf(calls)
    const reads = readsOf(calls, findings)
    for (const read of reads) judgeRead(read, elements, findings)
    judgeOrder(reads, findings)
    judgeElements(elements, reads, counts, findings)
  }
  const { acknowledged, unread } = counts
  return findings.result(
    `Each of ${counted(acknowledged, 'acknowledged element')} was in every later read.`,
    { ...counts },
    unread > 0
      ? `No read came after the acknowledgement of ${counted(unread, 'element')}.`
      : undefined,
  )
}

function elementsOf(calls: readonly Operation[]): Map<number, Element> {
  const elements = new Map<number, Element>()
  const add = (element: number, operation: Operation, acknowledged: boolean): void => {
    const refused = operation.outcome !== 'info' && !acknowledged
    const known = byLines(operation, acknowledged).end
    elements.set(element, { add: byLines(operation, acknowledged), acknowledged, refused, known })
  }
  for (const operation of calls) {
    if (operation.f === 'add') {
      const element = wholeOf(operation.input)
      if (element !== undefined) add(element, operation, operation.outcome === 'ok')
    } else if (operation.f === 'add-many') {
      const added = new Set(listOf(fieldsOf(operation.output)['added'], wholeOf))
      for (const element of listOf(operation.input, wholeOf) ?? []) {
        add(element, operation, added.has(element))
      }
    }
  }
  return elements
}

function readsOf(calls: readonly Operation[], findings: Findings): readonly Read[] {
  const reads: Read[] = []
  for (const operation of calls) {
    if (operation.f !== 'read' || operation.outcome !== 'ok') continue
    const list = fromRuns(operation.output)
    const ordered = list?.every((element, i) => i === 0 || element > (list[i - 1] ?? -1)) ?? false
    if (list === undefined || !ordered) {
      findings.violation(
        `A read (${at(operation)}) is no list of elements in their order, each once.`,
        [operation],
      )
    } else {
      reads.push({ operation: byLines(operation, true), elements: new Set(list) })
    }
  }
  return reads.sort((a, b) => a.operation.begin - b.operation.begin)
}

/** Nothing comes from nowhere; and what is read is known from then on. */
function judgeRead(read: Read, elements: Map<number, Element>, findings: Findings): void {
  const { operation } = read
  for (const number of read.elements) {
    const element = elements.get(number)
    if (element === undefined) {
      findings.violation(`A read (${at(operation)}) shows ${number}, which nobody added.`, [
        operation,
      ])
    } else if (element.refused) {
      findings.violation(
        `A read (${at(operation)}) shows ${number}, whose add had failed for sure (${at(element.add)}).`,
        [element.add, operation],
      )
    } else if (element.add.begin > operation.end) {
      findings.violation(
        `A read (${at(operation)}) shows ${number} before it was added (${at(element.add)}).`,
        [operation, element.add],
      )
    } else {
      element.known = Math.min(element.known, operation.end)
    }
  }
}

/** Two reads, concurrent or not, saw two states of one set that grows: one holds the other. */
function judgeOrder(reads: readonly Read[], findings: Findings): void {
  const bySize = [...reads].sort((a, b) => a.elements.size - b.elements.size)
  let smaller: Read | undefined
  for (const read of bySize) {
    const missing = [...(smaller?.elements ?? [])].find((element) => !read.elements.has(element))
    if (smaller !== undefined && missing !== undefined) {
      findings.violation(
        `Two reads (${at(smaller.operation)}, ${at(read.operation)}) show states of which neither can have come before the other: ${missing} is only in the smaller one.`,
        [smaller.operation, read.operation],
      )
    }
    smaller = read
  }
}

function judgeElements(
  elements: Map<number, Element>,
  reads: readonly Read[],
  counts: Counts,
  findings: Findings,
): void {
  for (const [number, { add, acknowledged, known }] of elements) {
    if (acknowledged) counts.acknowledged++
    let present: Read | undefined
    let absent: Read | undefined
    for (const read of reads) {
      if (read.operation.begin < known) continue
      if (read.elements.has(number)) present = read
      else absent = read
    }
    if (absent === undefined) {
      if (acknowledged && present === undefined) counts.unread++
      continue
    }
    const back = present !== undefined && present.operation.begin > absent.operation.begin
    if (back) counts.stale++
    else if (acknowledged) counts.lost++
    const fate = back
      ? 'and a later one shows it again: a stale read'
      : 'and no later one does: lost'
    findings.violation(
      `${number} was ${acknowledged ? 'acknowledged' : 'seen'} (${at(add)}); a later read (${at(absent.operation)}) does not show it, ${fate}.`,
      [add, present?.operation, absent.operation],
    )
  }
}
