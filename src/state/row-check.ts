/**
 * Rows that come from elsewhere, judged one by one and as a whole: are they a state that this
 * code could have written? Their seals say only that they are what was sent. A state with rows
 * missing, twice or out of place would be opened, and would answer what no other node does.
 */
import { assert, present } from '../assert.ts'
import { ByteReader } from '../command/index.ts'
import {
  isSessionKey,
  keyspaces,
  readApplied,
  readConfigurationRow,
  readData,
  readHistory,
  readSettings,
  readToken,
  sealBytes,
  sealProblem,
} from './layout.ts'
import type { AppliedRow } from './layout.ts'
import { minuteOf } from './live-counts.ts'
import { readSession } from './session-row.ts'

/** Bytes of a key with its keyspace: what the format of commands can carry, and one. */
const keyBytes = { least: 1, most: 1 + 0xffff }
const tombstoneKeyBytes = 1 + 8 + 2
const minuteKeyBytes = 1 + 6

/** Looks at rows in the order of their keys. Every answer is what is wrong, or undefined. */
export class RowCheck {
  #previous: Uint8Array | undefined
  #applied: AppliedRow | undefined
  #settingsSeen = false
  #historyId: string | undefined
  #liveTokens = 0
  records = 0
  tokens = 0
  sessions = 0
  rows = 0

  /** Known once the first row was seen. */
  get applied(): AppliedRow | undefined {
    return this.#applied
  }

  /** Hex. */
  get historyId(): string | undefined {
    return this.#historyId
  }

  /** The next row, sealed. */
  next(key: Uint8Array, row: Uint8Array): string | undefined {
    if (key.length < keyBytes.least || key.length > keyBytes.most) return 'a row has no key'
    const problem = this.#problemOf(key, row)
    if (problem === undefined) {
      this.#previous = key
      this.rows++
      return undefined
    }
    const keyspace = (key[0] ?? 0).toString(16).padStart(2, '0')
    return `a row of keyspace ${keyspace} is bad: ${problem}`
  }

  /** After the last row. */
  end(): string | undefined {
    if (this.#applied === undefined) return 'there is no applied row'
    if (!this.#settingsSeen) return 'there is no settings row'
    const { tokens } = this.#applied
    if (this.#liveTokens === tokens) return undefined
    return `the minutes count ${this.#liveTokens} live tokens, the applied row ${tokens}`
  }

  #problemOf(key: Uint8Array, row: Uint8Array): string | undefined {
    const previous = this.#previous
    if (previous !== undefined && Buffer.compare(key, previous) <= 0) {
      return 'it does not come after the one before'
    }
    // The applied row's key is the smallest, so what comes before it can be nothing else.
    if ((key[0] === keyspaces.applied) !== (previous === undefined)) return 'it is out of place'
    const problem = sealProblem(key, row)
    if (problem !== undefined) return problem
    const reader = new ByteReader(row.subarray(sealBytes))
    try {
      this.#read(key, reader)
      reader.end()
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : 'it cannot be read'
    }
  }

  #read(key: Uint8Array, reader: ByteReader): void {
    const keyspace: number = present(key[0], 'a key has its keyspace')
    switch (keyspace) {
      case keyspaces.applied:
        assert(key.length === 1, 'there is one such row')
        this.#applied = readApplied(reader)
        break
      case keyspaces.settings:
        assert(key.length === 1, 'there is one such row')
        readSettings(reader)
        this.#settingsSeen = true
        break
      case keyspaces.tokenMinutes:
        assert(key.length === minuteKeyBytes, 'a minute has six bytes')
        this.#minute(new ByteReader(key.subarray(1)).u48(), reader.u64())
        break
      case keyspaces.configuration:
        assert(key.length === 1, 'there is one such row')
        assert(readConfigurationRow(reader).index <= this.#index, 'its entry was applied')
        break
      case keyspaces.history:
        assert(key.length === 1, 'there is one such row')
        this.#historyId = Buffer.from(readHistory(reader)).toString('hex')
        break
      case keyspaces.data: {
        assert(key.length > 1, 'a record has a key')
        const { revision } = readData(reader.raw(reader.remaining))
        assert(revision <= this.#revision, 'its revision is not above that of the state')
        this.records++
        break
      }
      case keyspaces.tokens:
        assert(key.length > 1, 'a token has bytes')
        readToken(reader)
        this.tokens++
        break
      case keyspaces.sessions:
        assert(isSessionKey(key), 'its key is a session')
        readSession(reader)
        this.sessions++
        break
      case keyspaces.tombstones:
        assert(key.length === tombstoneKeyBytes, 'its key is a revision and an operation')
        // Its payload is the key that was deleted.
        assert(reader.raw(reader.remaining).length > 0, 'a deleted record had a key')
        break
      default:
        assert(false, 'this build knows no such keyspace')
    }
  }

  #minute(minute: number, count: number): void {
    assert(count >= 1, 'a stored minute counts something')
    const horizon = this.#applied?.tokenHorizon ?? 0
    assert(minute >= minuteOf(horizon), 'only live minutes are stored')
    this.#liveTokens += count
  }

  get #index(): number {
    return this.#applied?.index ?? 0
  }

  get #revision(): number {
    return this.#applied?.revision ?? 0
  }
}
