/**
 * What the clients of a lifetime share: the keys they write, the tokens that several of them use as
 * replicas of a collector do, and the revisions that one of them has read.
 */
import type { Random } from '../../../src/ports.ts'
import { randomBetween, randomFraction } from '../../../src/random.ts'
import type { Change, Outcome, Request, WriteRequest } from './history.ts'
import type { SettingChange, WorkloadMix } from './mix.ts'
import { tokenOf } from './values.ts'

/** Tokens that may be used again; old ones give way by chance, so some come back very late. */
const recordsMax = 64
/** Tokens of calls that ended `unknown`. */
const doubtfulMax = 32
/** A token that is used again is mostly one of the last few: the other replicas come soon. */
const recentMax = 4

/** A record that collectors write: a token, and what is written under it. */
export interface TokenRecord {
  readonly number: number
  readonly token: string
  /** What its calls give; undefined: what the SDK takes. */
  readonly tokenTime: number | undefined
  /** Undefined for a token that was only asked about so far. */
  write: WriteRequest | undefined
  /** Payloads so far. */
  payloads: number
}

/** A key that is its own identity. */
export interface OnceKey {
  readonly number: number
  readonly key: string
  /** Counts on with each delete, so that a record made anew is mostly another one. */
  payload: number
}

/** What all clients of a lifetime know together. */
export class Keyspace {
  readonly keys: readonly string[]
  readonly onceKeys: readonly OnceKey[]
  /** Settings that are still to be written at the beginning. */
  readonly settings: SettingChange[]
  readonly #hotKeys: number
  readonly #records: TokenRecord[] = []
  readonly #doubtful: TokenRecord[] = []
  readonly #byToken = new Map<string, TokenRecord>()
  readonly #revisions = new Map<string, number>()
  #recordNumber = 0

  constructor(mix: WorkloadMix) {
    this.#hotKeys = mix.hotKeys
    this.keys = Array.from({ length: mix.keys }, (_, i) => keyName(i))
    this.onceKeys = Array.from({ length: mix.onceKeys }, (_, number) => ({
      number,
      key: `o/${number}`,
      payload: 0,
    }))
    this.settings = [...mix.settings]
  }

  /** A key: mostly a hot one. */
  key(random: Random): string {
    const hot = randomFraction(random) < 0.7
    const count = hot ? this.#hotKeys : this.keys.length
    return this.keys[randomBetween(random, 0, count)] ?? ''
  }

  /** Different keys, at most so many. */
  someKeys(random: Random, count: number): string[] {
    const picked = new Set<string>()
    for (let i = 0; i < count; i++) picked.add(this.key(random))
    return [...picked]
  }

  onceKey(random: Random): OnceKey {
    const key = this.onceKeys[randomBetween(random, 0, this.onceKeys.length)]
    if (key === undefined) throw new Error('a keyspace has a key for `once`')
    return key
  }

  /** The newest revision of the key that any client was told of; 0: none, or no record. */
  revision(key: string): number {
    return this.#revisions.get(key) ?? 0
  }

  /** A token that nobody has used. */
  newRecord(random: Random, tokenTime: number | undefined): TokenRecord {
    const number = ++this.#recordNumber
    const token = tokenOf(number)
    const record: TokenRecord = { number, token, tokenTime, write: undefined, payloads: 0 }
    this.#byToken.set(token, record)
    if (this.#records.length >= recordsMax) {
      // The last few stay: they are what repeats are for.
      const [gone] = this.#records.splice(randomBetween(random, 0, recordsMax - recentMax), 1)
      if (gone !== undefined && !this.#doubtful.includes(gone)) this.#byToken.delete(gone.token)
    }
    this.#records.push(record)
    return record
  }

  /** A token that was used, or asked about, before. */
  record(random: Random): TokenRecord | undefined {
    const { length } = this.#records
    const recent = randomFraction(random) < 0.6 ? Math.min(length, recentMax) : length
    return this.#records[length - 1 - randomBetween(random, 0, recent)]
  }

  /** A token of a call of which nobody knows whether it took effect. */
  doubtful(random: Random): TokenRecord | undefined {
    return this.#doubtful[randomBetween(random, 0, this.#doubtful.length)]
  }

  /** Learns from what a client was told. */
  learn(request: Request, outcome: Outcome): void {
    switch (request.kind) {
      case 'put':
      case 'delete':
      case 'batch':
        this.#learnWrite(request, outcome)
        break
      case 'get':
      case 'scan':
        if (outcome.type === 'read') {
          for (const row of outcome.rows) if (row !== undefined) this.#see(row.key, row.revision)
        }
        break
      case 'verdict':
        if (request.fence && outcome.type === 'token') this.#settle(request.token)
        break
      case 'setting':
        break
    }
  }

  #learnWrite({ changes, token }: WriteRequest, outcome: Outcome): void {
    if (outcome.type === 'written' && outcome.verdict === 'applied') {
      for (const { key, value } of changes) {
        if (value !== undefined) this.#see(key, outcome.revision)
        else this.#revisions.delete(key)
      }
    } else if (outcome.type === 'failed') {
      this.#learnFailure(changes, outcome)
      const record = token === undefined ? undefined : this.#byToken.get(token)
      const doubtful = outcome.outcome === 'unknown' && record !== undefined
      if (doubtful && !this.#doubtful.includes(record)) {
        this.#doubtful.push(record)
        if (this.#doubtful.length > doubtfulMax) this.#drop(this.#doubtful[0])
      }
    }
  }

  #learnFailure(
    changes: readonly Change[],
    { operation, revision }: { readonly operation?: number; readonly revision?: number },
  ): void {
    const key = operation === undefined ? undefined : changes[operation]?.key
    if (key === undefined || revision === undefined) return
    if (revision === 0) this.#revisions.delete(key)
    else this.#see(key, revision)
  }

  #see(key: string, revision: number): void {
    if (revision > this.revision(key)) this.#revisions.set(key, revision)
  }

  /** Fenced: a write that comes after it is what a fence is for, so it is soon used again. */
  #settle(token: string): void {
    const record = this.#byToken.get(token)
    if (record === undefined) return
    const at = this.#records.indexOf(record)
    if (at === -1) return this.#drop(record)
    this.#drop(record)
    this.#records.splice(at, 1)
    this.#records.push(record)
  }

  #drop(record: TokenRecord | undefined): void {
    const at = record === undefined ? -1 : this.#doubtful.indexOf(record)
    if (record === undefined || at === -1) return
    this.#doubtful.splice(at, 1)
    if (!this.#records.includes(record)) this.#byToken.delete(record.token)
  }
}

/** Two groups for scans by prefix; a few keys are long. */
function keyName(i: number): string {
  const group = i % 3 === 2 ? 'b/' : 'a/'
  return i % 16 === 7 ? `${group}${i}/${'long-'.repeat(20)}` : `${group}${i}`
}
