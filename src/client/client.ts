/** The client: what users call. Each method checks, encodes, and hands over to `Calls`. */
import type { CallId, Command, Identity, Operation, Row } from '../command/index.ts'
import { usageError } from '../errors.ts'
import { checkTimeout } from './admission.ts'
import type { Call } from './call.ts'
import { ClusterClient, consistencyOf, guarded } from './cluster-client.ts'
import type { ClientParts } from './cluster-client.ts'
import { decode, encode, encodeToken } from './encoding.ts'
import type { StatusListener } from './events.ts'
import { getMany } from './get-many.ts'
import { putMany } from './put-many.ts'
import { scanRange } from './ranges.ts'
import { Scan } from './scan.ts'
import { deleteResult, fenceResult, tokenState, unexpected, writeResult } from './settle.ts'
import type {
  BatchOperation,
  DeleteResult,
  KeyEntry,
  PutManyResult,
  PutOptions,
  PutRecord,
  ReadOptions,
  ScanOptions,
  TokenState,
  VerdictOptions,
  WriteOptions,
  WriteResult,
} from './types.ts'
import { Alarm } from './wheel.ts'
import {
  batchOperations,
  checkToken,
  deleteOperation,
  encodingsOf,
  identityOf,
  putOperation,
  recordOptions,
  refuseOptions,
  throwsMismatch,
  writePlan,
} from './write-options.ts'
import type { Encodings } from './write-options.ts'

/** How long `close` waits for the cluster to hear that the session ends. */
const farewellMs = 300

/**
 * A connected client. Every failed call says in `outcome` whether it surely had no effect
 * (`not-applied`) or may have had one (`unknown`); see `QuorateError`.
 */
export class Client extends ClusterClient {
  readonly #parts: ClientParts
  #closing: Promise<void> | undefined

  /** Made by `connect`. */
  constructor(parts: ClientParts) {
    super(parts)
    this.#parts = parts
  }

  /**
   * The cluster's time as this client knows it, ms since 1970: what tokens are dated in. It holds
   * also where this machine's clock is wrong.
   */
  get clusterTime(): number {
    return this.#parts.clusterTime.now()
  }

  /**
   * Writes one record. Resolves once it is durable on a majority. The key has 1 byte to 4 KiB encoded,
   * the value up to 1 MiB.
   *
   * Rejects with `QUORATE_USAGE` or `QUORATE_TOO_LARGE` before anything is sent; `QUORATE_CONFLICT`
   * where `ifRevision` does not hold; `QUORATE_MISMATCH` with `onMismatch: 'throw'`;
   * `QUORATE_TOKEN_EXPIRED`, `_AHEAD` or `_CANCELLED`; `QUORATE_TOKENS_FULL`; and with what any call may
   * end with: `QUORATE_TIMEOUT`, `_NO_QUORUM`, `_CONNECTION_LOST`, `_OVERLOADED`, `_DISK_FULL`,
   * `_ABORTED`, `_CLOSED`.
   *
   * @example
   * const { verdict, revision } = await db.put('candle/BTC/1', bytes, { token: 'BTC/1' })
   */
  put(key: unknown, value: unknown, options: PutOptions = {}): Promise<WriteResult> {
    return guarded(() => {
      const encodings = encodingsOf(options, this.#parts.encodings)
      const { ifRevision } = options
      const record = ifRevision === undefined ? { key, value } : { key, value, ifRevision }
      const operation = putOperation(record, encodings)
      return this.#write('put', operation, this.#identity(options), options)
    })
  }

  /**
   * Writes many records, each with its own verdict or error, in their order; not atomic. Each
   * record's budget of time begins when it is sent. Up to 1,024 are under way at once. `token` and
   * `ifRevision` belong to each record. Rejects only where the call as a whole cannot be meant; what
   * `put` would reject with stands in the record's place as `{ error }`.
   */
  putMany(records: readonly PutRecord[], options: PutOptions = {}): Promise<PutManyResult[]> {
    return guarded(() => {
      if (!Array.isArray(records)) throw usageError('`putMany` takes a list of records')
      refuseOptions(options, ['token', 'ifRevision'], 'belongs to each record of `putMany`')
      throwsMismatch(options)
      checkTimeout(options.timeout)
      encodingsOf(options, this.#parts.encodings)
      const room = (): number => this.#parts.calls.room
      return putMany(records, room, (record: PutRecord | undefined) => {
        if (typeof record !== 'object' || record === null) {
          return Promise.reject(usageError('a record is an object with `key` and `value`'))
        }
        return this.put(record.key, record.value, recordOptions(record, options))
      })
    })
  }

  /**
   * Several changes that all happen or none, under one token and with one verdict and one revision. 1 to
   * 10,000 of them, each with a key of its own, 4 MiB encoded at most; `ifRevision` belongs to each.
   *
   * Rejects as `put` does; of `QUORATE_CONFLICT`, `details.operation` says which condition failed.
   */
  batch(operations: readonly BatchOperation[], options: WriteOptions = {}): Promise<WriteResult> {
    return guarded(() => {
      refuseOptions(options, ['once'], 'a batch has no key of its own')
      refuseOptions(options, ['ifRevision'], 'belongs to the operations of a batch')
      const encodings = encodingsOf(options, this.#parts.encodings)
      const operation = {
        kind: 'batch',
        operations: batchOperations(operations, encodings),
      } as const
      return this.#write('batch', operation, this.#identity(options), options)
    })
  }

  /**
   * Removes a record, if there is one; where there is none, nothing changes, and `revision` is the
   * state's. Takes no `once`. Rejects as `put` does.
   */
  delete(key: unknown, options: WriteOptions = {}): Promise<DeleteResult> {
    return guarded(() => {
      refuseOptions(options, ['once'], 'goes with a put')
      const throwMismatch = throwsMismatch(options)
      const encodings = encodingsOf(options, this.#parts.encodings)
      const operation = deleteOperation(key, options.ifRevision, encodings)
      const identity = this.#identity(options)
      const plan = writePlan('delete', operation, identity)
      return this.#parts.calls.write(plan, options, (answer, call) =>
        deleteResult(answer, call, throwMismatch),
      )
    })
  }

  /**
   * A record's value; undefined where there is none. Rejects with `QUORATE_USAGE` where the stored bytes
   * are none of `valueEncoding`. Every failed read is `not-applied`.
   */
  get(key: unknown, options: ReadOptions = {}): Promise<unknown> {
    return this.#get('get', key, options, (row, _readRevision, encodings) =>
      row === undefined ? undefined : decode(row.value, encodings.value, 'value'),
    )
  }

  /** As `get`, with the record's revision, and the revision of the state in which it was found. */
  entry(key: unknown, options: ReadOptions = {}): Promise<KeyEntry | undefined> {
    return this.#get('entry', key, options, (row, readRevision, encodings) => {
      if (row === undefined) return undefined
      const value = decode(row.value, encodings.value, 'value')
      return { key, value, revision: row.revision, readRevision }
    })
  }

  /**
   * Values in the order of their keys; undefined where there is no record. Up to 256 keys whose
   * values fit one answer (8 MiB) are read at one revision; more are read in several steps, each of its
   * own moment. `timeout` is that of all steps together. A key may be named more than once.
   */
  getMany(keys: readonly unknown[], options: ReadOptions = {}): Promise<unknown[]> {
    return guarded(async () => {
      if (!Array.isArray(keys)) throw usageError('`getMany` takes a list of keys')
      checkTimeout(options.timeout)
      const { clock, timeoutMs } = this.#parts
      const encodings = encodingsOf(options, this.#parts.encodings)
      const encoded = keys.map((key: unknown) => this.#readKey(key, encodings))
      const deadline = clock.monotonic() + (options.timeout ?? timeoutMs)
      const rows = await getMany(encoded, (part) => {
        const timeout = Math.max(1, deadline - clock.monotonic())
        return this.#rows('getMany', part, { ...options, timeout }, (found) => found)
      })
      return rows.map((row) => row && decode(row.value, encodings.value, 'value'))
    })
  }

  /**
   * The records of a range, in the order of their keys' bytes, all as of one revision. Throws at once
   * where the options cannot be meant; iterating rejects with `QUORATE_SCANS_FULL` where the node holds
   * as many scans as it may, and with `QUORATE_SCAN_LOST` where the scan's node went, or no page was
   * asked for in 30 s.
   *
   * @example
   * for await (const { key, value } of db.scan({ prefix: 'candle/BTC/', limit: 100 })) use(key, value)
   */
  scan(options: ScanOptions = {}): Scan {
    checkTimeout(options.timeout)
    const { calls, router, encodings: defaults } = this.#parts
    const encodings = encodingsOf(options, defaults)
    return new Scan({
      calls,
      range: scanRange(options, encodings.key, router.limits.keyBytesMax),
      consistency: consistencyOf(options, this.#parts.consistency),
      keyEncoding: encodings.key,
      valueEncoding: encodings.value,
      options,
    })
  }

  /**
   * What became of a token, 1 to 256 bytes. With `fence`, one that was not used is cancelled: then no
   * late copy of a write with it can have an effect any more. A fence is a write, and rejects as `put`
   * does.
   */
  verdict(token: string | Uint8Array, options: VerdictOptions = {}): Promise<TokenState> {
    return guarded(() => {
      const { calls, clusterTime, router } = this.#parts
      const bytes = new Uint8Array(encodeToken(token))
      checkToken(bytes, options.tokenTime, router.limits.tokenBytesMax)
      if (options.fence === true) {
        // Not older than any time that this client gave a token: the fence must not be forgotten
        // while a write that it stands against could still count as young enough.
        const time = options.tokenTime ?? clusterTime.tokenTime()
        const command = (call: CallId): Command => ({ kind: 'fence', call, token: bytes, time })
        const plan = { name: 'verdict', identity: 'fence', sequenced: true, command } as const
        return calls.write({ ...plan, token: bytes }, options, fenceResult)
      }
      const consistency = consistencyOf(options, this.#parts.consistency)
      const body = { kind: 'verdict', token: bytes, time: options.tokenTime, consistency } as const
      const route = { to: consistency === 'stale' ? 'nearest' : 'reader' } as const
      return calls.read({ name: 'verdict', route, body }, options, (reply, call) => {
        if (reply.kind !== 'verdict') throw unexpected(call, reply.kind)
        return tokenState(reply.verdict)
      })
    })
  }

  /**
   * Tells what happens to the client from now on; returns what stops it. Up to 64 listeners; one more is
   * `QUORATE_USAGE`, thrown at once.
   */
  on(event: 'status', listener: StatusListener): () => void {
    if (event !== 'status') throw usageError("the only event is 'status'")
    return this.#parts.events.on(listener)
  }

  /**
   * Ends open calls with `QUORATE_CLOSED` and their outcome, tells the cluster that the session
   * ends, and closes all connections. Calling it again does nothing more.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const { calls, router, wheel, clock, events } = this.#parts
    calls.closeAll()
    await new Promise<void>((resolve) => {
      const limit = new Alarm(() => resolve())
      const told = calls.farewell(farewellMs, () => {
        wheel.clear(limit)
        resolve()
      })
      const now = clock.monotonic()
      if (told) wheel.set(limit, now + farewellMs, now)
      else resolve()
    })
    router.close()
    wheel.close()
    events.emit({ type: 'closed' })
    events.clear()
  }

  #write(
    name: string,
    operation: Operation,
    identity: Identity,
    options: WriteOptions,
  ): Promise<WriteResult> {
    const throwMismatch = throwsMismatch(options)
    const plan = writePlan(name, operation, identity)
    return this.#parts.calls.write(plan, options, (answer, call) =>
      writeResult(answer, call, throwMismatch),
    )
  }

  #identity(options: PutOptions): Identity {
    return identityOf(options, this.#parts.clusterTime)
  }

  #get<T>(
    name: string,
    key: unknown,
    options: ReadOptions,
    finish: (row: Row | undefined, readRevision: number, encodings: Encodings) => T,
  ): Promise<T> {
    return guarded(() => {
      const encodings = encodingsOf(options, this.#parts.encodings)
      const keys = [this.#readKey(key, encodings)]
      return this.#rows(name, keys, options, (rows, readRevision) =>
        finish(rows[0], readRevision, encodings),
      )
    })
  }

  #rows<T>(
    name: string,
    keys: readonly Uint8Array[],
    options: ReadOptions,
    finish: (rows: readonly (Row | undefined)[], readRevision: number) => T,
  ): Promise<T> {
    const consistency = consistencyOf(options, this.#parts.consistency)
    const route = { to: consistency === 'stale' ? 'nearest' : 'reader' } as const
    const body = { kind: 'get', keys, consistency } as const
    return this.#parts.calls.read({ name, route, body }, options, (reply, call: Call) => {
      if (reply.kind !== 'rows') throw unexpected(call, reply.kind)
      if (reply.rows.length !== keys.length) throw unexpected(call, 'too few or too many rows')
      return finish(reply.rows, reply.readRevision)
    })
  }

  #readKey(key: unknown, encodings: Encodings): Uint8Array {
    const bytes = encode(key, encodings.key, 'key')
    const { keyBytesMax } = this.#parts.router.limits
    if (bytes.length === 0) throw usageError('a key has at least one byte')
    if (bytes.length > keyBytesMax) {
      throw usageError(`a key of ${bytes.length} bytes is over the ${keyBytesMax} allowed`)
    }
    // The request leaves at the end of the turn; until then the caller may change its own bytes.
    return key instanceof Uint8Array ? new Uint8Array(bytes) : bytes
  }
}
