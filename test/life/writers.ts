/** A load that remembers what it was told, and judges afterwards what the cluster holds. */
import { QuorateError } from '../../src/index.ts'
import type { Client } from '../../src/index.ts'
import { pause } from './nodes.ts'

interface WriterOptions {
  readonly db: Client
  /** Of the keys, which are the tokens as well. */
  readonly prefix: string
  readonly writers: number
  /** Pause of a writer between two calls, ms. Default: none. */
  readonly pauseMs?: number
  /** Bytes of a value, at least. Default: as short as it can be. */
  readonly valueBytes?: number
  /** Budget of a call, ms. Default 20,000. */
  readonly timeoutMs?: number
}

/** What the cluster holds of it that it should not, or lacks. Empty: all is well. */
export interface Judgement {
  readonly acknowledged: number
  readonly stored: number
  readonly faults: readonly string[]
}

/** More than this is not listed. */
const faultsMax = 20

export class Writers {
  /** By key: the revision it was told. */
  readonly acknowledged = new Map<string, number>()
  /** Calls that failed, by code. */
  readonly failed = new Map<string, number>()
  /** When the last one was acknowledged, and the longest time between two, ms. */
  lastAt = performance.now()
  longestGapMs = 0
  readonly #options: WriterOptions
  readonly #offered = new Map<string, string>()
  readonly #verdicts = new Map<string, string>()
  readonly #running: readonly Promise<void>[]
  #stopped = false

  constructor(options: WriterOptions) {
    this.#options = options
    this.#running = Array.from({ length: options.writers }, (_, writer) => this.#write(writer))
  }

  /** No further call is made; resolves once those under way have ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  /** Begins to look for the longest time between two acknowledgements anew. */
  watchGap(): void {
    this.lastAt = performance.now()
    this.longestGapMs = 0
  }

  /**
   * All that was acknowledged is there at its revision, nothing else was made up, no revision stands
   * for two, and a token of before is a duplicate now.
   */
  async judge(db: Client): Promise<Judgement> {
    const faults: string[] = []
    const blame = (fault: string): void => {
      if (faults.length < faultsMax) faults.push(fault)
    }
    const stored = new Map<string, { value: unknown; revision: number }>()
    for await (const entry of db.scan({ prefix: this.#options.prefix, valueEncoding: 'utf8' })) {
      stored.set(String(entry.key), { value: entry.value, revision: entry.revision })
    }
    for (const [key, revision] of this.acknowledged) {
      const found = stored.get(key)
      if (found === undefined) blame(`${key} was acknowledged and is missing`)
      else if (found.revision !== revision) {
        blame(`${key} was acknowledged at revision ${revision} and stands at ${found.revision}`)
      }
    }
    const revisions = new Set<number>()
    for (const [key, { value, revision }] of stored) {
      if (value !== this.#offered.get(key)) blame(`${key} holds what nobody wrote`)
      if (revisions.has(revision)) blame(`revision ${revision} stands for two`)
      revisions.add(revision)
    }
    for (const [key, verdict] of this.#verdicts) {
      if (verdict !== 'applied') blame(`${key} was written once and answered ${verdict}`)
    }
    await this.#judgeTokens(db, blame)
    return { acknowledged: this.acknowledged.size, stored: stored.size, faults }
  }

  async #judgeTokens(db: Client, blame: (fault: string) => void): Promise<void> {
    const keys = [...this.acknowledged.keys()]
    const step = Math.max(1, Math.floor(keys.length / 50))
    for (let i = 0; i < keys.length; i += step) {
      const key = keys[i] ?? ''
      const again = await db.put(key, this.#offered.get(key), { token: key, timeout: 30_000 })
      if (again.verdict !== 'duplicate' || again.revision !== this.acknowledged.get(key)) {
        blame(`${key} written again is ${again.verdict} at ${again.revision}`)
      }
    }
  }

  async #write(writer: number): Promise<void> {
    const { db, prefix, pauseMs = 0, valueBytes = 0, timeoutMs = 20_000 } = this.#options
    for (let i = 0; !this.#stopped; i++) {
      const key = `${prefix}${writer}/${i}`
      const value = `value ${writer} ${i}`.padEnd(valueBytes, '.')
      this.#offered.set(key, value)
      try {
        const { revision, verdict } = await db.put(key, value, { token: key, timeout: timeoutMs })
        this.acknowledged.set(key, revision)
        // A retry inside the call finds its own first attempt; that is what tokens are for.
        if (verdict === 'mismatch') this.#verdicts.set(key, verdict)
        const now = performance.now()
        this.longestGapMs = Math.max(this.longestGapMs, now - this.lastAt)
        this.lastAt = now
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error
        this.failed.set(error.code, (this.failed.get(error.code) ?? 0) + 1)
        await pause(5)
      }
      if (pauseMs > 0) await pause(pauseMs)
    }
  }
}
