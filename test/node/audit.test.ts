/**
 * Goal: the leader compares what members report, and nobody else can be in the way of it.
 * Method: the leader's side alone, with reports that are written down.
 */
import { expect, test } from 'vitest'
import { silentLogger } from '../../src/logger.ts'
import { Audit } from '../../src/node/audit.ts'
import { ManualClock } from '../suites/manual-clock.ts'
import { member } from './support/known-member.ts'

test('a node that is no member does not outbid the members', () => {
  const told: string[] = []
  const audit = new Audit({
    clock: new ManualClock(),
    random: { bytes: (length) => new Uint8Array(length), uint32: () => 0 },
    logger: silentLogger,
    self: 'n1',
    everyMs: 0,
    isLeader: () => true,
    leader: () => 'n1',
    members: () => [member('n1'), member('n2'), member('n3')],
    propose: () => ({ type: 'notLeader', leader: undefined }),
    stamp: () => 1,
    send: (to) => told.push(to) > 0,
    onDiffers: () => {},
    onUndecided: () => {},
  })
  const report = (from: string, index: number, rows: string): void => {
    const effects = 'e'.repeat(64)
    audit.onFrame(from, {
      type: 'stateDigest',
      index,
      effects,
      rows: rows.repeat(32),
      agreed: false,
    })
  }
  report('stranger', 2 ** 52, 'f')
  report('n1', 10, 'a')
  report('n2', 10, 'a')
  report('n3', 10, 'b')
  expect(told).toEqual(['n3'])
})
