/** Many puts, each a call of its own with its own verdict: nothing is atomic about them. */
import { QuorateError } from '../errors.ts'
import type { PutManyResult, WriteResult } from './types.ts'

/** So many of one `putMany` are under way at once. */
export const putManyFlightMax = 1024

/**
 * Puts all records, a bounded number at a time; the results stand in the records' order. `room`:
 * how many more calls the client takes; without room it waits for its own to end.
 */
export function putMany<T>(
  records: readonly T[],
  room: () => number,
  put: (record: T | undefined) => Promise<WriteResult>,
): Promise<PutManyResult[]> {
  return new Promise((resolve, reject) => {
    const results: PutManyResult[] = []
    let begun = 0
    let ended = 0
    const settle = (i: number, result: PutManyResult): void => {
      results[i] = result
      ended++
      pump()
    }
    const pump = (): void => {
      if (ended === records.length) return resolve(results)
      while (begun < records.length && begun - ended < putManyFlightMax) {
        if (begun > ended && room() <= 0) return
        const i = begun++
        put(records[i]).then(
          (result) => settle(i, result),
          (error: unknown) => {
            if (error instanceof QuorateError) settle(i, { error })
            else reject(error instanceof Error ? error : new Error('a put threw', { cause: error }))
          },
        )
      }
    }
    pump()
  })
}
