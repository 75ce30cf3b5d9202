/** Sets of whole numbers as runs `[first, last]`: a thousand elements in a row take one pair. */
import { listOf, wholeOf } from './parse.ts'

/** First and last of numbers without a gap. */
export type Run = readonly [number, number]

/** More elements than this no list of a history has. */
const elementsMax = 10_000_000

/** The runs of numbers, in their order; a number that is there twice is in two runs. */
export function toRuns(numbers: readonly number[]): Run[] {
  const runs: Run[] = []
  let run: [number, number] | undefined
  for (const number of numbers) {
    if (run !== undefined && number === run[1] + 1) {
      run[1] = number
    } else {
      run = [number, number]
      runs.push(run)
    }
  }
  return runs
}

/** The numbers of runs; undefined: they are no runs. */
export function fromRuns(value: unknown): readonly number[] | undefined {
  const runs = listOf(value, runOf)
  if (runs === undefined) return undefined
  const count = runs.reduce((sum, [first, last]) => sum + last - first + 1, 0)
  if (count > elementsMax) return undefined
  const numbers: number[] = []
  for (const [first, last] of runs) for (let n = first; n <= last; n++) numbers.push(n)
  return numbers
}

function runOf(value: unknown): Run | undefined {
  const [first, last, ...more] = listOf(value, wholeOf) ?? []
  if (first === undefined || last === undefined || more.length > 0) return undefined
  return first <= last ? [first, last] : undefined
}
