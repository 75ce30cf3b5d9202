/**
 * What a load process is asked and what it answers: one line of JSON each way. Both sides of a
 * comparison speak it, ours and the one written in Go, so that the runner sees no difference. All
 * that comes from the other process is unknown until it was looked at here.
 */

/** What one job does, over and over. */
export const operationKinds = [
  /** A plain write. */
  'put',
  /** A write under a token that nobody has used. */
  'put-token',
  /** A record is made if it is not there; it never is. */
  'once',
  /** Many records in one call. */
  'put-many',
  /** A linearizable read. */
  'get',
  /** A read of what the asked node has. */
  'get-stale',
  /** Reads and writes. */
  'mix',
  /** All rows of the prefix, page by page. */
  'scan',
  /** Rows are written as fast as it goes, then the job ends. */
  'fill',
  /** Small writes at a steady pace, to see for how long none succeeds. */
  'write-gap',
] as const

export type OperationKind = (typeof operationKinds)[number]

/** Names of rows: the prefix and a number of ten digits. */
export interface KeySpace {
  readonly prefix: string
  /** put, get, mix: numbers are drawn from 0 up to this, the end excluded. fill: so many rows. */
  readonly count: number
}

/** A job with nothing left open; see `parseJob` for what may be left out of a line. */
export interface Job {
  readonly op: OperationKind
  /** Callers of a closed loop, each with one call at a time. */
  readonly inFlight: number
  /** Connections over which the callers are spread evenly. */
  readonly connections: number
  /** Arrivals per second of an open loop; undefined: a closed loop. */
  readonly rate: number | undefined
  readonly warmupSeconds: number
  readonly seconds: number
  readonly valueBytes: number
  /** Records per call of `put-many` and `fill`. */
  readonly batch: number
  readonly keys: KeySpace
  /** First number of operations whose keys count up. */
  readonly from: number
  readonly seed: number
  /** Of `mix`: the share of reads. */
  readonly readShare: number
}

/** A span of time in which no write succeeded: when it began (ms since 1970) and its length, ms. */
export type Gap = readonly [startMs: number, lengthMs: number]

/** What a load process says of a finished job. */
export interface JobAnswer {
  /** Calls that succeeded within the measured time. */
  readonly operations: number
  /** Records that they wrote or read. */
  readonly records: number
  readonly failed: number
  /** Arrivals of an open loop for which there was no room any more. */
  readonly dropped: number
  /** The measured time. */
  readonly seconds: number
  /** How often calls failed with what; the first kinds only. */
  readonly errors: Readonly<Record<string, number>>
  /** Latencies in µs: HdrHistogram V2, compressed, base64. */
  readonly histogram: string
  /** Percentiles and the maximum in µs. */
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
  /** The client library and its version. */
  readonly client: string
  /** Of `write-gap`: the spans over 50 ms, and the longest of all, ms. */
  readonly gaps?: readonly Gap[]
  readonly longestGapMs?: number
}

/** Callers that share a connection, unless the job says how many connections there are. */
export const callersPerConnection = 128

/** Calls of an open loop that may be under way; an arrival beyond is dropped and counted. */
export const outstandingMax = 20_000

/** Kinds of errors that an answer tells apart; further ones are counted as `other`. */
export const errorKindsMax = 10

const inFlightMax = 20_000
const connectionsMax = 4_096
const batchMax = 10_000
const secondsMax = 86_400

/** Reads a job. Throws an `Error` that says what is wrong with it. */
export function parseJob(line: string): Job {
  const fields = objectOf(JSON.parse(line), 'the job')
  const keys = objectOf(fields['keys'] ?? {}, 'keys')
  const inFlight = whole(fields['inFlight'] ?? 1, 'inFlight', 1, inFlightMax)
  const rate = fields['rate'] ?? undefined
  return {
    op: operationKind(fields['op']),
    inFlight,
    connections: whole(
      fields['connections'] ?? Math.ceil(inFlight / callersPerConnection),
      'connections',
      1,
      connectionsMax,
    ),
    rate: rate === undefined ? undefined : positive(rate, 'rate'),
    warmupSeconds: seconds(fields['warmupSeconds'] ?? 0, 'warmupSeconds'),
    seconds: seconds(fields['seconds'] ?? 5, 'seconds'),
    valueBytes: whole(fields['valueBytes'] ?? 256, 'valueBytes', 1, 1_048_576),
    batch: whole(fields['batch'] ?? 100, 'batch', 1, batchMax),
    keys: {
      prefix: text(keys['prefix'] ?? 'bench/', 'keys.prefix'),
      count: whole(keys['count'] ?? 10_000, 'keys.count', 1, 1_000_000_000),
    },
    from: whole(fields['from'] ?? 0, 'from', 0, 9_999_999_999),
    seed: whole(fields['seed'] ?? 1, 'seed', 0, 0xffff_ffff),
    readShare: share(fields['readShare'] ?? 0.9, 'readShare'),
  }
}

/** Reads an answer. Throws an `Error` with the job's own words where the job failed. */
export function parseAnswer(line: string): JobAnswer {
  const fields = objectOf(JSON.parse(line), 'the answer')
  const failure = fields['error']
  if (failure !== undefined) throw new Error(`the load process says: ${text(failure, 'error')}`)
  const count = (name: string): number => whole(fields[name], name, 0, Number.MAX_SAFE_INTEGER)
  const figure = (name: string): number => atLeastNothing(fields[name], name)
  const errors = Object.entries(objectOf(fields['errors'] ?? {}, 'errors'))
  const { gaps, longestGapMs } = fields
  return {
    operations: count('operations'),
    records: count('records'),
    failed: count('failed'),
    dropped: count('dropped'),
    seconds: figure('seconds'),
    errors: Object.fromEntries(errors.map(([name, n]) => [name, atLeastNothing(n, 'errors')])),
    histogram: text(fields['histogram'], 'histogram'),
    p50: figure('p50'),
    p90: figure('p90'),
    p99: figure('p99'),
    max: figure('max'),
    client: text(fields['client'], 'client'),
    ...(gaps === undefined ? {} : { gaps: parseGaps(gaps) }),
    ...(longestGapMs === undefined
      ? {}
      : { longestGapMs: atLeastNothing(longestGapMs, 'longestGapMs') }),
  }
}

function parseGaps(value: unknown): Gap[] {
  if (value === null) return []
  if (!Array.isArray(value)) throw new Error('gaps is not a list')
  return value.map((gap: unknown) => {
    if (!Array.isArray(gap) || gap.length !== 2) throw new Error('a gap is not a pair')
    return [atLeastNothing(gap[0], 'gaps'), atLeastNothing(gap[1], 'gaps')]
  })
}

function operationKind(value: unknown): OperationKind {
  const kind = operationKinds.find((known) => known === value)
  if (kind === undefined) throw new Error(`op is ${JSON.stringify(value)}, not one that is known`)
  return kind
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${name} is not an object`)
  }
  return value as Record<string, unknown>
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new Error(`${name} is not a text`)
  return value
}

function whole(value: unknown, name: string, least: number, most: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    if (value >= least && value <= most) return value
  }
  throw new Error(`${name} is not a whole number from ${least} to ${most}`)
}

function positive(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
  throw new Error(`${name} is not a number above 0`)
}

function atLeastNothing(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw new Error(`${name} is not a number from 0 up`)
}

function seconds(value: unknown, name: string): number {
  const number = atLeastNothing(value, name)
  if (number > secondsMax) throw new Error(`${name} is over ${secondsMax}`)
  return number
}

function share(value: unknown, name: string): number {
  const number = atLeastNothing(value, name)
  if (number > 1) throw new Error(`${name} is over 1`)
  return number
}
