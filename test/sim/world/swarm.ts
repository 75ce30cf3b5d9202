/**
 * What a lifetime is like: drawn from its seed, so that over many seeds every feature is also left
 * out (swarm testing: Groce and others, ISSTA 2012), and every size is also small.
 */
import type { NodeCaps } from '../../../src/node/options.ts'
import { randomBetween, randomFraction, SeededRandom } from '../../../src/random.ts'

/** Everything that can go wrong, by the names that `--faults` takes. */
export const faultClasses = [
  'partition',
  'one-way',
  'isolate-leader',
  'bridge',
  'ring',
  'omission',
  'client-cut',
  'flap',
  'half-open',
  'reset',
  'delay',
  'loss',
  'duplicate',
  'reorder',
  'bandwidth',
  'kill',
  'kill-leader',
  'kill-all',
  'kill-at-io',
  'kill-at-install',
  'restart',
  'power',
  'power-all',
  'pause',
  'stall',
  'client-kill',
  'clock-rate',
  'clock-jump',
  'slow-disk',
  'disk-error',
  'disk-full',
  'rot',
  'state-rot',
  'wipe',
] as const

/** One of them. */
export type FaultClass = (typeof faultClasses)[number]

/** Whether a name is one of them. */
export function isFaultClass(name: string): name is FaultClass {
  return (faultClasses as readonly string[]).includes(name)
}

/** The drawn options. All times are ms. Overridable one by one. */
export interface Swarm {
  readonly nodes: number
  readonly heartbeatMs: number
  readonly electionMinMs: number
  readonly electionMaxMs: number
  readonly faults: readonly FaultClass[]
  /** Between the beginnings of two faults. */
  readonly faultEveryMsMin: number
  readonly faultEveryMsMax: number
  /** In force at once, but for those that every lifetime has. */
  readonly faultsAtOnceMax: number
  /** How long one lasts. */
  readonly faultMsMin: number
  readonly faultMsMax: number
  readonly delayMs: number
  readonly jitterMs: number
  /** Bytes under way that an operating system takes. */
  readonly windowBytes: number
  readonly syncMsMin: number
  readonly syncMsMax: number
  readonly segmentBytes: number
  readonly caps: NodeCaps
  /** The log's cap, bytes, and how many entries are kept for laggards; undefined: by default. */
  readonly walMaxBytes: number | undefined
  readonly walKeepEntries: number | undefined
  /** Cluster settings; undefined: as they are by default. */
  readonly tokenRetentionMs: number | undefined
  readonly sessionExpiryMs: number | undefined
  readonly tokensMax: number | undefined
  readonly sessionsMax: number | undefined
  /** Clocks run at 1 ± so much. */
  readonly clockSpread: number
  /** Wall clocks differ by so much at the start. */
  readonly wallSpreadMs: number
  /** How a power cut treats names: what the disk promises, or what ext4 does. */
  readonly powerStyle: 'strict' | 'ext4'
  readonly clients: number
  /** How often an operator does something, on the average; undefined: there is none. */
  readonly operatorEveryMs: number | undefined
  /** Nodes that the operator may let join. */
  readonly spares: number
  /** Frames are made into bytes. */
  readonly codecs: boolean
}

/** Larger clusters do not grow. */
const sparesNodesMax = 5
/** Segments up to this size are so small that a log is compacted in a minute. */
const smallSegmentBytes = 16_384
/** Every so many lifetimes go through the codecs. */
const codecsEvery = 16

/** Draws the options of a seed. */
export function drawSwarm(seed: number): Swarm {
  const random = new SeededRandom(seed ^ 0x5eed)
  const pick = <T>(values: readonly T[]): T => values[randomBetween(random, 0, values.length)] as T
  const chance = (share: number): boolean => randomFraction(random) < share
  const between = (min: number, max: number): number => randomBetween(random, min, max + 1)
  const nodes = pick([1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7])
  const heartbeatMs = pick([50, 100, 100, 200, 200, 200, 500])
  const electionMinMs = Math.ceil(heartbeatMs * pick([3, 4, 6, 6, heartbeatMs > 100 ? 4 : 10]))
  const electionMaxMs = Math.ceil(
    electionMinMs * pick([1.25, 1.5, 2, 2, heartbeatMs > 200 ? 2 : 3]),
  )
  const share = pick([0.15, 0.3, 0.5, 0.8, 1])
  const faults = faultClasses.filter(() => chance(share))
  const segmentBytes = chance(0.7) ? 1024 * pick([4, 8, 16, 32, 64]) : undefined
  const [syncMsMin, syncMsMax] = pick([
    [0.1, 0.4],
    [0.1, 1],
    [0.5, 4],
    [2, 20],
  ] as const)
  return {
    nodes,
    heartbeatMs,
    electionMinMs,
    electionMaxMs,
    faults: faults.length > 0 ? faults : ['kill-leader', 'partition'],
    faultEveryMsMin: pick([200, 400, 800]),
    faultEveryMsMax: pick([1200, 2000, 2800]),
    faultsAtOnceMax: pick([2, 3, 3, 5]),
    faultMsMin: pick([10, 100, 500]),
    faultMsMax: pick([1000, 3000, 8000]),
    delayMs: pick([0.05, 0.2, 0.5, 2, 5]),
    jitterMs: pick([0.05, 0.3, 1, 5, 20]),
    windowBytes: pick([4_096, 65_536, 65_536, 1_048_576]),
    syncMsMin,
    syncMsMax,
    segmentBytes: segmentBytes ?? 1_048_576,
    caps: segmentBytes === undefined ? {} : smallCaps(random, segmentBytes),
    ...compaction(seed, segmentBytes),
    tokenRetentionMs: chance(0.5) ? between(2, 30) * 1000 : undefined,
    sessionExpiryMs: chance(0.4) ? between(3, 40) * 1000 : undefined,
    tokensMax: chance(0.1) ? between(100, 600) : undefined,
    sessionsMax: chance(0.1) ? between(20, 60) : undefined,
    clockSpread: pick([0, 0, 0.0001, 0.02, 0.1]),
    wallSpreadMs: pick([0, 10, 1000, 60_000, 3_600_000]),
    powerStyle: chance(0.5) ? 'strict' : 'ext4',
    clients: between(2, 5),
    ...operator(seed, nodes),
    codecs: seed % codecsEvery === 0,
  }
}

/** Whether somebody moves the leadership, and changes who takes part. */
function operator(seed: number, nodes: number): Pick<Swarm, 'operatorEveryMs' | 'spares'> {
  const random = new SeededRandom(seed ^ 0x09e7a)
  const [draw, second] = [randomFraction(random), randomFraction(random)]
  const everyMs = [1_000, 2_500, 5_000][randomBetween(random, 0, 3)]
  if (draw < 0.5) return { operatorEveryMs: undefined, spares: 0 }
  const spares = nodes > sparesNodesMax || second < 0.4 ? 0 : second < 0.7 ? 1 : 2
  return { operatorEveryMs: everyMs, spares }
}

/** In a log of small segments: a cap that a minute of few writes reaches several times. */
function compaction(
  seed: number,
  segmentBytes: number | undefined,
): Pick<Swarm, 'walMaxBytes' | 'walKeepEntries'> {
  const random = new SeededRandom(seed ^ 0xc0ac7)
  const pick = <T>(values: readonly T[]): T => values[randomBetween(random, 0, values.length)] as T
  const walMaxBytes = 65_536 * pick([1, 1, 2, 4])
  const walKeepEntries = pick([0, 4, 16, 64])
  const isSmall = segmentBytes !== undefined && segmentBytes <= smallSegmentBytes
  if (!isSmall) return { walMaxBytes: undefined, walKeepEntries: undefined }
  return { walMaxBytes, walKeepEntries }
}

/** Caps that a minute of few writes reaches. */
function smallCaps(random: SeededRandom, segmentBytes: number): NodeCaps {
  const pick = <T>(values: readonly T[]): T => values[randomBetween(random, 0, values.length)] as T
  const logBytesMin = logBytesLeast(segmentBytes)
  const overlayFlushBytes = pick([1, 512, 4_096, 65_536])
  return {
    raft: {
      messageBytesMax: pick([256, 2_048, 65_536]),
      inflightMessagesMax: pick([2, 4, 8, 64]),
      inflightEntriesMax: pick([4, 16, 64]),
      inflightBytesMax: pick([2_048, 8_192, 262_144]),
      uncommittedEntriesMax: pick([4, 32, 1_024]),
      uncommittedBytesMax: pick([4_096, 65_536, 1_048_576]),
      logBytesMax: Math.max(logBytesMin, pick([1, 16_384, 16_384, 65_536, 1_048_576])),
      unstableBytesMax: pick([4_096, 65_536, 1_048_576]),
      applyBytesMax: pick([1, 2_048, 65_536]),
      readsMax: pick([4, 32, 512]),
      outboxMessagesMax: pick([256, 1_024]),
    },
    proposals: {
      entryBytesMax: pick([256, 4_096, 1_048_576]),
      operationsPerEntryMax: pick([1, 4, 64]),
      waitingMax: pick([8, 64, 1_024]),
    },
    overlayFlushBytes,
    overlayBytesMax: overlayFlushBytes * pick([1, 2, 8]),
  }
}

/**
 * A log of which next to nothing is in memory is read all the time: that is affordable only where
 * its segments are short, and rarely, or a few such lifetimes take a third of the time of all.
 */
function logBytesLeast(segmentBytes: number): number {
  if (segmentBytes <= 4_096) return 1
  return segmentBytes <= 8_192 ? 1_024 : 16_384
}

/** The options in words, one a line. */
export function describeSwarm(swarm: Swarm): string[] {
  const s = swarm
  const caps = JSON.stringify(s.caps)
  return [
    `nodes ${s.nodes}, clients ${s.clients}, heartbeat ${s.heartbeatMs} ms, election ${s.electionMinMs} to ${s.electionMaxMs} ms`,
    `network: delay ${s.delayMs} ms + up to ${s.jitterMs} ms, window ${s.windowBytes} bytes, ${s.codecs ? 'frames as bytes' : 'frames decoded'}`,
    `disk: sync ${s.syncMsMin} to ${s.syncMsMax} ms, segments of ${s.segmentBytes} bytes, power cuts ${s.powerStyle}`,
    `log: at most ${shown(s.walMaxBytes)} bytes, ${shown(s.walKeepEntries)} entries kept`,
    `operator: ${s.operatorEveryMs === undefined ? 'none' : `every ${s.operatorEveryMs} ms, ${s.spares} spare machines`}`,
    `clocks: rates 1 ± ${s.clockSpread}, wall clocks ± ${s.wallSpreadMs} ms`,
    `settings: token retention ${shown(s.tokenRetentionMs)}, session expiry ${shown(s.sessionExpiryMs)}, tokens ${shown(s.tokensMax)}, sessions ${shown(s.sessionsMax)}`,
    `caps: ${caps === '{}' ? 'default' : caps}`,
    `faults: at most ${s.faultsAtOnceMax} at once, every ${s.faultEveryMsMin} to ${s.faultEveryMsMax} ms for ${s.faultMsMin} to ${s.faultMsMax} ms: ${s.faults.join(',')}`,
  ]
}

function shown(value: number | undefined): string {
  return value === undefined ? 'default' : String(value)
}

/** Whether logs may lose their front in this world: they are small, or the disk gets so full. */
export function compacts({ walMaxBytes, faults }: Pick<Swarm, 'walMaxBytes' | 'faults'>): boolean {
  return walMaxBytes !== undefined || faults.includes('disk-full')
}
