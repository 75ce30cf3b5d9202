/**
 * What the clients of a lifetime do, drawn so that over many lifetimes each kind of call is also
 * left out, and each is also frequent (swarm testing: Groce and others, ISSTA 2012). Writes always
 * make up more than half, so that a minute of faults still holds hundreds of acknowledged ones.
 */
import type { Random } from '../../../src/ports.ts'
import { randomBetween, randomFraction } from '../../../src/random.ts'

/** Kinds of writes. `repeat`: a call with a token that some call used before. */
export const writeKinds = [
  'put',
  'token',
  'repeat',
  'once',
  'compare',
  'delete',
  'batch',
  'putMany',
] as const
/** Kinds of reads. */
export const readKinds = ['get', 'entry', 'getMany', 'scan', 'verdict'] as const

/** What a client may do next. */
export type Kind = (typeof writeKinds)[number] | (typeof readKinds)[number] | 'setting'

/** A change of a cluster setting. */
export interface SettingChange {
  readonly name: 'tokenRetentionMs' | 'sessionExpiryMs' | 'tokensMax' | 'sessionsMax'
  readonly value: number
}

/** What one client is like. All times are ms. */
export interface ClientMix {
  /** Open calls at most, but for records of one `putMany`. */
  readonly inflight: number
  readonly timeout: number
  readonly attemptTimeout: number | undefined
  /** Talks to one endpoint only: this one, modulo their number. */
  readonly pin: number | undefined
  /** What its reads are if they do not say. */
  readonly consistency: 'linearizable' | 'stale'
}

/** What the clients of a lifetime do. A share is out of 1. */
export interface WorkloadMix {
  readonly weights: Readonly<Record<Kind, number>>
  readonly clients: readonly ClientMix[]
  /** Planned, over all clients. */
  readonly callsPerSecond: number
  readonly keys: number
  /** Most picks fall on so many keys. */
  readonly hotKeys: number
  readonly onceKeys: number
  /** Most values are small; the others have up to this many bytes. */
  readonly valueBytesMax: number
  readonly largeShare: number
  readonly staleShare: number
  /** Calls that come in one tick with the one before. */
  readonly burstShare: number
  /** Ticks after which a client rests for seconds, in which its session may expire. */
  readonly restShare: number
  readonly abortShare: number
  readonly tinyTimeoutShare: number
  /** Repeats with another payload. */
  readonly otherPayloadShare: number
  /** Repeats with another `tokenTime`. */
  readonly otherTimeShare: number
  /** Tokens whose time is the SDK's default. */
  readonly defaultTimeShare: number
  readonly fenceShare: number
  /** Calls after which the client is closed, open calls and all, and made anew. */
  readonly reopenShare: number
  /** Written before anything else. */
  readonly settings: readonly SettingChange[]
}

/** What the world has decided already. */
export interface MixOptions {
  readonly clients: number
  readonly settings?: readonly SettingChange[]
}

/** No lifetime is without these: on them stands that there are writes, and that they are seen. */
const always: readonly Kind[] = ['put', 'token', 'entry']

/** Draws what the clients of a lifetime do. */
export function drawMix(random: Random, options: MixOptions): WorkloadMix {
  const pick = <T>(values: readonly T[]): T => values[randomBetween(random, 0, values.length)] as T
  const keys = pick([2, 3, 4, 8, 8, 16, 32, 64])
  const clients: ClientMix[] = []
  // Who is pinned to a follower cannot write, so most are not.
  const pinsMax = Math.floor(options.clients / 2)
  for (let i = 0; i < options.clients; i++) {
    const client = drawClient(random)
    const pins = clients.filter(({ pin }) => pin !== undefined).length
    clients.push(pins < pinsMax ? client : { ...client, pin: undefined })
  }
  return {
    weights: drawWeights(random),
    clients,
    callsPerSecond: randomBetween(random, 16, 31),
    keys,
    hotKeys: Math.min(keys, pick([1, 2, 4, 64])),
    onceKeys: pick([2, 8, 48]),
    valueBytesMax: pick([64, 256, 2_048, 2_048, 32_768]),
    largeShare: pick([0, 0.02, 0.1]),
    staleShare: pick([0, 0.1, 0.3, 0.6]),
    burstShare: pick([0, 0.2, 0.6]),
    restShare: pick([0, 0, 0.002, 0.01]),
    abortShare: pick([0, 0, 0.01, 0.05]),
    tinyTimeoutShare: pick([0, 0, 0.02, 0.1]),
    otherPayloadShare: pick([0, 0.1, 0.4]),
    otherTimeShare: pick([0, 0, 0.1, 0.3]),
    defaultTimeShare: pick([0, 0.3, 1]),
    fenceShare: pick([0, 0.3, 0.7, 0.9]),
    reopenShare: pick([0, 0, 0.002, 0.01]),
    settings: options.settings ?? [],
  }
}

/** The mix in words, one a line. */
export function describeMix(mix: WorkloadMix): string[] {
  const weights = [...writeKinds, ...readKinds, 'setting' as const]
    .filter((kind) => mix.weights[kind] > 0)
    .map((kind) => `${kind} ${mix.weights[kind]}`)
  const clients = mix.clients.map(({ inflight, timeout, attemptTimeout, pin, consistency }) => {
    const attempt = attemptTimeout === undefined ? '' : `/${attemptTimeout}`
    const pinned = pin === undefined ? '' : ` pinned to ${pin}`
    return `${inflight} open, ${timeout}${attempt} ms, ${consistency}${pinned}`
  })
  return [
    `calls: ${mix.callsPerSecond}/s, ${weights.join(', ')}`,
    `clients: ${clients.join('; ')}`,
    `keys ${mix.keys}, hot ${mix.hotKeys}, once ${mix.onceKeys}; values to ${mix.valueBytesMax} bytes, large ${mix.largeShare}`,
    `shares: stale ${mix.staleShare}, bursts ${mix.burstShare}, rests ${mix.restShare}, aborts ${mix.abortShare}, tiny time-outs ${mix.tinyTimeoutShare}, reopened ${mix.reopenShare}`,
    `tokens: other payload ${mix.otherPayloadShare}, other time ${mix.otherTimeShare}, default time ${mix.defaultTimeShare}, fences ${mix.fenceShare}`,
  ]
}

function drawWeights(random: Random): Readonly<Record<Kind, number>> {
  const weights: Record<Kind, number> = {
    put: 0,
    token: 0,
    repeat: 0,
    once: 0,
    compare: 0,
    delete: 0,
    batch: 0,
    putMany: 0,
    get: 0,
    entry: 0,
    getMany: 0,
    scan: 0,
    verdict: 0,
    setting: 0,
  }
  for (const kind of [...writeKinds, ...readKinds]) {
    const kept = randomFraction(random) < 0.75 || always.includes(kind)
    const weight = randomBetween(random, 10, 60)
    if (kept) weights[kind] = weight
  }
  // Each costs as much as many of the others.
  weights.putMany = Math.ceil(weights.putMany / 4)
  weights.scan = Math.ceil(weights.scan / 2)
  // Others often end as a conflict or a duplicate, which are no acknowledged writes: three in five
  // calls are of these.
  const sure = weights.put + weights.token + weights.batch + weights.putMany
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0)
  weights.put += Math.max(0, Math.ceil((3 * total - 5 * sure) / 2))
  if (randomFraction(random) < 0.3) weights.setting = 1
  return weights
}

function drawClient(random: Random): ClientMix {
  const pick = <T>(values: readonly T[]): T => values[randomBetween(random, 0, values.length)] as T
  const timeout = pick([200, 500, 1_000, 2_000, 5_000, 10_000])
  const bounded = randomFraction(random) < 0.3
  const attempt = pick([50, 150, 400, 1_000])
  const pinned = randomFraction(random) < 0.2
  const pin = randomBetween(random, 0, 7)
  const consistency = pick(['linearizable', 'linearizable', 'linearizable', 'stale'] as const)
  return {
    inflight: pick([1, 2, 4, 8, 16]),
    timeout,
    attemptTimeout: bounded && attempt < timeout ? attempt : undefined,
    pin: pinned ? pin : undefined,
    consistency,
  }
}
