/**
 * What a workload gives back, held against its contract. Workloads may be modules of the user's own,
 * which no compiler has seen: a verdict that is misspelt would be neither a violation nor unknown,
 * and so a pass.
 */
import { inspect } from 'node:util'
import type { CheckResult, Completion } from '../workloads/workload.ts'

/** Gives a completion back, or throws: it is none. */
export function checkedCompletion(given: Completion): Completion {
  const { type, revision, error }: Partial<Readonly<Record<keyof Completion, unknown>>> = given
  if (type !== 'ok' && type !== 'fail' && type !== 'info') {
    throw new TypeError(`a call ends with type ok, fail or info, not ${shown(type)}`)
  }
  if (revision !== undefined && !(Number.isSafeInteger(revision) && Number(revision) >= 0)) {
    throw new TypeError(`a revision is a whole number from 0 on, not ${shown(revision)}`)
  }
  if (error !== undefined && typeof error !== 'string') {
    throw new TypeError(`an error is told by its code, not by ${shown(error)}`)
  }
  return given
}

/** Gives the results of checks back, or throws: they are none. No result at all is `unknown`. */
export function checkedResults(given: readonly CheckResult[]): readonly CheckResult[] {
  const results: unknown = given
  if (!Array.isArray(results)) {
    throw new TypeError(`checks give a list of results, not ${shown(results)}`)
  }
  for (const result of results as readonly unknown[]) refuseWrong(result)
  if (given.length > 0) return given
  return [{ name: 'checks', verdict: 'unknown', text: 'the workload has judged nothing' }]
}

function refuseWrong(result: unknown): void {
  const { name, verdict, text, figures } = fieldsOf(result)
  if (typeof name !== 'string' || typeof text !== 'string') {
    throw new TypeError(`a result has a name and a text, not ${shown(result)}`)
  }
  if (verdict !== 'ok' && verdict !== 'violation' && verdict !== 'unknown') {
    throw new TypeError(`the verdict of ${name} is ok, violation or unknown, not ${shown(verdict)}`)
  }
  const wrong = Object.entries(fieldsOf(figures)).find(([, figure]) => !Number.isFinite(figure))
  if (wrong === undefined) return
  throw new TypeError(`the figure ${wrong[0]} of ${name} is a number, not ${shown(wrong[1])}`)
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

const shownCharactersMax = 60

function shown(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Infinity })
  return text.length <= shownCharactersMax ? text : `${text.slice(0, shownCharactersMax)}…`
}
