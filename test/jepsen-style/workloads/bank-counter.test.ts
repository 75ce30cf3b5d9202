/** Transfers and increments by hand. */
import { describe, expect, test } from 'vitest'
import {
  bankAccounts,
  checkLedger,
  checkTotals,
} from '../../../jepsen-style/workloads/bank-check.ts'
import { checkCounters } from '../../../jepsen-style/workloads/counter-check.ts'
import { made, type MadeHistory } from './make-history.ts'

/** Balances after these changes. */
function balances(...changes: readonly (readonly [number, number])[]): number[] {
  const all = Array.from({ length: bankAccounts.count }, () => bankAccounts.balance as number)
  for (const [account, by] of changes) all[account] = (all[account] ?? 0) + by
  return all
}

describe('bank', () => {
  const transfer = (history: MadeHistory, id: number, type: 'ok' | 'info' | 'fail') =>
    history.call('transfer', { value: { id, from: 0, to: 1, amount: 5 } }, type, {}, id)
  const audit = (history: MadeHistory, value: object) =>
    history.call('audit', {}, 'ok', { value }, 99)

  test('reads that sum to the total are well, others are torn', () => {
    const read = (value: unknown) => made().call('read', {}, 'ok', { value: { balances: value } })
    expect(checkTotals(read(balances([0, -5], [1, 5])).operations).verdict).toBe('ok')
    expect(checkTotals(read(balances([0, -5])).operations).verdict).toBe('violation')
    expect(checkTotals(read(balances([0, -101], [1, 101])).operations).verdict).toBe('violation')
    expect(checkTotals(read(balances().slice(1)).operations).verdict).toBe('violation')
    expect(checkTotals(read([...balances().slice(1), null]).operations).verdict).toBe('violation')
    expect(checkTotals(made().operations).verdict).toBe('unknown')
  })

  test('the ledger holds what was acknowledged, and of the unknown ones any', () => {
    const history = made()
    transfer(history, 0, 'ok')
    transfer(history, 1, 'info')
    transfer(history, 2, 'info')
    transfer(history, 3, 'fail')
    audit(history, {
      balances: balances([0, -10], [1, 10]),
      ledger: [
        [0, 0],
        [2, 2],
      ],
    })
    expect(checkLedger(history.operations)).toMatchObject({
      verdict: 'ok',
      figures: { acknowledged: 1, lost: 0, unknown: 2 },
    })
  })

  test.each([
    ['an acknowledged one is lost', { balances: balances(), ledger: [] }],
    ['one took effect twice', { balances: balances([0, -10], [1, 10]), ledger: [[0, 0]] }],
    ['one had half an effect', { balances: balances([0, -5]), ledger: [[0, 0]] }],
    ['one that failed is there', { balances: balances([0, -10], [1, 10]), ledger: [[0, 1]] }],
    [
      'one that nobody made is there',
      {
        balances: balances([0, -5], [1, 5]),
        ledger: [
          [0, 0],
          [7, 7],
        ],
      },
    ],
  ])('%s', (_what, found) => {
    const history = made()
    transfer(history, 0, 'ok')
    transfer(history, 1, 'fail')
    audit(history, found)
    expect(checkLedger(history.operations).verdict).toBe('violation')
  })

  test('without an audit nobody knows', () => {
    const history = made()
    transfer(history, 0, 'ok')
    expect(checkLedger(history.operations).verdict).toBe('unknown')
  })
})

describe('counter', () => {
  const key = 'c0'
  const add = (history: MadeHistory, count: number, process = 0) =>
    history.call('add', { key }, 'ok', { value: { count }, revision: count }, process)
  const open = (history: MadeHistory, token: string, process: number) =>
    history.call('add', { key }, 'info', { value: { token } }, process)
  const read = (history: MadeHistory, value: number) =>
    history.call('read', { key }, 'ok', { value }, 9)
  const settle = (history: MadeHistory, token: string, status: string) =>
    history.call('settle', { key, value: { token } }, 'ok', { value: { token, status } }, 9)
  const verdict = (history: MadeHistory) => checkCounters(history.operations).verdict

  test('it ends at its acknowledged increments', () => {
    const history = made()
    add(history, 1)
    add(history, 2)
    read(history, 2)
    expect(checkCounters(history.operations)).toMatchObject({
      verdict: 'ok',
      figures: { acknowledged: 2, lost: 0, doubled: 0 },
    })
  })

  test('a lost increment, and a doubled one', () => {
    for (const [end, figures] of [
      [1, { lost: 1 }],
      [3, { doubled: 1 }],
    ] as const) {
      const history = made()
      add(history, 1)
      add(history, 2)
      read(history, end)
      expect(checkCounters(history.operations)).toMatchObject({ verdict: 'violation', figures })
    }
  })

  test('two increments that made the same number', () => {
    const history = made()
    add(history, 1, 0)
    add(history, 1, 1)
    read(history, 2)
    expect(verdict(history)).toBe('violation')
  })

  test('an unknown increment may count or not, unless its token tells', () => {
    const both = [
      [undefined, 1, 'ok'],
      [undefined, 2, 'ok'],
      ['recorded', 2, 'ok'],
      ['recorded', 1, 'violation'],
      ['absent', 1, 'ok'],
      ['absent', 2, 'violation'],
      ['expired', 2, 'ok'],
    ] as const
    for (const [status, end, expected] of both) {
      const history = made()
      open(history, 't', 1)
      add(history, end === 2 ? 2 : 1)
      if (status !== undefined) settle(history, 't', status)
      read(history, end)
      expect([status, end, verdict(history)]).toEqual([status, end, expected])
    }
  })

  test('a read below what was acknowledged, above what was begun, or going back', () => {
    const below = made()
    add(below, 1)
    read(below, 0)
    add(below, 2)
    read(below, 2)
    expect(verdict(below)).toBe('violation')

    const above = made()
    add(above, 1)
    read(above, 2)
    add(above, 2)
    read(above, 2)
    expect(verdict(above)).toBe('violation')

    const back = made()
    open(back, 't', 1)
    read(back, 1)
    read(back, 0)
    read(back, 1)
    expect(verdict(back)).toBe('violation')
  })

  test('a repeat that is told of another payload, and a counter that is never read', () => {
    const mismatch = made()
    mismatch.call('add', { key }, 'info', { error: 'QUORATE_MISMATCH' })
    read(mismatch, 0)
    expect(verdict(mismatch)).toBe('violation')

    const unread = made()
    add(unread, 1)
    expect(verdict(unread)).toBe('unknown')
  })
})
