/**
 * Goal: one request cannot make the node hold more than one answer's worth of values.
 * Method: a request handler over a real state machine; the rows that it reads are counted.
 */
import { describe, expect, test } from 'vitest'
import { defaultLimits } from '../../src/command/index.ts'
import { Digesting } from '../../src/node/digests.ts'
import { defaultProposalLimits, Proposals } from '../../src/node/proposals.ts'
import { Reads } from '../../src/node/reads.ts'
import { wireError } from '../../src/node/replies.ts'
import { RequestHandler } from '../../src/node/requests.ts'
import { Scans } from '../../src/node/scans.ts'
import type { Reply } from '../../src/transport/index.ts'
import { b, Driver, openMachine, put } from '../state/support.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'

const notLeader = () => wireError('QUORATE_NOT_LEADER', 'not the leader')

async function handling() {
  const state = await openMachine(await new MemoryDatabase().open())
  const driver = new Driver(state, 1_767_225_600_000)
  driver.write(put('large', 'x'.repeat(1_000_000)))
  driver.write(put('small', 'x'))
  const failures: unknown[] = []
  const replies: Reply[] = []
  const handler = new RequestHandler({
    limits: defaultLimits,
    state,
    proposals: new Proposals({
      limits: defaultProposalLimits,
      propose: () => ({ type: 'notLeader', leader: undefined }),
      stamp: () => 1,
      notLeader,
    }),
    reads: new Reads({
      clock: { monotonic: () => 0, soon: () => {} },
      waitingMax: 10,
      readIndex: () => ({ type: 'noLeader' }),
      appliedIndex: () => state.appliedIndex,
      isReadable: () => true,
    }),
    scans: new Scans(() => 0),
    digests: new Digesting(state, (error) => failures.push(error)),
    operate: () => undefined,
    refusal: () => undefined,
    now: () => 0,
    isLeader: () => false,
    notLeader,
    status: () => {
      throw new Error('nobody asks for it here')
    },
    onFailure: (error) => failures.push(error),
  })
  let reads = 0
  const { reader } = state
  const get = reader.get.bind(reader)
  reader.get = (key) => {
    reads++
    return get(key)
  }
  const ask = (keys: readonly string[], isOpen = true): void => {
    const request = {
      id: 1,
      timeoutMs: 1_000,
      kind: 'get' as const,
      keys: keys.map(b),
      consistency: 'stale' as const,
    }
    const reply = (reply: Reply): void => void replies.push(reply)
    const session = { waitingBytes: 0, isOpen, reply }
    handler.handle([{ session, request }])
  }
  return { ask, replies, failures, reads: () => reads }
}

describe('many keys in one request', () => {
  test('are answered as long as a frame holds their values', async () => {
    const node = await handling()
    node.ask(['large', 'small', 'absent', ...Array.from({ length: 7 }, () => 'large')])
    expect(node.replies).toMatchObject([{ id: 1, kind: 'rows' }])
    node.ask(Array.from({ length: 16_384 }, () => 'small'))
    expect(node.replies[1]?.kind).toBe('rows')
  })

  test('beyond that they are refused before the values pile up, and the node goes on', async () => {
    const node = await handling()
    node.ask(Array.from({ length: 16_384 }, () => 'large'))
    expect(node.replies).toMatchObject([
      { kind: 'error', error: { code: 'QUORATE_TOO_LARGE', outcome: 'not-applied' } },
    ])
    expect(node.reads()).toBeLessThan(12)
    expect(node.failures).toEqual([])
  })
})

test('nothing is read for a client that is gone', async () => {
  const node = await handling()
  node.ask(['small'], false)
  expect([node.reads(), node.replies]).toEqual([0, []])
})
