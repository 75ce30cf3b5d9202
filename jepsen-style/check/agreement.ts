/**
 * Two checks of the store's histories, which share nothing: what one proves the other may not deny.
 * Where they contradict each other, one of them is wrong, and the verdict is worth nothing.
 */
import type { Operation } from '../history/index.ts'
import { checkByRevision } from './by-revision.ts'
import type { Explanation } from './explanation.ts'
import type { Model } from './model.ts'
import { quorate } from './models/index.ts'
import type { Partition } from './partition.ts'
import { unreachable } from './unreachable.ts'
import type { Verdict } from './verdict.ts'

/** What the search found. */
export interface Finding {
  readonly verdict: Verdict
  readonly text: string
  /** Of a violation: the group of keys that has no order. */
  readonly failed: Partition | undefined
}

/** What both found. */
export interface Agreed extends Finding {
  readonly byRevision: boolean
  /** Of a violation that lies between keys. */
  readonly explanation?: Explanation
}

/** Holds the search's finding against the order of revisions, where the history has one. */
export function compareWithRevisions(
  model: Model<unknown>,
  operations: readonly Operation[],
  finding: Finding,
): Agreed {
  const { verdict, text, failed } = finding
  const told = operations.some(({ revision }) => revision !== undefined)
  if (model !== quorate || !told) return { verdict, text, failed, byRevision: false }
  const checked = checkByRevision(operations)
  switch (checked.verdict) {
    case 'unknown':
      return { verdict, text, failed, byRevision: false }
    case 'ok': {
      // The order of revisions is one that fits: it settles what the search could not, too.
      if (!checked.complete || verdict === 'linearizable') {
        return { verdict, text, failed, byRevision: true }
      }
      if (verdict === 'not') return fault('the search finds no order, but that of revisions fits')
      const settled = 'The order of revisions fits, where the search did not come to an end.'
      return { verdict: 'linearizable', text: settled, failed: undefined, byRevision: true }
    }
    case 'violation': {
      if (verdict === 'not') return { verdict, text, failed, byRevision: true }
      if (verdict === 'linearizable' && failsOnOneKey(operations)) {
        return fault(`the search finds an order, but by revision ${checked.text}`)
      }
      // Each key by itself has an order; the revisions, which promise one order of all, have not.
      const sentence = `The order of revisions is not that of time: ${checked.text}.`
      const explanation = betweenKeys(operations, checked.lines, sentence)
      return { verdict: 'not', text: sentence, failed: undefined, byRevision: true, explanation }
    }
    default:
      return unreachable(checked)
  }
}

function fault(what: string): Agreed {
  const text = `the checker is at fault: ${what}; please report it with the history`
  return { verdict: 'unknown', text, failed: undefined, byRevision: true }
}

/** Whether one key alone contradicts its revisions: then the search must have found it too. */
function failsOnOneKey(operations: readonly Operation[]): boolean {
  const byKey = new Map<string | undefined, Operation[]>()
  for (const operation of operations) {
    const own = byKey.get(operation.key)
    if (own === undefined) byKey.set(operation.key, [operation])
    else own.push(operation)
  }
  return [...byKey.values()].some((own) => checkByRevision(own).verdict === 'violation')
}

function betweenKeys(
  operations: readonly Operation[],
  lines: readonly number[],
  text: string,
): Explanation {
  const from = lines[0] ?? 0
  const to = lines.at(-1) ?? from
  const shown = operations.filter(
    ({ invokeLine, completionLine }) =>
      lines.includes(invokeLine) || lines.includes(completionLine ?? -1),
  )
  return {
    keys: [...new Set(shown.flatMap(({ key }) => key ?? []))],
    breaking: shown.at(-1),
    line: to,
    window: { from, to },
    operations: shown,
    orders: [],
    text,
  }
}
