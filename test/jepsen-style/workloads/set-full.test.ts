/** The analysis of sets on histories by hand: each fault is told by its name, doubt is no fault. */
import { expect, test } from 'vitest'
import { checkSet } from '../../../jepsen-style/workloads/set-full.ts'
import { made, type MadeHistory } from './make-history.ts'

const key = 's0'
const add = (
  history: MadeHistory,
  value: number,
  type: 'ok' | 'info' | 'fail' = 'ok',
  process = 0,
) => history.call('add', { key, value }, type, {}, process)
const read = (history: MadeHistory, ...elements: number[]) =>
  history.call('read', { key }, 'ok', { value: elements.map((each) => [each, each]) }, 9)

test('elements that every later read shows are well', () => {
  const history = made()
  add(history, 1)
  read(history, 1)
  add(history, 2)
  read(history, 1, 2)
  expect(checkSet(history.operations)).toMatchObject({
    verdict: 'ok',
    figures: { acknowledged: 2, lost: 0, stale: 0, unread: 0 },
  })
})

test('an acknowledged element that the last read misses is lost', () => {
  const history = made()
  add(history, 1)
  add(history, 2)
  read(history, 2)
  const result = checkSet(history.operations)
  expect(result).toMatchObject({ verdict: 'violation', key, figures: { lost: 1, stale: 0 } })
  expect(result.events).toEqual([0, 1, 4, 5])
})

test('an element that is back later was stale', () => {
  const history = made()
  add(history, 1)
  read(history)
  read(history, 1)
  expect(checkSet(history.operations)).toMatchObject({
    verdict: 'violation',
    figures: { lost: 0, stale: 1 },
  })
})

test('an element of unknown fate may be there or not, but not come and go', () => {
  const absent = made()
  add(absent, 0)
  add(absent, 1, 'info')
  read(absent, 0)
  expect(checkSet(absent.operations).verdict).toBe('ok')
  read(absent, 0, 1)
  expect(checkSet(absent.operations).verdict).toBe('ok')
  read(absent, 0)
  expect(checkSet(absent.operations).verdict).toBe('violation')
})

test('an element whose add had failed, was never made, or comes later, is a violation', () => {
  const failed = made()
  add(failed, 1, 'fail')
  read(failed, 1)
  expect(checkSet(failed.operations).verdict).toBe('violation')

  const nobody = made()
  read(nobody, 7)
  expect(checkSet(nobody.operations).verdict).toBe('violation')

  const early = made()
  read(early, 1)
  add(early, 1)
  expect(checkSet(early.operations).verdict).toBe('violation')
})

test('two concurrent reads of which neither holds the other are a violation', () => {
  const history = made()
  history.event(0, 'invoke', 'add', { key, value: 1 })
  history.event(1, 'invoke', 'add', { key, value: 2 })
  history.event(2, 'invoke', 'read', { key })
  history.event(3, 'invoke', 'read', { key })
  history.event(2, 'ok', 'read', { key, value: [[1, 1]] })
  history.event(3, 'ok', 'read', { key, value: [[2, 2]] })
  expect(checkSet(history.operations).verdict).toBe('violation')
})

test('an element that is shown twice, or out of order, is a violation', () => {
  for (const value of [
    [
      [1, 1],
      [1, 1],
    ],
    [
      [2, 2],
      [1, 1],
    ],
    [[2, 1]],
    'text',
  ]) {
    const history = made()
    add(history, 1)
    add(history, 2)
    history.call('read', { key }, 'ok', { value }, 9)
    expect(checkSet(history.operations).verdict).toBe('violation')
  }
})

test('what was acknowledged and never read is in doubt', () => {
  const history = made()
  add(history, 1)
  expect(checkSet(history.operations)).toMatchObject({ verdict: 'unknown', figures: { unread: 1 } })
})

test('of an add of several, some may be acknowledged while another is unknown', () => {
  const history = made()
  history.call('add-many', { key, value: [1, 2, 3] }, 'info', { value: { added: [1, 3] } })
  read(history, 1)
  expect(checkSet(history.operations)).toMatchObject({
    verdict: 'violation',
    figures: { acknowledged: 2, lost: 1 },
  })
})
