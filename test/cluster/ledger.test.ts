// Goal: the demo's yardstick notices what must never happen. Method: answers that a broken store
// would give.
import { expect, test } from 'vitest'
import { Ledger } from '../../src/cluster/demo/ledger.ts'
import type { RecordPutOptions, RecordWriter } from '../../src/collector/index.ts'

const options: RecordPutOptions = { timeout: 1, signal: new AbortController().signal }
type Answer = Awaited<ReturnType<RecordWriter['put']>>

async function ledgerOf(answers: readonly (readonly [string, Answer])[]): Promise<Ledger> {
  const ledger = new Ledger()
  for (const [key, answer] of answers) {
    const writer = ledger.witness({ put: async () => answer, close: async () => {} })
    await writer.put(key, new Uint8Array([1]), options)
  }
  return ledger
}

test('a record with its duplicates is in order', async () => {
  const ledger = await ledgerOf([
    ['a', { verdict: 'duplicate', revision: 1 }],
    ['a', { verdict: 'applied', revision: 1 }],
    ['a', { verdict: 'mismatch', revision: 1 }],
  ])
  expect(ledger.disputed()).toEqual([])
  expect(ledger.appliedTwice).toEqual([])
  expect([...ledger.applied.keys()]).toEqual(['a'])
  expect(ledger.acknowledgements).toBe(3)
})

test('a second effect is noticed', async () => {
  const ledger = await ledgerOf([
    ['a', { verdict: 'applied', revision: 1 }],
    ['a', { verdict: 'applied', revision: 2 }],
  ])
  expect(ledger.appliedTwice).toEqual(['a'])
})

test('a duplicate of nothing, or of another revision, is disputed', async () => {
  const ledger = await ledgerOf([
    ['a', { verdict: 'duplicate', revision: 7 }],
    ['b', { verdict: 'applied', revision: 1 }],
    ['b', { verdict: 'duplicate', revision: 2 }],
  ])
  expect(ledger.disputed()).toEqual(['a', 'b'])
})

test('a failed write is no longer in flight', async () => {
  const ledger = new Ledger()
  const put = async (): Promise<never> => {
    expect(ledger.inFlight).toBe(1)
    throw new Error('no')
  }
  const writer = ledger.witness({ put, close: async () => {} })
  await expect(writer.put('a', new Uint8Array(1), options)).rejects.toThrow('no')
  expect(ledger.inFlight).toBe(0)
  expect(ledger.acknowledgements).toBe(0)
})
