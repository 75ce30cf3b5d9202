/** The scenarios: what is asked of both sides, under names that can be given on the command line. */
import type { JobRequest } from './sides/side.ts'

/** A thing that is wrong with the cluster while it is under load. */
export type Disturbance = 'follower-down' | 'follower-slow'

/** What a scenario does. */
export type Plan =
  | {
      readonly kind: 'load'
      /** Its `seconds`, where given, are the least that a round takes. */
      readonly job: JobRequest
      /** Rows that are there before the load begins, under the job's own prefix. */
      readonly rows?: number
      readonly disturbance?: Disturbance
      /** An open loop at this share of the puts per second that another scenario reached. */
      readonly rate?: { readonly shareOf: string; readonly share: number }
      /** Beside our side without its state machine instead of the peer. */
      readonly core?: true
    }
  | { readonly kind: 'fail-over'; readonly kills: number }
  | { readonly kind: 'restart'; readonly rows: number }
  | { readonly kind: 'growth'; readonly job: JobRequest; readonly rows: readonly number[] }

/** A scenario under its name. */
export interface Scenario {
  readonly name: string
  readonly title: string
  readonly plan: Plan
}

const prefix = 'bench/a/'
const keys = { prefix, count: 10_000 }

function put(
  name: string,
  title: string,
  inFlight: number,
  more: Partial<JobRequest> = {},
): Scenario {
  return { name, title, plan: { kind: 'load', job: { op: 'put', inFlight, keys, ...more } } }
}

function read(name: string, title: string, job: JobRequest, rows = keys.count): Scenario {
  return {
    name,
    title,
    plan: { kind: 'load', job: { keys: { prefix, count: rows }, ...job }, rows },
  }
}

function write(name: string, title: string, job: JobRequest): Scenario {
  return { name, title, plan: { kind: 'load', job: { keys, ...job } } }
}

function disturbed(name: Disturbance, title: string): Scenario {
  const job: JobRequest = { op: 'put', inFlight: 256, keys }
  return { name, title, plan: { kind: 'load', job, disturbance: name } }
}

/** All of them, in the order in which they run. */
export const scenarios: readonly Scenario[] = [
  put('put-1', 'put 256 B, 1 in flight', 1),
  put('put-64', 'put 256 B, 64 in flight', 64),
  put('put-256', 'put 256 B, 256 in flight', 256),
  put('put-1000', 'put 256 B, 1,000 in flight', 1_000),
  put('put-4k', 'put 4 KiB, 64 in flight', 64, { valueBytes: 4_096 }),
  put('value-256k', 'put 256 KiB, 8 in flight', 8, {
    valueBytes: 262_144,
    keys: { prefix, count: 100 },
  }),
  write('put-token-256', 'put with a caller token, 256 in flight', {
    op: 'put-token',
    inFlight: 256,
  }),
  write('once-256', 'once, 256 in flight', { op: 'once', inFlight: 256 }),
  write('put-many-100', 'putMany of 100 with once, 8 in flight', {
    op: 'put-many',
    inFlight: 8,
    batch: 100,
  }),
  read('get-1', 'linearizable get, 1 in flight', { op: 'get', inFlight: 1 }),
  read('get-64', 'linearizable get, 64 in flight', { op: 'get', inFlight: 64 }),
  read('get-256', 'linearizable get, 256 in flight', { op: 'get', inFlight: 256 }),
  read('get-stale-256', 'stale get, 256 in flight', { op: 'get-stale', inFlight: 256 }),
  read('mix-256', '90 % gets, 10 % puts, 256 in flight', { op: 'mix', inFlight: 256 }),
  read(
    'scan-100k',
    'scan of 100,000 rows, 1 in flight',
    { op: 'scan', inFlight: 1, seconds: 10 },
    100_000,
  ),
  put('connections-256', 'put 256 B, 256 connections with one call each', 256, {
    connections: 256,
  }),
  disturbed('follower-down', 'put 256 B, 256 in flight, a follower down'),
  disturbed('follower-slow', 'put 256 B, 256 in flight, a follower that stops and goes'),
  {
    name: 'open-half',
    title: 'open loop at half of the most that the peer did',
    plan: {
      kind: 'load',
      job: { op: 'put', inFlight: 256, keys },
      rate: { shareOf: 'put-256', share: 0.5 },
    },
  },
  {
    name: 'fail-over',
    title: 'time without writes after SIGKILL of the leader',
    plan: { kind: 'fail-over', kills: 30 },
  },
  {
    name: 'restart-1m',
    title: 'restart of a follower with 1,000,000 rows',
    plan: { kind: 'restart', rows: 1_000_000 },
  },
  {
    name: 'growth',
    title: 'put 256 B, 256 in flight, with more and more rows stored',
    plan: {
      kind: 'growth',
      job: { op: 'put', inFlight: 256, keys },
      rows: [10_000, 100_000, 1_000_000, 5_000_000],
    },
  },
  {
    name: 'core',
    title: 'put 256 B, 256 in flight, beside ours without its state machine',
    plan: { kind: 'load', job: { op: 'put', inFlight: 256, keys }, core: true },
  },
]

/** What `--short` runs: a minute in all. */
export const shortNames: readonly string[] = ['put-64', 'put-256', 'put-token-256', 'get-64']

/**
 * The scenarios of these names, in the order in which they run, with those that they build upon;
 * none given: all of them. An unknown name comes back as such.
 */
export function chosen(
  names: readonly string[],
): { readonly scenarios: readonly Scenario[] } | { readonly unknown: string } {
  const unknown = names.find((name) => !scenarios.some((scenario) => scenario.name === name))
  if (unknown !== undefined) return { unknown }
  const wanted = new Set(names.length === 0 ? scenarios.map(({ name }) => name) : names)
  for (const { name, plan } of scenarios) {
    if (wanted.has(name) && plan.kind === 'load' && plan.rate !== undefined) {
      wanted.add(plan.rate.shareOf)
    }
  }
  return { scenarios: scenarios.filter(({ name }) => wanted.has(name)) }
}
