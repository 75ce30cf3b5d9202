/**
 * A store in memory that answers as the SDK does, correct unless a bug is asked for. Every call
 * takes a drawn number of turns before and after its effect, so that calls interleave, and some end
 * unknown: with their effect, without it, or with it later. No time passes.
 */
import { createHash } from 'node:crypto'
import { QuorateError, type BatchOperation, type Client } from 'quorate'
import type { SeededChance } from '../../../jepsen-style/workloads/chance.ts'

/** The planted bugs. */
export type Bug =
  /** Acknowledges some writes and forgets them. */
  | 'lost-write'
  /** Some reads show the state of some changes ago. */
  | 'stale-read'
  /** Conditions are not asked. */
  | 'no-conditions'
  /** Some tokens are not looked up. */
  | 'forgotten-token'
  /** The last write under a token wins. */
  | 'last-write-wins'
  /** A retry after an unknown outcome is told `duplicate` though the first had no effect. */
  | 'phantom-duplicate'
  /** A fence says that the token is absent, and does not cancel it. */
  | 'weak-fence'
  /** A batch changes only its first row, sometimes. */
  | 'torn-batch'
  /** A read of several rows takes them one after the other. */
  | 'torn-read'
  /** Scans leave out a row, sometimes. */
  | 'scan-gap'
  /** Scans ignore the direction. */
  | 'scan-order'
  /** A write that is refused for overload has its effect all the same. */
  | 'false-refusal'
  /** Some answers tell a revision that is one too low. */
  | 'wrong-revision'
  /** Some values come back with other bytes. */
  | 'rotten-value'

interface Row {
  readonly value: string
  readonly revision: number
}

type TokenRow =
  | { readonly kind: 'used'; readonly revision: number; readonly hash: string }
  | { readonly kind: 'cancelled' }

interface Result {
  readonly verdict: 'applied' | 'duplicate' | 'mismatch'
  readonly revision: number
  readonly payloadHash?: string
  readonly existed?: boolean
}

interface WriteOptions {
  readonly token?: string
  readonly once?: boolean
  readonly ifRevision?: number
}

interface ReadRange {
  readonly prefix?: string
  readonly gte?: string
  readonly lt?: string
  readonly reverse?: boolean
  readonly limit?: number
  readonly keysOnly?: boolean
}

/** How the store is to be. */
export interface StoreOptions {
  readonly chance: SeededChance
  readonly bug?: Bug
  /** Share of the writes of which nobody is told how they ended; default 0.03. */
  readonly unknown?: number
  /** Share of the calls that are refused; default 0.02. */
  readonly refused?: number
}

const turnsMax = 6
const lateTurns = 60
const staleChanges = 12
/** How often a planted bug shows, of the chances it has. */
const bugShare = 0.05

/** The store. `client()` is what workloads are given. */
export class ReferenceStore {
  readonly #options: StoreOptions
  readonly #chance: SeededChance
  /** Every state so far, by its revision: scans and stale reads look back. */
  readonly #states: ReadonlyMap<string, Row>[] = [new Map()]
  readonly #tokens = new Map<string, TokenRow>()
  #revision = 0
  /** Nothing fails, and no bug shows, once all is healed. */
  #calm = false

  constructor(options: StoreOptions) {
    this.#options = options
    this.#chance = options.chance
  }

  /** From now on calls end well; what was planted before stays as it is. */
  heal(): void {
    this.#calm = true
  }

  /** Where it behaves like a client as far as workloads go. */
  client(): Client {
    return this as unknown as Client
  }

  get clusterTime(): number {
    return 1_000
  }

  put(key: string, value: string, options: WriteOptions = {}): Promise<Result> {
    const { ifRevision } = options
    const condition = ifRevision === undefined ? {} : { ifRevision }
    return this.#write([{ type: 'put', key, value, ...condition }], options)
  }

  async putMany(
    records: readonly (WriteOptions & { readonly key: string; readonly value: string })[],
  ): Promise<(Result | { readonly error: QuorateError })[]> {
    return await Promise.all(
      records.map(({ key, value, ...options }) =>
        this.put(key, value, options).catch((error: unknown) => {
          if (error instanceof QuorateError) return { error }
          throw error
        }),
      ),
    )
  }

  batch(operations: readonly BatchOperation[], options: WriteOptions = {}): Promise<Result> {
    return this.#write(operations, options)
  }

  delete(key: string, options: WriteOptions = {}): Promise<Result> {
    return this.#write([{ type: 'delete', key }], options)
  }

  async entry(key: string): Promise<unknown> {
    await this.#before()
    const revision = this.#readRevision()
    const row = this.#states[revision]?.get(key)
    await this.#turns()
    return row && { ...row, key, value: this.#bytes(row.value), readRevision: revision }
  }

  async getMany(keys: readonly string[]): Promise<unknown[]> {
    await this.#before()
    const values: unknown[] = []
    const revision = this.#readRevision()
    for (const key of keys) {
      if (this.#options.bug === 'torn-read') await this.#turns()
      const at = this.#options.bug === 'torn-read' ? this.#revision : revision
      const row = this.#states[at]?.get(key)
      values.push(row && this.#bytes(row.value))
    }
    await this.#turns()
    return values
  }

  scan(range: ReadRange): AsyncIterable<unknown> & { revision: number | undefined } {
    const read = (): Promise<{ revision: number; rows: unknown[] }> => this.#scan(range)
    const found: AsyncIterable<unknown> & { revision: number | undefined } = {
      revision: undefined,
      async *[Symbol.asyncIterator]() {
        const { revision, rows } = await read()
        found.revision = revision
        yield* rows
      },
    }
    return found
  }

  async verdict(token: string, { fence }: { readonly fence?: boolean } = {}): Promise<unknown> {
    await this.#before()
    const row = this.#tokens.get(token)
    await this.#turns()
    if (row?.kind === 'used') {
      const { revision, hash } = row
      return { status: 'recorded', verdict: 'applied', revision, payloadHash: hash }
    }
    // What was written in the turns since is not overwritten: the fence takes effect now.
    const now = this.#tokens.get(token)
    if (fence === true && now?.kind === 'used') return await this.verdict(token, { fence })
    if (fence === true && !this.#shows('weak-fence', 1)) {
      this.#tokens.set(token, { kind: 'cancelled' })
    }
    return { status: 'absent', horizon: 0, fenced: fence === true || row?.kind === 'cancelled' }
  }

  async #write(operations: readonly BatchOperation[], options: WriteOptions): Promise<Result> {
    await this.#turns()
    const { bug, unknown = 0.03, refused = 0.02 } = this.#options
    if (!this.#calm && this.#chance.fraction() < refused) {
      if (this.#shows('false-refusal', 1)) this.#apply(operations, options)
      throw new QuorateError('QUORATE_OVERLOADED', 'too much at once')
    }
    if (!this.#calm && this.#chance.fraction() < unknown) {
      const { token } = options
      const fate = this.#chance.pick(['never', 'now', 'later'])
      if (bug === 'phantom-duplicate' && token !== undefined && fate === 'never') {
        this.#tokens.set(token, {
          kind: 'used',
          revision: this.#revision,
          hash: hashOf(operations),
        })
      }
      if (fate === 'now') this.#quietly(operations, options)
      if (fate === 'later') void this.#late(operations, options)
      throw new QuorateError('QUORATE_TIMEOUT', 'no answer within the time')
    }
    const result = this.#apply(operations, options)
    await this.#turns()
    if (!this.#shows('wrong-revision')) return result
    return { ...result, revision: result.revision - 1 }
  }

  #apply(operations: readonly BatchOperation[], options: WriteOptions): Result {
    const { token, once } = options
    const hash = hashOf(operations)
    const known = token === undefined ? undefined : this.#tokens.get(token)
    if (known?.kind === 'cancelled') throw new QuorateError('QUORATE_TOKEN_CANCELLED', 'fenced')
    if (known?.kind === 'used' && !this.#shows('forgotten-token', 0.5)) {
      const same = known.hash === hash
      if (!same && this.#shows('last-write-wins', 1)) return this.#change(operations, token, hash)
      const { revision } = known
      if (same) return { verdict: 'duplicate', revision }
      return { verdict: 'mismatch', revision, payloadHash: known.hash }
    }
    const [first] = operations
    if (once === true && first?.type === 'put' && !this.#shows('forgotten-token', 0.5)) {
      const row = this.#rows.get(String(first.key))
      if (row !== undefined && row.value === first.value)
        return { verdict: 'duplicate', revision: row.revision }
      if (row !== undefined) {
        const payloadHash = hashOf([{ ...first, value: row.value }])
        return { verdict: 'mismatch', revision: row.revision, payloadHash }
      }
    }
    return this.#change(operations, token, hash)
  }

  #change(operations: readonly BatchOperation[], token: string | undefined, hash: string): Result {
    for (const { key, ifRevision } of operations) {
      const revision = this.#rows.get(String(key))?.revision ?? 0
      if (ifRevision === undefined || ifRevision === revision) continue
      if (this.#options.bug === 'no-conditions') continue
      throw new QuorateError('QUORATE_CONFLICT', 'condition', { details: { revision } })
    }
    const existed = operations.some(({ key }) => this.#rows.has(String(key)))
    const effective = existed || operations.some(({ type }) => type === 'put')
    if (!effective) return { verdict: 'applied', revision: this.#revision, existed }
    const rows = new Map(this.#rows)
    const revision = ++this.#revision
    const lost = this.#shows('lost-write')
    const torn = this.#shows('torn-batch', 0.3)
    for (const [i, operation] of operations.entries()) {
      if (lost || (torn && i > 0)) continue
      if (operation.type === 'delete') rows.delete(String(operation.key))
      else rows.set(String(operation.key), { value: String(operation.value), revision })
    }
    this.#states.push(rows)
    if (token !== undefined) this.#tokens.set(token, { kind: 'used', revision, hash })
    return { verdict: 'applied', revision, existed }
  }

  async #late(operations: readonly BatchOperation[], options: WriteOptions): Promise<void> {
    for (let i = this.#chance.between(0, lateTurns); i > 0; i--) await Promise.resolve()
    this.#quietly(operations, options)
  }

  #quietly(operations: readonly BatchOperation[], options: WriteOptions): void {
    try {
      this.#apply(operations, options)
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
    }
  }

  async #scan(range: ReadRange): Promise<{ revision: number; rows: unknown[] }> {
    await this.#before()
    const { prefix = '', gte = prefix, lt, limit = Infinity, keysOnly } = range
    const reverse = range.reverse === true && this.#options.bug !== 'scan-order'
    const revision = this.#readRevision()
    const keys = [...(this.#states[revision]?.keys() ?? [])].filter(
      (key) => key.startsWith(prefix) && key >= gte && (lt === undefined || key < lt),
    )
    keys.sort((a, b) => (a < b ? -1 : 1) * (reverse ? -1 : 1))
    const rows: unknown[] = []
    for (const key of keys.slice(0, limit)) {
      const torn = this.#options.bug === 'torn-read'
      if (torn) await this.#turns()
      const row = this.#states[torn ? this.#revision : revision]?.get(key)
      if (row === undefined || this.#shows('scan-gap')) continue
      const value = keysOnly === true ? undefined : this.#bytes(row.value)
      rows.push({ key, value, revision: row.revision, readRevision: revision })
    }
    await this.#turns()
    return { revision, rows }
  }

  get #rows(): ReadonlyMap<string, Row> {
    return this.#states[this.#revision] ?? new Map<string, Row>()
  }

  #readRevision(): number {
    if (!this.#shows('stale-read')) return this.#revision
    return Math.max(0, this.#revision - this.#chance.between(1, staleChanges))
  }

  #bytes(value: string): Uint8Array {
    const bytes = Buffer.from(value)
    if (this.#shows('rotten-value', 0.01) && bytes.length > 0) bytes[0] = (bytes[0] ?? 0) ^ 0x40
    return bytes
  }

  #shows(bug: Bug, share = bugShare): boolean {
    if (this.#options.bug !== bug) return false
    return this.#chance.fraction() < share
  }

  async #before(): Promise<void> {
    await this.#turns()
    const { refused = 0.02 } = this.#options
    if (this.#calm || this.#chance.fraction() >= refused) return
    throw new QuorateError('QUORATE_TIMEOUT', 'no answer', { outcome: 'not-applied' })
  }

  async #turns(): Promise<void> {
    for (let i = this.#chance.between(0, turnsMax); i > 0; i--) await Promise.resolve()
  }
}

function hashOf(operations: readonly BatchOperation[]): string {
  return createHash('sha256').update(JSON.stringify(operations)).digest('hex').slice(0, 16)
}
