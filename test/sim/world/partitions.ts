/** Shapes of broken networks: who cannot reach whom. */
import { randomBetween } from '../../../src/random.ts'
import type { Random } from '../../../src/ports.ts'

/** Whether the direction from one machine to another is cut. */
export type Cut = (from: string, to: string) => boolean

/** The same order for the same draws, whatever the input's order was. */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = randomBetween(random, 0, i + 1)
    const [a, b] = [out[i] as T, out[j] as T]
    out[i] = b
    out[j] = a
  }
  return out
}

/** Two sides, of any sizes. Whoever is on neither side, such as a client, reaches all. */
export function halves(random: Random, all: readonly string[]): Cut {
  const order = shuffled(random, all)
  const left = new Set(order.slice(0, randomBetween(random, 1, Math.max(2, all.length))))
  const known = new Set(all)
  return (from, to) => known.has(from) && known.has(to) && left.has(from) !== left.has(to)
}

/** One machine alone. */
export function isolated(one: string, all: readonly string[]): Cut {
  const known = new Set(all)
  return (from, to) => known.has(from) && known.has(to) && (from === one) !== (to === one)
}

/** One machine sees both halves, which do not see each other. */
export function bridge(random: Random, all: readonly string[]): Cut {
  const [middle, ...rest] = shuffled(random, all)
  const left = new Set(rest.slice(0, Math.ceil(rest.length / 2)))
  const known = new Set(rest)
  return (from, to) =>
    from !== middle &&
    to !== middle &&
    known.has(from) &&
    known.has(to) &&
    left.has(from) !== left.has(to)
}

/** Everybody sees a majority, and no two see the same one. */
export function ring(random: Random, all: readonly string[]): Cut {
  const order = shuffled(random, all)
  const place = new Map(order.map((name, i) => [name, i]))
  const reach = Math.floor(all.length / 4) + 1
  return (from, to) => {
    const [a, b] = [place.get(from), place.get(to)]
    if (a === undefined || b === undefined) return false
    const apart = Math.abs(a - b)
    return Math.min(apart, order.length - apart) > reach
  }
}

/**
 * A majority whose members all see each other; each of the others sees exactly one of them (the
 * outage of Cloudflare, 2020-11-02, in general form).
 */
export function omission(random: Random, all: readonly string[]): Cut {
  const order = shuffled(random, all)
  const majority = Math.floor(all.length / 2) + 1
  const core = order.slice(0, majority)
  const friends = new Map(order.slice(majority).map((name, i) => [name, core[i % core.length]]))
  const inCore = new Set(core)
  const known = new Set(all)
  return (from, to) => {
    if (!known.has(from) || !known.has(to) || (inCore.has(from) && inCore.has(to))) return false
    return friends.get(from) !== to && friends.get(to) !== from
  }
}
