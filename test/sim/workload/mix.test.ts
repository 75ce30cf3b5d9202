/**
 * Goal: over many lifetimes each kind of call and each option is both left out and used, and every
 * lifetime writes enough.
 * Method: a thousand mixes from seeds, counted.
 */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../../src/random.ts'
import { describeMix, drawMix, readKinds, writeKinds } from './mix.ts'

const mixes = Array.from({ length: 1000 }, (_, seed) =>
  drawMix(new SeededRandom(seed), { clients: 2 + (seed % 4) }),
)
const share = (holds: (mix: (typeof mixes)[number]) => boolean): number =>
  mixes.filter(holds).length / mixes.length

describe('drawMix', () => {
  test.each([...writeKinds, ...readKinds])('leaves %s out, and does not', (kind) => {
    const used = share(({ weights }) => weights[kind] > 0)
    const always = kind === 'put' || kind === 'token' || kind === 'entry'
    expect(used).toBeGreaterThan(0.6)
    if (always) expect(used).toBe(1)
    else expect(used).toBeLessThan(0.9)
  })

  test('plans at least 500 plain writes a minute', () => {
    for (const mix of mixes) {
      const { put, token, batch, putMany } = mix.weights
      const total = Object.values(mix.weights).reduce((sum, weight) => sum + weight, 0)
      const writes = (60 * mix.callsPerSecond * (put + token + batch + putMany)) / total
      expect(writes).toBeGreaterThan(500)
      expect(mix.callsPerSecond).toBeLessThanOrEqual(40)
    }
  })

  test('pins some clients, and never most of them', () => {
    const pinned = (mix: (typeof mixes)[number]): number =>
      mix.clients.filter(({ pin }) => pin !== undefined).length
    expect(share((mix) => pinned(mix) > 0)).toBeGreaterThan(0.3)
    expect(share((mix) => pinned(mix) === 0)).toBeGreaterThan(0.2)
    for (const mix of mixes) expect(2 * pinned(mix)).toBeLessThanOrEqual(mix.clients.length)
  })

  test.each([
    'abortShare',
    'tinyTimeoutShare',
    'reopenShare',
    'restShare',
    'staleShare',
    'fenceShare',
    'otherPayloadShare',
    'otherTimeShare',
    'defaultTimeShare',
    'burstShare',
    'largeShare',
  ] as const)('has %s both at zero and above', (name) => {
    expect(share((mix) => mix[name] === 0)).toBeGreaterThan(0.15)
    expect(share((mix) => mix[name] > 0)).toBeGreaterThan(0.3)
  })

  test('has clients with one open call and with many, short and long time-outs', () => {
    const clients = mixes.flatMap((mix) => mix.clients)
    const some = (holds: (client: (typeof clients)[number]) => boolean): number =>
      clients.filter(holds).length / clients.length
    expect(some(({ inflight }) => inflight === 1)).toBeGreaterThan(0.1)
    expect(some(({ inflight }) => inflight === 16)).toBeGreaterThan(0.1)
    expect(some(({ timeout }) => timeout <= 200)).toBeGreaterThan(0.1)
    expect(some(({ timeout }) => timeout >= 5_000)).toBeGreaterThan(0.1)
    expect(some(({ attemptTimeout }) => attemptTimeout !== undefined)).toBeGreaterThan(0.1)
    for (const { attemptTimeout, timeout } of clients) {
      if (attemptTimeout !== undefined) expect(attemptTimeout).toBeLessThan(timeout)
    }
  })

  test('is the same for the same seed, in numbers and in words', () => {
    const again = drawMix(new SeededRandom(7), { clients: 2 + (7 % 4) })
    expect(again).toEqual(mixes[7])
    expect(describeMix(again).join('\n')).toContain('calls: ')
    expect(new Set(mixes.map((mix) => JSON.stringify(mix))).size).toBe(mixes.length)
  })
})
