/**
 * Goal: what one client was told, all use: revisions for conditions, tokens for repeats and fences.
 * Method: a keyspace by hand.
 */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../../src/random.ts'
import type { Outcome, WriteRequest } from './history.ts'
import { Keyspace } from './keyspace.ts'
import { drawMix } from './mix.ts'

const unknown: Outcome = { type: 'failed', code: 'X', outcome: 'unknown', attempts: 1 }
const surely: Outcome = { ...unknown, outcome: 'not-applied' }
const fenced: Outcome = { type: 'token', state: 'absent', fenced: true }

function made() {
  const random = new SeededRandom(1)
  return { random, keyspace: new Keyspace(drawMix(random, { clients: 2 })) }
}

function put(token?: string): WriteRequest {
  const changes = [{ key: 'a/0', value: 'v1.0:4' }]
  return { kind: 'put', changes, ...(token === undefined ? {} : { token }) }
}

const fence = (token: string) =>
  ({ kind: 'verdict', token, fence: true, consistency: 'linearizable' }) as const

describe('revisions', () => {
  const applied = (revision: number): Outcome => ({ type: 'written', verdict: 'applied', revision })

  test('are the newest that anybody was told', () => {
    const { keyspace } = made()
    keyspace.learn(put(), applied(7))
    keyspace.learn(put(), applied(5))
    expect(keyspace.revision('a/0')).toBe(7)
    const rows = [{ key: 'a/0', value: 'v1.0:4', revision: 9 }, undefined]
    const get = { kind: 'get', keys: ['a/0', 'b/2'], consistency: 'linearizable' } as const
    keyspace.learn(get, { type: 'read', rows, readRevision: 9 })
    expect(keyspace.revision('a/0')).toBe(9)
    expect(keyspace.revision('b/2')).toBe(0)
  })

  test('end with a delete, and come back with a conflict', () => {
    const { keyspace } = made()
    keyspace.learn(put(), applied(7))
    keyspace.learn({ kind: 'delete', changes: [{ key: 'a/0', value: undefined }] }, applied(8))
    expect(keyspace.revision('a/0')).toBe(0)
    keyspace.learn(put(), { ...surely, operation: 0, revision: 12 })
    expect(keyspace.revision('a/0')).toBe(12)
    keyspace.learn(put(), { ...surely, operation: 0, revision: 0 })
    expect(keyspace.revision('a/0')).toBe(0)
  })
})

describe('tokens', () => {
  test('are in doubt until they are fenced', () => {
    const { random, keyspace } = made()
    const { token } = keyspace.newRecord(random, undefined)
    keyspace.learn(put(token), surely)
    expect(keyspace.doubtful(random)).toBeUndefined()
    keyspace.learn(put(token), unknown)
    keyspace.learn(put(token), unknown)
    expect(keyspace.doubtful(random)?.token).toBe(token)
    keyspace.learn({ ...fence(token), fence: false }, fenced)
    expect(keyspace.doubtful(random)?.token).toBe(token)
    keyspace.learn(fence(token), fenced)
    expect(keyspace.doubtful(random)).toBeUndefined()
  })

  test('come again soon after a fence', () => {
    const { random, keyspace } = made()
    const { token } = keyspace.newRecord(random, undefined)
    for (let i = 0; i < 30; i++) keyspace.newRecord(random, undefined)
    const again = (): number =>
      Array.from({ length: 1000 }, () => keyspace.record(random)?.token).filter(
        (each) => each === token,
      ).length
    expect(again()).toBeLessThan(60)
    keyspace.learn(fence(token), fenced)
    expect(again()).toBeGreaterThan(100)
  })

  test('are kept within bounds, and some of the oldest stay', () => {
    const { random, keyspace } = made()
    for (let i = 0; i < 1000; i++) {
      const { token } = keyspace.newRecord(random, undefined)
      if (i % 2 === 0) keyspace.learn(put(token), unknown)
    }
    const seen = new Set(Array.from({ length: 5000 }, () => keyspace.record(random)?.number ?? 0))
    expect(seen.size).toBeLessThanOrEqual(64)
    expect(Math.min(...seen)).toBeLessThan(900)
    const doubted = Array.from({ length: 2000 }, () => keyspace.doubtful(random)?.number)
    expect(new Set(doubted).size).toBe(32)
  })
})
