/** Appends by hand, for the check without a search and for the checker with its model. */
import { expect, test } from 'vitest'
import { checkAppends } from '../../../jepsen-style/workloads/append-order.ts'
import { checkLinearizable } from '../../../jepsen-style/workloads/linearizability.ts'
import { made, type MadeHistory } from './make-history.ts'

const key = 'a0'
const append = (
  history: MadeHistory,
  value: string,
  type: 'ok' | 'info' | 'fail' = 'ok',
  process = 0,
) => history.call('append', { key, value }, type, {}, process)
const get = (history: MadeHistory, value: string) =>
  history.call('get', { key }, 'ok', { value }, 9)

/** What both say. */
async function verdictsOf(history: MadeHistory): Promise<readonly string[]> {
  const searched = await checkLinearizable(history.events, 'kv-append')
  return [checkAppends(history.operations).verdict, searched.verdict]
}

test('appends that stand in order are well', async () => {
  const history = made()
  append(history, '1;')
  append(history, '2;')
  get(history, '1;2;')
  expect(await verdictsOf(history)).toEqual(['ok', 'ok'])
  expect(checkAppends(history.operations).figures).toMatchObject({ acknowledged: 2, lost: 0 })
})

const wrong: readonly [string, (history: MadeHistory) => void][] = [
  [
    'an acknowledged append is lost',
    (history) => {
      append(history, '1;')
      append(history, '2;')
      get(history, '1;')
    },
  ],
  [
    'an append is there twice',
    (history) => {
      append(history, '1;')
      get(history, '1;1;')
    },
  ],
  [
    'reads disagree about the order',
    (history) => {
      append(history, '1;', 'info', 1)
      append(history, '2;', 'info', 2)
      get(history, '1;2;')
      get(history, '2;1;')
    },
  ],
  [
    'a read is stale',
    (history) => {
      append(history, '1;')
      get(history, '1;')
      get(history, '')
      get(history, '1;')
    },
  ],
  [
    'the order is not that of time',
    (history) => {
      append(history, '1;')
      append(history, '2;')
      get(history, '2;1;')
    },
  ],
  [
    'an append that had failed is there',
    (history) => {
      append(history, '1;', 'fail')
      get(history, '1;')
    },
  ],
  [
    'a read shows what comes later',
    (history) => {
      get(history, '1;')
      append(history, '1;')
      get(history, '1;')
    },
  ],
  [
    'a read shows what comes later before what had begun',
    (history) => {
      history.event(1, 'invoke', 'append', { key, value: '2;' })
      get(history, '1;2;')
      append(history, '1;')
      history.event(1, 'ok', 'append', { key, value: '2;' })
      get(history, '1;2;')
    },
  ],
  [
    'what nobody appended stands before an append',
    (history) => {
      append(history, '1;')
      get(history, '8;1;')
    },
  ],
  [
    'a read shows what nobody appended',
    (history) => {
      get(history, '8;')
    },
  ],
]

test.each(wrong)('%s: both checks say so', async (_what, make) => {
  const history = made()
  make(history)
  expect(await verdictsOf(history)).toEqual(['violation', 'violation'])
})

test('an append of unknown fate may be there or not', async () => {
  const history = made()
  append(history, '1;', 'info', 1)
  append(history, '2;', 'info', 2)
  append(history, '3;', 'ok', 3)
  get(history, '3;')
  get(history, '3;2;')
  expect(await verdictsOf(history)).toEqual(['ok', 'ok'])
})

test('what was acknowledged and never read is in doubt', () => {
  const history = made()
  append(history, '1;')
  expect(checkAppends(history.operations)).toMatchObject({
    verdict: 'unknown',
    figures: { unread: 1 },
  })
})
