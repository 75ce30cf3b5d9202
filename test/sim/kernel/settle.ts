/** For tests of the simulation's own parts: a promise that needs virtual time to pass. */
import type { Kernel } from './kernel.ts'

/** Longer than anything that a test waits for, ms. */
const patienceMs = 600_000

/** Lets virtual time pass until the promise settles. */
export function settle<T>(kernel: Kernel, promise: Promise<T>): Promise<T> {
  let settled = false
  const mark = (): void => {
    settled = true
  }
  promise.then(mark, mark)
  return new Promise((resolve, reject) => {
    // Not from within a promise's callback, where promise chains could not go on.
    setImmediate(() => {
      const end = kernel.now + patienceMs
      if (kernel.runUntil(() => settled, end)) resolve(promise)
      else reject(kernel.crash?.error ?? new Error(`not settled after ${patienceMs} virtual ms`))
    })
  })
}
