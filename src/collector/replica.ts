/** One replica: its own client, its own place in the source, its own calls in flight. */
import { setMaxListeners } from 'node:events'
import { assert } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import type { Cursor } from './fan-out.ts'
import type { CollectedRecord } from './records.ts'
import type { RetryReason, Run } from './run.ts'
import { Wakeup } from './wakeup.ts'
import { fateOf, type RecordPutOptions, type RecordWriter } from './writer.ts'

/** A replica's calls in flight hold at most this many bytes, or one record. */
export const inFlightBytesMax = 16_777_216

/**
 * The budget of one call: a day. It is this long on purpose. As long as it is the same call, the
 * client's session answers a retry with the call's first answer, and a record that took effect
 * just before the connection was lost stays `applied`. A new call with the same token would be
 * told `duplicate`, and the run would count one applied record too few.
 */
export const callTimeoutMs = 86_400_000

/** A record that was refused for good. */
export interface Rejection {
  readonly line: number
  /** From 0; undefined: the line itself is bad, and every replica refuses it. */
  readonly replica: number | undefined
  /** For people; names fields, columns and error codes, never content. */
  readonly reason: string
}

/** Options of `Replica`. */
export interface ReplicaOptions {
  readonly replica: number
  readonly run: Run
  readonly cursor: Cursor
  readonly connect: (onRetry: (reason?: RetryReason) => void) => Promise<RecordWriter>
  readonly once: boolean
  readonly inFlightMax: number
  /** Whether this replica is the one that reports bad lines of the source. */
  readonly reportsLines: boolean
  readonly onRejected: (rejection: Rejection) => void
}

/** See the top of this file. */
export class Replica {
  readonly #options: ReplicaOptions
  readonly #abort = new AbortController()
  readonly #settled = new Wakeup()
  #inFlight = 0
  #inFlightBytes = 0

  constructor(options: ReplicaOptions) {
    this.#options = options
    // Every call in flight may listen to this one signal. They are bounded by `inFlightMax`, and
    // Node would take more than ten of them for a leak and say so on stderr.
    setMaxListeners(0, this.#abort.signal)
  }

  /** Calls that wait for an answer. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Writes all there is; returns when each record has its verdict, or the run has stopped. */
  async work(): Promise<void> {
    const { run, cursor } = this.#options
    const forget = run.onStop(() => {
      this.#abort.abort()
      this.#settled.wake()
    })
    try {
      // A source that can't be read is told at once, not when the cluster is there at last.
      if (!(await cursor.more())) return
      const writer = await this.#connect()
      if (writer === undefined) return
      try {
        await this.#writeAll(writer)
      } finally {
        await closeQuietly(writer)
      }
    } catch (error) {
      run.fail(error)
    } finally {
      forget()
    }
  }

  /** Undefined: the run stopped first. */
  async #connect(): Promise<RecordWriter | undefined> {
    const { run } = this.#options
    let delayMs = 0
    while (!run.stopped) {
      try {
        return await this.#connectOrStop()
      } catch (error) {
        if (run.stopped) return undefined
        // There is no record yet that could be at fault, so whatever a retry cannot heal is fatal.
        if (!(error instanceof QuorateError) || fateOf(error) !== 'retry') throw error
        run.retried(error)
      }
      delayMs = await run.backoff(delayMs)
    }
    return undefined
  }

  /** A client that arrives after the run stopped is closed, not waited for. */
  async #connectOrStop(): Promise<RecordWriter | undefined> {
    const { run, connect } = this.#options
    let forget = (): void => {}
    const stopped = new Promise<undefined>((resolve) => {
      forget = run.onStop(() => resolve(undefined))
    })
    const connecting = connect((reason) => run.retried(reason))
    try {
      const writer = await Promise.race([connecting, stopped])
      if (writer === undefined) closeLater(connecting)
      return writer
    } finally {
      forget()
    }
  }

  async #writeAll(writer: RecordWriter): Promise<void> {
    const { run, cursor } = this.#options
    while (!run.stopped) {
      const next = cursor.take()
      if (next === undefined) {
        if (!(await cursor.more())) break
      } else if (next.offer.kind === 'refused') {
        this.#refuse(next.offer.line, next.offer.problem)
      } else {
        await this.#waitForRoom(next.offer.bytes.length)
        if (run.stopped) break
        this.#start(writer, next.offer, next.tokenTime)
      }
    }
    while (this.#inFlight > 0) await this.#settled.wait()
  }

  async #waitForRoom(bytes: number): Promise<void> {
    const { run, inFlightMax } = this.#options
    while (!run.stopped && this.#inFlight > 0) {
      const hasRoom = this.#inFlightBytes + bytes <= inFlightBytesMax
      if (this.#inFlight < inFlightMax && hasRoom) return
      await this.#settled.wait()
    }
  }

  #start(writer: RecordWriter, record: CollectedRecord, tokenTime: number): void {
    this.#inFlight += 1
    this.#inFlightBytes += record.bytes.length
    assert(this.#inFlight <= this.#options.inFlightMax, 'calls in flight stay under their cap')
    void this.#write(writer, record, tokenTime)
      .catch((error: unknown) => this.#options.run.fail(error))
      .finally(() => {
        this.#inFlight -= 1
        this.#inFlightBytes -= record.bytes.length
        this.#settled.wake()
      })
  }

  /**
   * Writes one record until it has a verdict. Every call for it carries the same token and the
   * same token time: were the time taken anew, a retry after the token's retention would find no
   * token, pass for new, and take effect a second time. With the old time it is refused instead.
   */
  async #write(writer: RecordWriter, record: CollectedRecord, tokenTime: number): Promise<void> {
    const { run } = this.#options
    const options = this.#putOptions(record, tokenTime)
    let wasUnknown = false
    let delayMs = 0
    while (!run.stopped) {
      try {
        const { verdict } = await writer.put(record.key, record.bytes, options)
        run.counts[verdict] += 1
        if (verdict === 'duplicate' && wasUnknown) run.duplicateAfterUnknown += 1
        return
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error
        // The run ended this call itself. Whether it took effect is for the next run to find out.
        if (run.stopped) return
        const fate = fateOf(error)
        if (fate === 'fatal') throw error
        if (fate === 'reject') {
          this.#reject(record.line, error)
          return
        }
        wasUnknown ||= error.outcome === 'unknown'
        run.retried(error)
      }
      delayMs = await run.backoff(delayMs)
    }
  }

  #putOptions(record: CollectedRecord, tokenTime: number): RecordPutOptions {
    const { signal } = this.#abort
    if (this.#options.once) return { timeout: callTimeoutMs, signal, once: true }
    const { token } = record
    assert(token !== undefined, 'without once, every record has a token')
    return { timeout: callTimeoutMs, signal, token, tokenTime }
  }

  #refuse(line: number, problem: string): void {
    this.#options.run.counts.rejected += 1
    if (this.#options.reportsLines) {
      this.#options.onRejected({ line, replica: undefined, reason: problem })
    }
  }

  #reject(line: number, error: QuorateError): void {
    const { run, replica, onRejected } = this.#options
    run.counts.rejected += 1
    onRejected({ line, replica, reason: `${error.code}: ${error.message}` })
  }
}

/**
 * Says goodbye. Every verdict is in by now (or the run has stopped), so a cluster that does not
 * hear it costs no record, and must not cost the report.
 */
async function closeQuietly(writer: RecordWriter): Promise<void> {
  try {
    await writer.close()
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error
  }
}

function closeLater(connecting: Promise<RecordWriter>): void {
  // It could not connect: then there is nothing to close, and nobody left to tell.
  connecting.then(closeQuietly, () => {})
}
