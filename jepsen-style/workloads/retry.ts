/** Repeats what had no effect, or may have one more without harm. */
import { QuorateError } from 'quorate'

/**
 * Makes a call again where the cluster could not serve it, so often in all. For reads, and for
 * writes that come to the same if they are made twice.
 */
export async function repeated<T>(times: number, call: () => Promise<T>): Promise<T> {
  for (let left = times; ; left--) {
    try {
      return await call()
    } catch (error) {
      if (left <= 1 || !(error instanceof QuorateError) || !error.retryable) throw error
    }
  }
}
