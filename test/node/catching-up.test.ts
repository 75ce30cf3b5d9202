/**
 * Goal: the log is kept for a follower that catches up behind its snapshot, and not for ever for one
 * that does not.
 * Method: rounds alone, over a log and a follower that are numbers.
 */
import { expect, test } from 'vitest'
import { CatchingUp } from '../../src/node/catching-up.ts'

function setUp() {
  const log = { lastIndex: 100, matchIndex: 90 as number | undefined }
  const catchingUp = new CatchingUp({
    matchIndexOf: () => log.matchIndex,
    lastIndex: () => log.lastIndex,
  })
  return { log, catchingUp }
}

test('a follower that is slow is owed the log for as long as it moves', () => {
  const { log, catchingUp } = setUp()
  catchingUp.add('n2', 5_000, 0)
  log.lastIndex = 1_000_000
  for (let minute = 1; minute < 60; minute++) {
    log.matchIndex = 90 + minute
    catchingUp.tick(minute * 50_000)
    expect(catchingUp.owedIndex).toBe(90 + minute)
    expect(catchingUp.owedBytes).toBe(5_000)
  }
})

test('one that takes nothing, as with a full disk, is owed nothing after a minute', () => {
  const { log, catchingUp } = setUp()
  log.lastIndex = 200
  catchingUp.add('n2', 5_000, 0)
  log.matchIndex = 95
  catchingUp.tick(10_000)
  catchingUp.tick(70_000)
  expect(catchingUp.owedIndex).toBe(95)
  catchingUp.tick(70_001)
  expect(catchingUp.owedIndex).toBe(Infinity)
  expect(catchingUp.owedBytes).toBe(0)
})
