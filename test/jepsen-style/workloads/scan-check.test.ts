/** Scans by hand: each must be the state at its revision. */
import { expect, test } from 'vitest'
import { checkSnapshots } from '../../../jepsen-style/workloads/scan-check.ts'
import { made, type MadeHistory, type Rest } from './make-history.ts'

type Row = readonly [key: number, id: number | null, revision: number]

const put = (
  history: MadeHistory,
  key: number,
  id: number,
  told: Rest & { type?: 'info' | 'fail' },
) => history.call('put', { value: { changes: [{ key, id }] } }, told.type ?? 'ok', told, id)
const remove = (history: MadeHistory, key: number, type: 'ok' | 'info', told: Rest = {}) =>
  history.call('delete', { value: { changes: [{ key, id: null }] } }, type, told, 50)
const scan = (history: MadeHistory, revision: number, rows: readonly Row[], range: object = {}) =>
  history.call(
    'scan',
    { value: { from: 0, to: 10, final: true, ...range } },
    'ok',
    {
      value: { rows, pins: [revision] },
      revision,
    },
    60,
  )
const verdict = (history: MadeHistory) => checkSnapshots(history.operations).verdict

/** Key 1 at revision 1, key 2 at 2, and again at 3; key 4 by a batch with key 5 at 4. */
function written(): MadeHistory {
  const history = made()
  put(history, 1, 1, { revision: 1 })
  put(history, 2, 2, { revision: 2 })
  put(history, 2, 3, { revision: 3 })
  const changes = [
    { key: 4, id: 4 },
    { key: 5, id: 5 },
  ]
  return history.call('batch', { value: { changes } }, 'ok', { revision: 4 }, 9)
}

const whole: readonly Row[] = [
  [1, 1, 1],
  [2, 3, 3],
  [4, 4, 4],
  [5, 5, 4],
]

test('scans of every kind that are the state at their revision are well', () => {
  const history = written()
  scan(history, 2, [
    [1, 1, 1],
    [2, 2, 2],
  ])
  scan(history, 4, whole)
  scan(history, 4, whole.toReversed(), { reverse: true })
  scan(
    history,
    4,
    [
      [5, 5, 4],
      [4, 4, 4],
    ],
    { reverse: true, limit: 2 },
  )
  scan(history, 4, [[2, 3, 3]], { from: 2, to: 4 })
  scan(
    history,
    4,
    [
      [1, null, 1],
      [2, null, 3],
      [4, null, 4],
      [5, null, 4],
    ],
    { keysOnly: true },
  )
  expect(checkSnapshots(history.operations)).toMatchObject({
    verdict: 'ok',
    figures: { scans: 6, acknowledged: 4, lost: 0 },
  })
})

const wrong: readonly [string, number, readonly Row[], object?][] = [
  [
    'mixes revisions: an old row',
    4,
    [
      [1, 1, 1],
      [2, 2, 2],
      [4, 4, 4],
      [5, 5, 4],
    ],
  ],
  ['mixes revisions: a later row', 3, whole],
  [
    'has half a batch',
    4,
    [
      [1, 1, 1],
      [2, 3, 3],
      [4, 4, 4],
    ],
  ],
  [
    'misses a row',
    4,
    [
      [2, 3, 3],
      [4, 4, 4],
      [5, 5, 4],
    ],
  ],
  ['misses a row within its limit', 4, [[2, 3, 3]], { limit: 1 }],
  ['shows a row twice', 4, [[1, 1, 1], [1, 1, 1], ...whole.slice(1)]],
  ['has another order', 4, whole.toReversed()],
  ['has the order of the other direction', 4, whole, { reverse: true }],
  ['leaves its bounds', 4, whole, { from: 2 }],
  ['is over its limit', 4, whole, { limit: 3 }],
  ['shows a value nobody wrote', 4, [[1, 77, 1], ...whole.slice(1)]],
  ['shows a value under another key', 4, [...whole, [6, 1, 1]]],
  ['shows a row of another revision', 5, [[1, 1, 5], ...whole.slice(1)]],
  [
    'shows keys of a revision nobody had',
    4,
    [
      [1, null, 0],
      [2, null, 3],
      [4, null, 4],
      [5, null, 4],
    ],
    { keysOnly: true },
  ],
]

test.each(wrong)('a scan that %s is a violation', (_what, revision, rows, range) => {
  const history = written()
  scan(history, revision, rows, range)
  expect(verdict(history)).toBe('violation')
})

test('a scan that was read at two revisions is a violation', () => {
  const history = written()
  const value = { rows: whole, pins: [4, 5] }
  history.call(
    'scan',
    { value: { from: 0, to: 10, final: true } },
    'ok',
    { value, revision: 4 },
    60,
  )
  expect(verdict(history)).toBe('violation')
})

test('a write of unknown fate may be there or not, from one revision on', () => {
  const history = made()
  put(history, 3, 9, { revision: 1 })
  put(history, 1, 1, { type: 'info', error: 'QUORATE_TIMEOUT' })
  scan(history, 1, [[3, 9, 1]])
  scan(history, 2, [
    [1, 1, 2],
    [3, 9, 1],
  ])
  expect(verdict(history)).toBe('ok')
  scan(history, 3, [[3, 9, 1]])
  expect(verdict(history)).toBe('violation')
})

test('an unknown delete excuses a missing row, a failed write no row at all', () => {
  const deleted = made()
  put(deleted, 1, 1, { revision: 1 })
  remove(deleted, 1, 'info')
  scan(deleted, 2, [])
  expect(checkSnapshots(deleted.operations)).toMatchObject({ verdict: 'ok', figures: { lost: 0 } })

  const failed = made()
  put(failed, 1, 1, { type: 'fail', error: 'QUORATE_OVERLOADED' })
  scan(failed, 1, [[1, 1, 1]])
  expect(verdict(failed)).toBe('violation')
})

test('an unknown delete excuses no row that is there again', () => {
  const history = made()
  remove(history, 1, 'info')
  put(history, 1, 1, { revision: 2 })
  scan(history, 3, [])
  expect(verdict(history)).toBe('ok')
  scan(history, 4, [[1, 1, 2]])
  expect(verdict(history)).toBe('violation')
})

test('an unknown delete excuses one row, and two of them two', () => {
  const gone = (deletes: number): MadeHistory => {
    const history = made()
    for (let i = 0; i < deletes; i++) remove(history, 1, 'info')
    put(history, 1, 1, { revision: 1 })
    scan(history, 2, [])
    scan(history, 3, [])
    put(history, 1, 2, { revision: 4 })
    scan(history, 5, [])
    return history
  }
  expect(verdict(gone(2))).toBe('ok')
  expect(verdict(gone(1))).toBe('violation')

  // The second one had not begun when the second row was found to be gone.
  const late = gone(1)
  remove(late, 1, 'info')
  scan(late, 6, [])
  expect(verdict(late)).toBe('violation')
})

test('a delete that found nothing is held to it', () => {
  const right = made()
  remove(right, 1, 'ok', { value: { existed: false }, revision: 0 })
  put(right, 1, 1, { revision: 1 })
  scan(right, 1, [[1, 1, 1]])
  expect(verdict(right)).toBe('ok')

  const history = made()
  put(history, 1, 1, { revision: 1 })
  remove(history, 1, 'ok', { value: { existed: false }, revision: 1 })
  scan(history, 1, [[1, 1, 1]])
  expect(verdict(history)).toBe('violation')
})

test('what the last scan misses is lost; without one nobody knows', () => {
  const history = written()
  expect(verdict(history)).toBe('unknown')
  scan(history, 9, [
    [1, 1, 1],
    [2, 2, 2],
  ])
  expect(checkSnapshots(history.operations)).toMatchObject({
    verdict: 'violation',
    figures: { acknowledged: 4, lost: 3 },
  })
})
