// Goal: a thread that ends without an answer makes the verdict unknown or an error, and never a pass.
// Method: events as `worker_threads` documents them, without a thread.
import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { answerOf } from '../../../jepsen-style/check/crew.ts'

function ends(event: string, ...told: readonly unknown[]): ReturnType<typeof answerOf> {
  const worker = new EventEmitter()
  const answer = answerOf(worker)
  worker.emit(event, ...told)
  worker.emit('exit', 1)
  return answer
}

test('a thread that has no memory left does not know', async () => {
  const full = Object.assign(new Error('heap'), { code: 'ERR_WORKER_OUT_OF_MEMORY' })
  expect(await ends('error', full)).toMatchObject({ verdict: 'unknown', exhausted: 'memory' })
})

test('one that fails, fails the check', async () => {
  await expect(ends('error', new Error('the checker is at fault'))).rejects.toThrow('at fault')
})

test('one that was stopped has no answer', async () => {
  expect(await ends('exit', 1)).toBeUndefined()
})

test('the answer is what it said', async () => {
  const judged = { verdict: 'not', steps: 7 } as const
  expect(await ends('message', judged)).toEqual(judged)
})
