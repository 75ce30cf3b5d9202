/** What the tests of the network share: chance that is said in advance, time set by hand. */
import type { RelayClock } from '../../../jepsen-style/network/relay/clock.ts'
import type { Chance } from '../../../jepsen-style/workloads/workload.ts'
import { SeededRandom, randomBetween, randomFraction } from '../../../src/random.ts'

export function seededChance(seed: number): Chance {
  const random = new SeededRandom(seed)
  return {
    between: (min, max) => randomBetween(random, min, max),
    fraction: () => randomFraction(random),
    pick: (values) => values[randomBetween(random, 0, values.length)]!,
  }
}

/** `fraction` gives these in turn, then the last for ever; `between` its lower bound. */
export function saidChance(...fractions: readonly number[]): Chance {
  let i = 0
  return {
    between: (min) => min,
    fraction: () => fractions[Math.min(i++, fractions.length - 1)] ?? 0,
    pick: (values) => values[0]!,
  }
}

/** Time that moves only when it is told to. */
export class HandClock implements RelayClock {
  #now = 1000
  readonly #timers = new Set<{ readonly at: number; readonly action: () => void }>()

  now(): number {
    return this.#now
  }

  after(ms: number, action: () => void): () => void {
    const timer = { at: this.#now + ms, action }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Moves on, calling what becomes due in its order. */
  pass(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.action()
    }
    this.#now = end
  }

  get pending(): number {
    return this.#timers.size
  }
}

/** A binary WebSocket frame of the protocol: an array of its kind and a marker. */
export function frame(kind: number, marker: number, masked = true, extra = 0): Buffer {
  const payload = Buffer.concat([
    Buffer.from([0x94, kind, marker, 0xc4]),
    Buffer.alloc(extra, 0x55),
  ])
  const length = payload.length
  const head =
    length < 126
      ? [0x82, length]
      : length < 65_536
        ? [0x82, 126, length >> 8, length & 255]
        : [
            0x82,
            127,
            0,
            0,
            0,
            0,
            length >>> 24,
            (length >> 16) & 255,
            (length >> 8) & 255,
            length & 255,
          ]
  if (!masked) return Buffer.concat([Buffer.from(head), payload])
  head[1] = head[1]! | 0x80
  const mask = [0x11, 0x22, 0x33, 0x44]
  return Buffer.concat([
    Buffer.from(head),
    Buffer.from(mask),
    payload.map((byte, i) => byte ^ mask[i % 4]!),
  ])
}

export const upgrade = Buffer.from(
  'GET / HTTP/1.1\r\nHost: n1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
)
