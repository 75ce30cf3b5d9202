/**
 * The check of one history, from its events to a verdict.
 *
 * 1. The operations, and their groups of keys.
 * 2. Each group gets a short search, in the order in which they first occur: most need no more.
 * 3. What is left is hard: it is searched to the end, the hardest first, side by side where there
 *    are several cores (`crew.ts`).
 * 4. Histories of the store are checked by revision as well, and the two must agree.
 * 5. Of a violation, the group is explained in a pass of its own.
 *
 * The same history gets the same verdict and the same explanation on any number of cores, unless
 * time or memory run out: the group that is told of is the first one in the order above.
 */
import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { HistoryError, lineOf, nemesisProcess, operationsOf } from '../history/index.ts'
import type { HistoryEvent, Operation } from '../history/index.ts'
import { whyNoValue } from './canonical.ts'
import { compareWithRevisions, type Finding } from './agreement.ts'
import { judgeHard } from './crew.ts'
import { explain } from './explanation.ts'
import { judge, type Judgement } from './judge.ts'
import type { Exhausted } from './limits.ts'
import type { Model } from './model.ts'
import { guessModel, modelNames, modelOf } from './models/index.ts'
import { partition, type Partition } from './partition.ts'
import type { HistoryVerdict } from './verdict.ts'

/** How a history is to be checked. */
export interface CheckOptions {
  /** A name, or a model of your own. Default: the one whose calls the history holds. */
  readonly model?: string | Model<unknown>
  /** For the verdict, ms. Default: 300,000. */
  readonly timeMsMax?: number
  /** For what searches remember, in bytes. Default: 1 GiB. */
  readonly memoryBytesMax?: number
  /** Ms for the explanation of a violation; 0: none is wanted. Default: 10,000. */
  readonly explainMsMax?: number
  /** Threads for what is hard. Default: the cores. A model of your own is checked by one. */
  readonly threads?: number
  /** Ends it as `unknown`. */
  readonly signal?: AbortSignal
  /** What errors call the history. */
  readonly name?: string
}

export const defaultTimeMsMax = 300_000
export const defaultMemoryBytesMax = 1024 ** 3
const defaultExplainMsMax = 10_000
/** Steps of the first search of a group: some 50 ms. */
const easyStepsMax = 100_000
/** Between groups others have a turn after so long, ms: timers, and signals that interrupt it. */
const turnMs = 50

/**
 * Checks whether a history is linearizable. Rejects with `HistoryError` (code `QUORATE_USAGE`) where
 * the events are no history, or none of this model.
 *
 * @example
 * const { verdict, text } = await checkHistory(await readHistory('history.jsonl'))
 */
export async function checkHistory(
  events: readonly HistoryEvent[],
  options: CheckOptions = {},
): Promise<HistoryVerdict> {
  const began = performance.now()
  const name = options.name ?? 'history'
  const operations = operationsOf(events, name)
  // Before any model looks at the values.
  refuseValues(events, name)
  const model = chooseModel(operations, options.model, name)
  refuseStrangers(model, { events, operations, name })
  const groups = partition(model, operations)
  const limits: HardLimits = {
    deadline: began + (options.timeMsMax ?? defaultTimeMsMax),
    memoryBytesMax: options.memoryBytesMax ?? defaultMemoryBytesMax,
    signal: options.signal,
  }
  const threads = model === modelOf(model.name) ? (options.threads ?? availableParallelism()) : 1
  const searched = await searchAll(model, groups, { ...limits, threads })
  const found = compareWithRevisions(model, operations, searched)
  const explainMs = options.explainMsMax ?? defaultExplainMsMax
  const explanation =
    found.verdict !== 'not' || explainMs <= 0
      ? undefined
      : found.failed === undefined
        ? found.explanation
        : explain(model, found.failed, { ...limits, deadline: performance.now() + explainMs })
  return {
    model: model.name,
    verdict: found.verdict,
    text: found.verdict === 'not' ? (explanation?.text ?? found.text) : found.text,
    operations: groups.reduce((sum, group) => sum + group.operations.length, 0),
    partitions: groups.length,
    steps: searched.steps,
    seconds: (performance.now() - began) / 1_000,
    byRevision: found.byRevision,
    ...(explanation !== undefined && { explanation }),
  }
}

function chooseModel(
  operations: readonly Operation[],
  asked: CheckOptions['model'],
  name: string,
): Model<unknown> {
  if (typeof asked === 'object') return asked
  const names = modelNames().join(', ')
  if (asked !== undefined) {
    const model = modelOf(asked)
    if (model !== undefined) return model
    throw new HistoryError(`there is no model ${asked}; there are ${names}`)
  }
  const model = guessModel(operations)
  if (model !== undefined) return model
  throw new HistoryError(`${name}: its calls are those of no model that is known: ${names}`)
}

function refuseValues(events: readonly HistoryEvent[], name: string): void {
  for (const event of events) {
    const wrong = event.process === nemesisProcess ? undefined : whyNoValue(event.value)
    if (wrong !== undefined) throw new HistoryError(wrong, { file: name, line: lineOf(event) })
  }
}

interface History {
  readonly events: readonly HistoryEvent[]
  readonly operations: readonly Operation[]
  readonly name: string
}

function refuseStrangers(model: Model<unknown>, { events, operations, name }: History): void {
  for (const [at, operation] of operations.entries()) {
    const wrong = model.refuse(operation)
    if (wrong === undefined) continue
    // Operations stand in the order of their calls.
    const call = events.filter(isCall)[at]
    throw new HistoryError(wrong, call && { file: name, line: lineOf(call) })
  }
}

function isCall({ type, process }: HistoryEvent): boolean {
  return type === 'invoke' && process !== nemesisProcess
}

interface HardLimits {
  readonly deadline: number
  readonly memoryBytesMax: number
  readonly signal: AbortSignal | undefined
}

/** Judges the groups one after the other; the first that fails ends it. */
async function searchAll(
  model: Model<unknown>,
  groups: readonly Partition[],
  limits: HardLimits & { readonly threads: number },
): Promise<Finding & { readonly steps: number }> {
  let steps = 0
  const hard: Partition[] = []
  let turn = performance.now()
  for (const group of groups) {
    if (performance.now() - turn >= turnMs) {
      await setImmediate()
      turn = performance.now()
    }
    const judged = judge(model, group, { ...limits, stepsMax: easyStepsMax })
    steps += judged.steps
    if (judged.verdict === 'not') return { ...failing(group), steps }
    if (judged.verdict === 'unknown') hard.push(group)
  }
  hard.sort((a, b) => hardness(b) - hardness(a))
  const judged = await judgeHard(model, hard, limits)
  for (const judgement of judged) steps += judgement?.steps ?? 0
  return { ...sumUp(hard, judged), steps }
}

function sumUp(hard: readonly Partition[], judged: readonly (Judgement | undefined)[]): Finding {
  const at = judged.findIndex((judgement) => judgement?.verdict === 'not')
  const failed = hard[at]
  if (failed !== undefined) return failing(failed)
  for (const [at, judgement] of judged.entries()) {
    if (judgement?.verdict !== 'unknown') continue
    const text = `${reasons[judgement.exhausted]}, on ${nameOf(hard[at])}`
    return { verdict: 'unknown', text, failed: undefined }
  }
  return {
    verdict: 'linearizable',
    text: 'Every call has its place in one order.',
    failed: undefined,
  }
}

function failing(failed: Partition): Finding {
  return { verdict: 'not', text: `no order fits, on ${nameOf(failed)}`, failed }
}

const reasons: Readonly<Record<Exhausted, string>> = {
  time: 'the time did not suffice',
  memory: 'the memory did not suffice',
  steps: 'the steps did not suffice',
  aborted: 'it was interrupted',
}

function nameOf(group: Partition | undefined): string {
  const keys = group?.keys.filter((key) => key !== '') ?? []
  return keys.length === 0
    ? 'the whole history'
    : `key ${keys.map((key) => JSON.stringify(key)).join(', ')}`
}

/** Open calls are what a search grows with; then the number of calls. */
function hardness({ operations }: Partition): number {
  const open = operations.filter(({ outcome }) => outcome === 'info').length
  return operations.length * (1 + open)
}
