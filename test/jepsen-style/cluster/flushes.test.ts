/**
 * Goal: what the harness and a process write to each other about slow flushes is read right where it
 * is right, and counts for nothing where it is not. That real flushes are slow is shown end to end.
 * Method: samples, and each with one thing wrong.
 */
import { open, type FileHandle } from 'node:fs/promises'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { OrderedFlushes } from '../../../jepsen-style/cluster/flushes/node-flushes.ts'
import { parseDelays, parseFlushAnswer } from '../../../jepsen-style/cluster/flushes/order.ts'
import { answerSuffix } from '../../../jepsen-style/cluster/orders/follow.ts'
import { obedientEnvironment } from '../../../jepsen-style/cluster/orders/order-file.ts'

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-flushes-'))
  path = join(directory, 'n1.flushes')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('written and read back; an answer counts for the last order alone', () => {
  const flushes = new OrderedFlushes(path)
  flushes.slow([9])
  flushes.slow([1, 2])
  expect(parseDelays(readFileSync(path, 'utf8'))).toEqual({ number: 2, order: [1, 2] })
  const told = { pid: 4_711, flushes: 7, delayedMs: 10 }
  for (const [number, answer] of [
    [1, undefined],
    [2, told],
  ] as const) {
    writeFileSync(`${path}${answerSuffix}`, JSON.stringify({ number, ...told }))
    expect(flushes.answer()).toEqual(answer)
  }
})

test.each([
  null,
  {},
  { number: 1 },
  { order: [] },
  { number: 1, order: {} },
  { number: 1, order: [-1] },
  { number: 1, order: ['1'] },
])('%j is no order', (value) => {
  expect(parseDelays(JSON.stringify(value))).toBeUndefined()
})

test.each(['number', 'pid', 'flushes', 'delayedMs'])('without %s it is no answer', (name) => {
  const whole = { number: 1, pid: 2, flushes: 3, delayedMs: 4 }
  expect(parseFlushAnswer(JSON.stringify(whole))).toEqual(whole)
  expect(parseFlushAnswer(JSON.stringify({ ...whole, [name]: undefined }))).toBeUndefined()
  expect(parseFlushAnswer(JSON.stringify({ ...whole, [name]: '1' }))).toBeUndefined()
})

test('the environment of a process has every module and every file, and what it had before', () => {
  const parts = ['a', 'b'].map((name) => ({
    module: name,
    variable: `V_${name}`,
    path: `/${name}`,
  }))
  const environment = obedientEnvironment(parts, '--no-warnings')
  expect(environment).toMatchObject({ V_a: '/a', V_b: '/b' })
  expect(environment['NODE_OPTIONS']).toMatch(
    /^--no-warnings --import=file:\S+\/a\.js --import=file:\S+\/b\.js$/,
  )
  expect(obedientEnvironment([])).toEqual({ NODE_OPTIONS: '' })
})

test('a process that is given no file of orders flushes as ever, though it loads the module', async () => {
  const handle = await open(path, 'w')
  try {
    const methods = Object.getPrototypeOf(handle) as FileHandle
    const { sync, datasync } = Object.getOwnPropertyDescriptors(methods)
    await import('../../../jepsen-style/cluster/flushes/slow.ts')
    expect(Object.getOwnPropertyDescriptors(methods)).toMatchObject({ sync, datasync })
  } finally {
    await handle.close()
  }
})
