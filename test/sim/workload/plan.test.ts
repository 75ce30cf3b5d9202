/**
 * Goal: plans are what the SDK takes, and reach every kind of call and every way to use a token.
 * Method: many plans from many mixes, with outcomes made up in between, counted by what they hold.
 */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../../src/random.ts'
import type { Outcome, Request, WriteRequest } from './history.ts'
import { Keyspace } from './keyspace.ts'
import { drawMix } from './mix.ts'
import type { SettingChange, WorkloadMix } from './mix.ts'
import { drawPlan } from './plan.ts'
import type { Plan } from './plan.ts'
import { originOf } from './values.ts'

const clusterTime = 1_767_225_600_000
const unknown = {
  type: 'failed',
  code: 'QUORATE_TIMEOUT',
  outcome: 'unknown',
  attempts: 1,
} as const

/** Plans of one lifetime, with the ids of their first calls. */
function plans(seed: number, count: number, settings: readonly SettingChange[] = []) {
  const random = new SeededRandom(seed)
  const mix: WorkloadMix = drawMix(random, { clients: 3, settings })
  const keyspace = new Keyspace(mix)
  const drawn: { readonly plan: Plan; readonly nextId: number }[] = []
  let nextId = 1
  for (let i = 0; i < count; i++) {
    const client = mix.clients[i % mix.clients.length]!
    const plan = drawPlan({ random, mix, client, keyspace, nextId, clusterTime })
    drawn.push({ plan, nextId })
    for (const request of plan.requests) keyspace.learn(request, madeUp(request, nextId++))
  }
  return { mix, drawn, keyspace }
}

/** One write in ten is in doubt, the others took effect. */
function madeUp(request: Request, id: number): Outcome {
  if (request.kind === 'verdict') return { type: 'token', state: 'absent', fenced: request.fence }
  if (request.kind === 'get' || request.kind === 'scan') {
    return { type: 'read', rows: [], readRevision: undefined }
  }
  return id % 10 === 0 ? unknown : { type: 'written', verdict: 'applied', revision: id }
}

const lifetimes = Array.from({ length: 40 }, (_, seed) => plans(seed, 400))
const all = lifetimes.flatMap(({ drawn }) => drawn)
const requests = all.flatMap(({ plan }) => plan.requests)
const writes = requests.filter(
  (request): request is WriteRequest => 'changes' in request && request.changes.length > 0,
)

describe('drawPlan', () => {
  test('makes only calls that the SDK takes', () => {
    for (const { plan } of all) {
      expect(plan.many ? plan.requests.length > 1 : plan.requests.length === 1).toBe(true)
      expect(plan.timeout ?? 1).toBeGreaterThan(0)
    }
    for (const { kind, changes, once, token, tokenTime } of writes) {
      expect(new Set(changes.map(({ key }) => key)).size).toBe(changes.length)
      expect(changes.every(({ key }) => key.length > 0)).toBe(true)
      if (kind !== 'batch') expect(changes).toHaveLength(1)
      if (kind !== 'batch') expect(changes[0]!.value === undefined).toBe(kind === 'delete')
      if (once === true) expect([token, changes[0]!.ifRevision]).toEqual([undefined, undefined])
      if (token === undefined) expect(tokenTime).toBeUndefined()
    }
  })

  test('names each plain value after its call, once in a lifetime', () => {
    for (const { drawn } of lifetimes) {
      const seen = new Set<string>()
      for (const { plan, nextId } of drawn) {
        for (const [i, request] of plan.requests.entries()) {
          if (!('changes' in request)) continue
          for (const { value } of request.changes) {
            const origin = value === undefined ? undefined : originOf(value)
            if (origin?.type === 'call') {
              expect(origin.call).toBe(nextId + i)
              expect(seen.has(value!)).toBe(false)
              seen.add(value!)
            } else if (origin?.type === 'token') expect(request.token).toBe(origin.token)
            else if (origin?.type === 'once') expect(request.once).toBe(true)
          }
        }
      }
    }
  })

  test.each<[string, (request: Request) => boolean]>([
    ['puts', (r) => r.kind === 'put'],
    ['deletes', (r) => r.kind === 'delete'],
    ['batches', (r) => r.kind === 'batch' && r.changes.length > 1],
    ['batches with tokens', (r) => r.kind === 'batch' && r.token !== undefined],
    ['deletes with tokens', (r) => r.kind === 'delete' && r.token !== undefined],
    ['puts once', (r) => r.kind === 'put' && r.once === true],
    ['deletes of once keys', (r) => r.kind === 'delete' && r.changes[0]!.key.startsWith('o/')],
    ['plain puts of once keys', (r) => r.kind === 'put' && r.once !== true && isOnceKey(r)],
    ['conditions on a revision', (r) => conditions(r).some((revision) => revision > 0)],
    ['conditions on absence', (r) => conditions(r).includes(0)],
    ['conditions under a token', (r) => conditions(r).length > 0 && 'token' in r],
    ['token times left to the SDK', (r) => 'changes' in r && hasToken(r) && !dated(r)],
    ['token times long past', (r) => shift(r) < -3_600_000],
    ['token times about the horizon', (r) => shift(r) < 0 && shift(r) >= -10_000],
    ['token times ahead', (r) => shift(r) > 0 && shift(r) <= 3_600_000],
    ['token times too far ahead', (r) => shift(r) > 7 * 24 * 3_600_000],
    ['entries', (r) => r.kind === 'get' && r.method === 'entry'],
    ['reads of several keys', (r) => r.kind === 'get' && r.keys.length > 1],
    ['stale reads', (r) => r.kind === 'get' && r.consistency === 'stale'],
    ['scans of everything', (r) => r.kind === 'scan' && r.prefix === '' && bound(r) === 'none'],
    ['reverse scans', (r) => r.kind === 'scan' && r.reverse],
    ['limited scans', (r) => r.kind === 'scan' && r.limit !== undefined],
    ['scans from a key on', (r) => bound(r) === 'from'],
    ['scans up to a key', (r) => bound(r) === 'to'],
    ['scans between keys', (r) => bound(r) === 'between'],
    ['scans of keys only', (r) => r.kind === 'scan' && r.keysOnly === true],
    ['stale scans', (r) => r.kind === 'scan' && r.consistency === 'stale'],
    ['verdicts', (r) => r.kind === 'verdict' && !r.fence],
    ['fences', (r) => r.kind === 'verdict' && r.fence],
    ['settings', (r) => r.kind === 'setting'],
  ])('makes %s', (_, holds) => {
    expect(requests.filter(holds).length).toBeGreaterThan(4)
  })

  test('uses tokens again, with the same payload and with others, and after a fence', () => {
    let [same, other, fenced, doubted] = [0, 0, 0, 0]
    for (const { drawn } of lifetimes) {
      const payloads = new Map<string, Set<string>>()
      const fences = new Set<string>()
      const doubts = new Set<string>()
      for (const { plan, nextId } of drawn) {
        for (const [i, request] of plan.requests.entries()) {
          if (request.kind === 'verdict' && request.fence) {
            fences.add(request.token)
            if (doubts.has(request.token)) doubted++
          }
          if (!('changes' in request) || request.token === undefined) continue
          const { token, changes } = request
          const payload = JSON.stringify(changes)
          const known = payloads.get(token) ?? new Set()
          if (known.has(payload)) same++
          else if (known.size > 0) other++
          if (fences.has(token)) fenced++
          payloads.set(token, known.add(payload))
          if ((nextId + i) % 10 === 0) doubts.add(token)
        }
      }
    }
    expect(same).toBeGreaterThan(300)
    expect(other).toBeGreaterThan(50)
    expect(fenced).toBeGreaterThan(50)
    expect(doubted).toBeGreaterThan(20)
  })

  test('leaves scans half-way, which then count as limited', () => {
    const left = all.filter(({ plan }) => plan.leaveAfter !== undefined)
    expect(left.length).toBeGreaterThan(10)
    for (const { plan } of left) {
      const [request] = plan.requests
      expect(request).toMatchObject({ kind: 'scan' })
      if (request?.kind !== 'scan') continue
      expect(request.limit).toBeLessThanOrEqual(plan.leaveAfter!)
      expect(request.limit).toBeGreaterThan(0)
    }
  })

  test('begins with the settings of the world', () => {
    const settings: readonly SettingChange[] = [
      { name: 'tokenRetentionMs', value: 2_000 },
      { name: 'tokensMax', value: 50 },
    ]
    const { drawn, mix } = plans(1, 30, settings)
    const open = drawn.filter((_, i) => mix.clients[i % mix.clients.length]!.pin === undefined)
    const first = open.slice(0, 2).map(({ plan }) => plan.requests[0])
    expect(first).toEqual(settings.map((setting) => ({ kind: 'setting', ...setting })))
  })
})

function conditions(request: Request): number[] {
  if (!('changes' in request)) return []
  return request.changes.flatMap(({ ifRevision }) => (ifRevision === undefined ? [] : [ifRevision]))
}

/** Which ends of a scan are bound. */
function bound(request: Request): 'none' | 'from' | 'to' | 'between' | undefined {
  if (request.kind !== 'scan') return undefined
  const { gte, gt, lte, lt } = request.bounds ?? {}
  expect([gte, gt].filter(Boolean).length).toBeLessThan(2)
  expect([lte, lt].filter(Boolean).length).toBeLessThan(2)
  const [from, to] = [gte ?? gt, lte ?? lt]
  if (from === undefined) return to === undefined ? 'none' : 'to'
  return to === undefined ? 'from' : 'between'
}

function isOnceKey(request: WriteRequest): boolean {
  return request.changes[0]!.key.startsWith('o/')
}

function hasToken(request: WriteRequest): boolean {
  return request.token !== undefined
}

function dated(request: WriteRequest): boolean {
  return request.tokenTime !== undefined
}

/** By how much a write's token time differs from the cluster's; 0 where it has none. */
function shift(request: Request): number {
  if (!('changes' in request) || request.tokenTime === undefined) return 0
  return request.tokenTime - clusterTime
}
