/**
 * `collect`: writes what a source offers as several collector replicas would.
 *
 * Every replica writes every record through a client of its own, as replicas on several machines
 * that fetch the same market do. Each record is stored once; the counts say who was first.
 */
import { assert } from '../assert.ts'
import { usageError, type QuorateError } from '../errors.ts'
import type { Clock, Random } from '../ports.ts'
import { FanOut } from './fan-out.ts'
import type { LineSource } from './lines.ts'
import { recordsFromLines } from './records.ts'
import { Replica, type Rejection } from './replica.ts'
import { Run, type Counts, type RetryReason, type StopReason } from './run.ts'
import { isConstant, type Template } from './template.ts'
import type { RecordWriter } from './writer.ts'

export const replicasMax = 64
/** A client session has room for this many open calls. */
export const inFlightMaxMax = 4096
const inFlightMaxDefault = 256
const progressMsDefault = 1_000

/** Options of `collect`. */
export interface CollectOptions {
  readonly source: LineSource
  readonly replicas: number
  /**
   * Opens a client for one replica, once the source has something for it. Call `onRetry` whenever
   * that client repeats a request, so that the report can count it and say why. The client must
   * bound its single attempts itself: a call's budget is a day here (see `callTimeoutMs`).
   */
  readonly connect: (onRetry: (reason?: RetryReason) => void) => Promise<RecordWriter>
  readonly keyTemplate: Template
  /** What identifies a record between calls. Exactly one of this and `once`. */
  readonly tokenTemplate?: Template
  /** The key is the identity. */
  readonly once?: boolean
  /** Ends the run after this long; what has no verdict then is `undecided`. Default: never. */
  readonly giveUpAfterMs?: number
  /** Calls in flight per replica. Default 256. */
  readonly inFlightMax?: number
  readonly onProgress?: (progress: Progress) => void
  /** Default 1,000. */
  readonly progressMs?: number
  readonly onRejected?: (rejection: Rejection) => void
  /** Ends the run, as giving up does. */
  readonly signal?: AbortSignal
  readonly clock: Clock
  readonly random: Random
  /**
   * When tokens are made, ms since 1970. Default: the clock's wall time. Where the cluster's time
   * is known it is the better one, because a machine whose clock is a day behind makes only tokens
   * that have expired. Asked only once a replica is connected.
   */
  readonly tokenNow?: () => number
}

/** How far a run is. */
export interface Progress extends Counts {
  /** Lines read. */
  readonly records: number
  readonly replicas: number
  readonly retries: number
  /** Why the last retry was made. Undefined: there was none, or nobody told. */
  readonly lastRetry: RetryReason | undefined
  readonly inFlight: number
  readonly seconds: number
  /** Verdicts per second, over all replicas. */
  readonly perSecond: number
}

/**
 * How a run ended. Always: `applied + duplicate + mismatch + rejected + undecided = records ×
 * replicas`, and `undecided` is 0 unless it gave up or was aborted.
 */
export interface CollectReport extends Progress {
  readonly undecided: number
  /**
   * Duplicates that followed an unknown outcome of the same replica's earlier call. They may have
   * been its own work: `applied` is exact where this is 0, which takes a call that stayed without
   * an answer for a day, or a session that ended under it, to be otherwise.
   */
  readonly duplicateAfterUnknown: number
  readonly gaveUp: boolean
  readonly aborted: boolean
  /** Why the source ended early, with what came before it written: a cut gzip, say. */
  readonly sourceError: QuorateError | undefined
}

/**
 * Writes all that the source has, and returns once every record has a verdict from every replica.
 * Throws where no record could ever succeed: bad options, the wrong cluster, a closed client.
 */
export async function collect(options: CollectOptions): Promise<CollectReport> {
  checkOptions(options)
  const { clock, signal } = options
  const start = clock.monotonic()
  const run = new Run(clock, options.random)
  const fanOuts = openSource(options, run)
  const replicas = startReplicas(options, run, fanOuts)
  const progress = (): Progress =>
    progressOf(run, fanOuts, replicas, (clock.monotonic() - start) / 1000)

  const onAbort = (): void => run.stop('aborted')
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted === true) onAbort()
  const cancelProgress = repeat(clock, options.progressMs ?? progressMsDefault, () =>
    options.onProgress?.(progress()),
  )
  const cancelGiveUp =
    options.giveUpAfterMs === undefined
      ? undefined
      : clock.timer(options.giveUpAfterMs, () => run.stop('gaveUp'))
  try {
    // The readers are not waited for: one that waits for a pipe when the run stops would never
    // come back, and where the run does not stop the replicas end after the readers anyway.
    for (const fanOut of fanOuts) void fanOut.read()
    await Promise.all(replicas.map(async (replica) => await replica.work()))
  } finally {
    cancelProgress()
    cancelGiveUp?.()
    signal?.removeEventListener('abort', onAbort)
  }
  if (run.stopReason === 'failed') {
    // What was written before is written, and is told.
    options.onProgress?.(progress())
    throw run.error
  }
  const report = reportOf(run, fanOuts, progress())
  options.onProgress?.(report)
  return report
}

function checkOptions(options: CollectOptions): void {
  const { replicas, once = false, tokenTemplate, keyTemplate } = options
  checkCount('replicas', replicas, replicasMax)
  checkCount('inFlightMax', options.inFlightMax ?? inFlightMaxDefault, inFlightMaxMax)
  if (once === (tokenTemplate !== undefined)) {
    // Without an identity a record whose outcome is unknown could never be retried safely.
    throw usageError('collecting takes a token template or once, and not both')
  }
  const identity = tokenTemplate ?? keyTemplate
  if (isConstant(identity)) {
    throw usageError(`'${identity.text}' names no {field}: all records would pass for one`)
  }
}

function checkCount(name: string, count: number, max: number): void {
  if (!Number.isInteger(count) || count < 1 || count > max) {
    throw usageError(`${name} must be a whole number from 1 to ${max}`)
  }
}

/** One window for all replicas, or one for each. */
function openSource(options: CollectOptions, run: Run): readonly FanOut[] {
  const { source, replicas, clock } = options
  const isShared = source.kind === 'shared'
  const abort = new AbortController()
  const templates = { key: options.keyTemplate, token: options.tokenTemplate }
  const fanOuts = Array.from(
    { length: isShared ? 1 : replicas },
    (_, replica) =>
      new FanOut({
        offers: recordsFromLines(source.open(replica, abort.signal), templates),
        replicas: isShared ? replicas : 1,
        tokenNow: options.tokenNow ?? ((): number => clock.wall()),
        onFatal: (error) => run.fail(error),
      }),
  )
  run.onStop(() => {
    abort.abort()
    for (const fanOut of fanOuts) fanOut.stop()
  })
  return fanOuts
}

function startReplicas(
  options: CollectOptions,
  run: Run,
  fanOuts: readonly FanOut[],
): readonly Replica[] {
  const isShared = options.source.kind === 'shared'
  const cursors = fanOuts.flatMap((fanOut) => fanOut.cursors)
  assert(cursors.length === options.replicas, 'every replica has its place')
  return cursors.map(
    (cursor, replica) =>
      new Replica({
        replica,
        run,
        cursor,
        connect: options.connect,
        once: options.once ?? false,
        inFlightMax: options.inFlightMax ?? inFlightMaxDefault,
        reportsLines: !isShared || replica === 0,
        onRejected: options.onRejected ?? ((): void => {}),
      }),
  )
}

/** Calls back at every interval until cancelled. */
function repeat(clock: Clock, intervalMs: number, callback: () => void): () => void {
  let cancel = clock.timer(intervalMs, again)
  return () => cancel()

  function again(): void {
    cancel = clock.timer(intervalMs, again)
    callback()
  }
}

function progressOf(
  run: Run,
  fanOuts: readonly FanOut[],
  replicas: readonly Replica[],
  seconds: number,
): Progress {
  const { applied, duplicate, mismatch, rejected } = run.counts
  const answered = applied + duplicate + mismatch
  return {
    records: Math.max(...fanOuts.map((fanOut) => fanOut.lines)),
    replicas: replicas.length,
    applied,
    duplicate,
    mismatch,
    rejected,
    retries: run.retries,
    lastRetry: run.lastRetry,
    inFlight: replicas.reduce((sum, replica) => sum + replica.inFlight, 0),
    seconds,
    perSecond: seconds > 0 ? answered / seconds : 0,
  }
}

function reportOf(run: Run, fanOuts: readonly FanOut[], progress: Progress): CollectReport {
  const reason: StopReason | undefined = run.stopReason
  const undecided = progress.records * progress.replicas - run.decided
  assert(undecided >= 0, 'no record gets two verdicts from one replica')
  const sourceError = fanOuts.find((fanOut) => fanOut.failure !== undefined)?.failure
  // Sources of their own may end at different places only where one of them failed.
  const mayDiffer = reason !== undefined || sourceError !== undefined
  assert(undecided === 0 || mayDiffer, 'every record has a verdict from every replica')
  return {
    ...progress,
    undecided,
    duplicateAfterUnknown: run.duplicateAfterUnknown,
    gaveUp: reason === 'gaveUp',
    aborted: reason === 'aborted',
    sourceError,
  }
}
