/** What a run is told, what it takes where nothing is said, and what cannot be meant. */
import { QuorateError } from 'quorate'
import type { Nemesis } from '../nemesis/nemesis.ts'
import type { Workload } from '../workloads/workload.ts'
import { eventsMax } from './journal.ts'
import type { Bounds } from './verdict.ts'

/** Times of the nodes, ms, and the size of their logs; what is left out is the node's default. */
export interface Tuning {
  readonly heartbeatMs?: number
  readonly electionTimeoutMinMs?: number
  readonly electionTimeoutMaxMs?: number
  /** Bytes that a node's log may take. Default: 512 KiB where a nemesis needs snapshots. */
  readonly walMaxBytes?: number
  /** Newest entries that are kept for slow followers. Default: 100 where a nemesis needs snapshots. */
  readonly walKeepEntries?: number
}

/** How the network is made: `auto` takes namespaces where they can be had, else relays. */
export type BackendChoice = 'relay' | 'namespaces' | 'auto'

/** Options of `runChaos`. */
export interface ChaosOptions {
  /** Default 5. */
  readonly nodes?: number
  /**
   * A workload, its name, the path of a module whose default export is one, or several of them with
   * commas, which then run side by side. Default `register`.
   */
  readonly workload?: string | Workload
  /**
   * Nemeses, their names, paths of modules whose default export is one; `all` stands for every one
   * that can be had, `none` for no fault at all. Default `defaultNemeses`.
   */
  readonly nemeses?: readonly (string | Nemesis)[]
  /** How long calls are made and faults begin, seconds. Default 60. */
  readonly seconds?: number
  /** Calls a second in all; 0: as many as the clients can make. Default 200. */
  readonly rate?: number
  /** Default 10. */
  readonly clients?: number
  /** What the plan of faults and all calls are drawn from, 0 to 2^32 - 1. Default: drawn. */
  readonly seed?: number
  /** Where the report goes; made, or there and empty. Default: `chaos-` and the date, here. */
  readonly directory?: string
  /** Default `relay`. */
  readonly backend?: BackendChoice
  /**
   * Pause between two faults in the middle, ms. Default 3,000, or less where a short run would not
   * get round to every kind that is named.
   */
  readonly everyMs?: number
  /** Faults at once. Default 1. */
  readonly overlap?: number
  /** Availability is judged only against what is given here. */
  readonly bounds?: Bounds
  readonly tuning?: Tuning
  /** Budget of one call, ms; every third client has less (`patienceOf`). Default 5,000. */
  readonly timeoutMs?: number
  /**
   * A cluster of one's own, by its client addresses with commas: it is loaded and checked, and only
   * nemeses of one's own can break it. Default: a cluster is made for the run.
   */
  readonly endpoints?: string
}

/** The options with nothing left open. */
export type Settled = Required<Omit<ChaosOptions, 'directory' | 'endpoints' | 'everyMs'>> & {
  readonly directory: string | undefined
  readonly endpoints: string | undefined
  readonly everyMs: number | undefined
}

/** The faults of a run that was not told any: quick to see, and at home on every machine. */
export const defaultNemeses = ['kill', 'pause', 'partition-halves', 'isolate-leader'] as const

const nodesMax = 9
const clientsMax = 1_000
const secondsMax = 7 * 86_400
const rateMax = 100_000
const overlapMax = 16
const everyMsMax = 3_600_000
const timeoutMsMax = 600_000
/** Seeds are whole numbers below this. */
export const seedMax = 2 ** 32

/** Fills in the defaults. Throws `QUORATE_USAGE`, naming what cannot be meant. */
export function settleOptions(options: ChaosOptions, drawSeed: () => number): Settled {
  const own = options.endpoints !== undefined
  const settled: Settled = {
    nodes: options.nodes ?? 5,
    workload: options.workload ?? 'register',
    nemeses: options.nemeses ?? (own ? ['none'] : defaultNemeses),
    seconds: options.seconds ?? 60,
    rate: options.rate ?? 200,
    clients: options.clients ?? 10,
    seed: options.seed ?? drawSeed(),
    directory: options.directory,
    backend: options.backend ?? 'relay',
    everyMs: options.everyMs,
    overlap: options.overlap ?? 1,
    bounds: options.bounds ?? {},
    tuning: options.tuning ?? {},
    timeoutMs: options.timeoutMs ?? 5_000,
    endpoints: options.endpoints,
  }
  whole('the number of nodes', settled.nodes, 1, nodesMax)
  whole('the number of clients', settled.clients, 1, clientsMax)
  whole('the seed', settled.seed, 0, seedMax - 1)
  whole('the number of faults at once', settled.overlap, 1, overlapMax)
  between('the time in seconds', settled.seconds, 1, secondsMax)
  between('the rate', settled.rate, 0, rateMax)
  between('the pause between faults in ms', settled.everyMs ?? 10, 10, everyMsMax)
  between('the time of a call in ms', settled.timeoutMs, 100, timeoutMsMax)
  const { successRateMin = 0, rtoP99MaxMs = 0 } = settled.bounds
  between('the least success rate', successRateMin, 0, 1)
  between('the most recovery time in ms', rtoP99MaxMs, 0, everyMsMax)
  const events = settled.rate * settled.seconds * 2
  if (events > eventsMax) {
    const most = Math.floor(eventsMax / 2 / settled.seconds)
    throw usage(`so many calls no check can hold: at most ${most} calls a second for that long`)
  }
  return settled
}

/** The error of an option that cannot be meant. */
export function usage(message: string): QuorateError {
  return new QuorateError('QUORATE_USAGE', message)
}

function between(what: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) {
    throw usage(`${what} is from ${least} to ${most}, not ${value}`)
  }
}

function whole(what: string, value: number, least: number, most: number): void {
  between(what, value, least, most)
  if (!Number.isInteger(value)) throw usage(`${what} is a whole number, not ${value}`)
}
