/**
 * The order of revisions. A revision counts the effects of the whole store, so in real time it can
 * only rise, across all keys and clients: a write has a greater one than everything that was
 * answered before it began, a read at least as great a one. And no two effects have the same.
 * It needs no model and no search, O(n log n), and so it is a second opinion on every workload.
 */
import type { Operation } from '../history/index.ts'
import { at, counted, Findings } from './findings.ts'
import { walk } from './timeline.ts'
import type { CheckResult } from './workload.ts'

/** An answer that told a revision. */
export interface RevisionTold {
  readonly operation: Operation
  readonly revision: number
  /** `effect`: the revision is the call's own; `state`: the store had it when the call was served. */
  readonly kind: 'effect' | 'state'
}

/**
 * What the answers to these calls told, where they were answered and told a revision; `kindOf` says
 * of which kind, undefined: it is not to be judged.
 */
export function revisionsTold(
  operations: readonly Operation[],
  kindOf: (operation: Operation) => RevisionTold['kind'] | undefined,
): readonly RevisionTold[] {
  const told: RevisionTold[] = []
  for (const operation of operations) {
    const { outcome, revision } = operation
    if (outcome !== 'ok' || revision === undefined) continue
    const kind = kindOf(operation)
    if (kind !== undefined) told.push({ operation, revision, kind })
  }
  return told
}

/** Checks it; see the head of the file. */
export function checkRevisions(answers: readonly RevisionTold[]): CheckResult {
  const findings = new Findings('revision-order')
  const effects = new Map<number, Operation>()
  for (const { operation, revision, kind } of answers) {
    if (kind === 'state') continue
    const other = effects.get(revision)
    if (other !== undefined) {
      findings.violation(
        `Two effects have revision ${revision}: ${at(other)} and ${at(operation)}.`,
        [other, operation],
      )
    }
    effects.set(revision, operation)
  }
  let newest: RevisionTold | undefined
  const floors = new Map<RevisionTold, RevisionTold | undefined>()
  const spans = answers.map((answer) => ({
    begin: answer.operation.begin,
    end: answer.operation.end,
    answer,
  }))
  walk(spans, {
    begins: ({ answer }) => floors.set(answer, newest),
    ends: ({ answer }) => {
      judge(answer, floors.get(answer), findings)
      floors.delete(answer)
      if (newest === undefined || answer.revision > newest.revision) newest = answer
    },
  })
  return findings.result(
    `The revisions of ${counted(answers.length, 'answer')} rise in real time, and each effect has its own.`,
    { operations: answers.length, effects: effects.size },
    answers.length === 0 ? 'No answer told a revision.' : undefined,
  )
}

function judge(answer: RevisionTold, floor: RevisionTold | undefined, findings: Findings): void {
  if (floor === undefined) return
  const { operation, revision, kind } = answer
  const atLeast = kind === 'effect' ? floor.revision + 1 : floor.revision
  if (revision >= atLeast) return
  const what = kind === 'effect' ? 'took effect at' : 'was served at'
  findings.violation(
    `${operation.f} (${at(operation)}) ${what} revision ${revision}, though revision ${floor.revision} was answered (${at(floor.operation)}) before it began.`,
    [floor.operation, operation],
  )
}
