/**
 * The state machine once more, as naively as the rules can be written: plain objects, everything
 * kept for ever, counted by going through all of it. It shares with the real one only the
 * encodings of rows, so that digests can be compared, and none of its decisions.
 */
import { createHash } from 'node:crypto'
import { unreachable } from '../../src/assert.ts'
import { ByteWriter, encodeCommand, encodeEntry, encodeOperation } from '../../src/command/index.ts'
import { defaultSettings } from '../../src/command/index.ts'
import type { Answer, Command, Operation, Settings, TokenVerdict } from '../../src/command/index.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { encodeSettings, encodeToken } from '../../src/state/layout.ts'
import { answerLength, encodeSession, writeAnswer } from '../../src/state/session-row.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const hour = 3_600_000
const week = 7 * 24 * hour

interface ModelSession {
  birth: number
  closed: boolean
  lastWrite: number
  firstOutstanding: number
  /** By sequence: the command's bytes without its call, and the answer. */
  answers: Map<number, { fingerprint: number; body: string; answer: Answer }>
}

interface ModelToken {
  base: number
  cancelled: boolean
  revision: number
  existed: boolean | undefined
  payload: string
}

/** An entry as the model takes it. */
export interface ModelEntry {
  readonly stamp: number
  readonly commands: readonly Command[]
}

export class Model {
  index = 0
  revision = 0
  time = 0
  tokenHorizon = 0
  sessionHorizon = 0
  settings: Settings = defaultSettings
  readonly rows = new Map<string, { value: Uint8Array; revision: number }>()
  readonly tokens = new Map<string, ModelToken>()
  /** The base of every token ever written. */
  readonly bases: number[] = []
  readonly sessions = new Map<string, ModelSession>()
  readonly tombstones: { revision: number; operation: number; key: string }[] = []
  effects: Buffer = Buffer.alloc(32)

  apply({ stamp, commands }: ModelEntry): Answer[] {
    this.index++
    this.time = Math.max(this.time, stamp)
    this.#moveHorizons()
    const answers = commands.map((command) => this.#command(command))
    const numbers = Buffer.alloc(24)
    numbers.writeBigUInt64BE(BigInt(this.index), 0)
    numbers.writeBigUInt64BE(1n, 8)
    numbers.writeBigUInt64BE(BigInt(this.revision), 16)
    const chain = createHash('sha256').update(this.effects).update(numbers)
    for (const answer of answers) {
      const writer = new ByteWriter(answerLength(answer))
      writeAnswer(writer, answer)
      const bytes = writer.done()
      chain.update(Buffer.from([bytes.length >> 8, bytes.length & 0xff])).update(bytes)
    }
    this.effects = chain.update(encodeEntry(stamp, commands.map(encodeCommand))).digest()
    return answers
  }

  token(name: string, time?: number): TokenVerdict {
    const known = this.#known(name)
    const horizon = this.tokenHorizon
    if (known?.cancelled === true) return { status: 'absent', horizon, fenced: true }
    if (known !== undefined) {
      return { status: 'recorded', revision: known.revision, payloadHash: half(known.payload) }
    }
    if (time !== undefined && time < horizon) return { status: 'expired', horizon }
    return { status: 'absent', horizon, fenced: false }
  }

  /** Live tokens: those whose minute the horizon's minute has not passed. */
  get tokenCount(): number {
    const minute = (ms: number): number => Math.floor(ms / 60_000)
    return this.bases.filter((base) => minute(base) >= minute(this.tokenHorizon)).length
  }

  get sessionCount(): number {
    const minute = (ms: number): number => Math.floor(ms / 60_000)
    return [...this.sessions.values()].filter(
      (each) => minute(lifeOf(each)) >= minute(this.sessionHorizon),
    ).length
  }

  /** The rows digest, computed the long way. */
  rowsDigest(): string {
    const lanes = [0n, 0n, 0n, 0n]
    const add = (keyspace: number, key: string, payload: Uint8Array): void => {
      const name = Buffer.concat([Buffer.from([keyspace]), Buffer.from(key, 'hex')])
      const length = Buffer.from([name.length >> 8, name.length & 0xff])
      const digest = createHash('sha256').update(length).update(name).update(payload).digest()
      for (const [i, sum] of lanes.entries()) {
        lanes[i] = (sum + BigInt(digest.readUInt32BE(i * 4))) % 0x1_0000_0000n
      }
    }
    add(0x01, '', encodeSettings(this.settings))
    for (const [key, row] of this.rows) {
      add(0x10, key, Buffer.concat([u64(row.revision), row.value]))
    }
    for (const [key, row] of this.tokens) {
      if (row.base < this.tokenHorizon) continue
      const { base, revision, existed } = row
      const payloadHash = half(row.payload)
      add(
        0x20,
        key,
        row.cancelled
          ? encodeToken({ kind: 'cancelled', base })
          : encodeToken({ kind: 'recorded', base, revision, existed, payloadHash }),
      )
    }
    for (const [name, session] of this.sessions) {
      if (lifeOf(session) >= this.sessionHorizon) add(0x30, name, encodeSession(session))
    }
    for (const { revision, operation, key } of this.tombstones) {
      const place = Buffer.from([operation >> 8, operation & 0xff])
      add(0x40, hex(Buffer.concat([u64(revision), place])), Buffer.from(key, 'hex'))
    }
    return lanes.map((lane) => lane.toString(16).padStart(8, '0')).join('')
  }

  #moveHorizons(): void {
    const { tokenRetentionMs, sessionExpiryMs } = this.settings
    this.tokenHorizon = Math.max(this.tokenHorizon, this.time - tokenRetentionMs)
    this.sessionHorizon = Math.max(this.sessionHorizon, this.time - sessionExpiryMs)
  }

  #known(name: string): ModelToken | undefined {
    const row = this.tokens.get(name)
    return row !== undefined && row.base >= this.tokenHorizon ? row : undefined
  }

  #command(command: Command): Answer {
    if (command.kind === 'mark') return { status: 'done' }
    if (command.kind === 'closeSession') {
      const session = this.sessions.get(hex(command.session))
      if (session !== undefined && lifeOf(session) >= this.sessionHorizon) {
        session.closed = true
        session.answers.clear()
      }
      return { status: 'done' }
    }
    const { sequence, firstOutstanding } = command.call
    const name = hex(command.call.session)
    const bytes = encodeCommand(command)
    const body = hex(bytes.subarray(0, 1)) + hex(bytes.subarray(35))
    const birth = Number.parseInt(name.slice(0, 12), 16)
    let session = this.sessions.get(name)
    if (session === undefined) {
      if (birth > this.time + hour) return undecided('QUORATE_SESSION_AHEAD')
      if (birth < this.sessionHorizon) return undecided('QUORATE_SESSION_EXPIRED')
      if (this.sessionCount >= this.settings.sessionsMax) return undecided('QUORATE_SESSIONS_FULL')
      if (sequence >= firstOutstanding + 4096) return undecided('QUORATE_SESSION_WINDOW')
      session = { birth, closed: false, lastWrite: 0, firstOutstanding, answers: new Map() }
      this.sessions.set(name, session)
    } else {
      if (session.closed || lifeOf(session) < this.sessionHorizon) {
        return undecided('QUORATE_SESSION_EXPIRED')
      }
      const before = session.answers.get(sequence)
      if (before !== undefined && before.body !== body) return undecided('QUORATE_SEQUENCE_REUSED')
      if (before === undefined) {
        if (sequence < session.firstOutstanding) return undecided('QUORATE_SESSION_FORGOTTEN')
        const first = Math.max(session.firstOutstanding, firstOutstanding)
        if (sequence >= first + 4096) return undecided('QUORATE_SESSION_WINDOW')
      }
    }
    session.lastWrite = this.time
    session.firstOutstanding = Math.max(session.firstOutstanding, firstOutstanding)
    for (const each of session.answers.keys()) {
      if (each < session.firstOutstanding) session.answers.delete(each)
    }
    const before = session.answers.get(sequence)
    if (before !== undefined) return before.answer
    const answer = this.#decide(command)
    session.answers.set(sequence, { fingerprint: fingerprintOf(bytes), body, answer })
    return answer
  }

  #decide(command: Extract<Command, { call: unknown }>): Answer {
    switch (command.kind) {
      case 'write':
        return this.#write(command)
      case 'fence': {
        const name = hex(command.token)
        const verdict = this.token(name, command.time)
        if (verdict.status !== 'absent' || verdict.fenced) return { status: 'fenced', verdict }
        const refusal = this.#refusal(command.time)
        if (refusal !== undefined) return refusal
        const base = this.time + week
        this.tokens.set(name, {
          base,
          cancelled: true,
          revision: 0,
          existed: undefined,
          payload: '',
        })
        this.bases.push(base)
        return { status: 'fenced', verdict: { ...verdict, fenced: true } }
      }
      case 'setting': {
        const { name, value } = command
        const longest = 92 * 24 * hour
        if (value < 1 || (name.endsWith('Ms') && value > longest)) return decided('QUORATE_USAGE')
        if (name === 'sessionsMax' && value > 10_000_000) return decided('QUORATE_USAGE')
        if (name === 'tokensMax' && value > 1_000_000_000) return decided('QUORATE_USAGE')
        this.settings = { ...this.settings, [name]: value }
        this.#moveHorizons()
        return { status: 'done' }
      }
      default:
        return unreachable(command)
    }
  }

  #refusal(time: number): Answer | undefined {
    if (time < this.tokenHorizon) return decided('QUORATE_TOKEN_EXPIRED')
    if (time > this.time + week) return decided('QUORATE_TOKEN_AHEAD')
    if (this.tokenCount >= this.settings.tokensMax) return decided('QUORATE_TOKENS_FULL')
    return undefined
  }

  #write({ identity, operation }: Extract<Command, { kind: 'write' }>): Answer {
    if (identity.kind === 'none') return this.#change(operation)
    if (identity.kind === 'once') {
      if (operation.kind !== 'put') throw new Error('once goes with a put')
      const row = this.rows.get(hex(operation.key))
      if (row === undefined) return this.#change(operation)
      const { revision, value } = row
      if (hex(value) === hex(operation.value)) return { status: 'duplicate', revision }
      const winner: Operation = { ...operation, value }
      return { status: 'mismatch', revision, payloadHash: half(hex(encodeOperation(winner))) }
    }
    const name = hex(identity.token)
    const payload = hex(encodeOperation(operation))
    const known = this.#known(name)
    if (known?.cancelled === true) return decided('QUORATE_TOKEN_CANCELLED')
    if (known !== undefined && known.payload !== payload) {
      return { status: 'mismatch', revision: known.revision, payloadHash: half(known.payload) }
    }
    if (known !== undefined) {
      return {
        status: 'duplicate',
        revision: known.revision,
        ...(known.existed === undefined ? {} : { existed: known.existed }),
      }
    }
    const refusal = this.#refusal(identity.time)
    if (refusal !== undefined) return refusal
    const answer = this.#change(operation)
    if (answer.status !== 'applied') return answer
    const base = Math.max(identity.time, this.time)
    const { revision, existed } = answer
    this.tokens.set(name, { base, cancelled: false, revision, existed, payload })
    this.bases.push(base)
    return answer
  }

  #change(operation: Operation): Answer {
    const all = operation.kind === 'batch' ? operation.operations : [operation]
    const found = all.map(({ key }) => this.rows.get(hex(key)))
    const failed = all.findIndex(
      ({ ifRevision }, i) => ifRevision !== undefined && ifRevision !== (found[i]?.revision ?? 0),
    )
    if (failed >= 0) {
      return { status: 'conflict', operation: failed, revision: found[failed]?.revision ?? 0 }
    }
    if (all.some((each, i) => each.kind === 'put' || found[i] !== undefined)) this.revision++
    const { revision } = this
    for (const [i, each] of all.entries()) {
      const key = hex(each.key)
      if (each.kind === 'put') this.rows.set(key, { value: each.value, revision })
      else if (this.rows.delete(key)) this.tombstones.push({ revision, operation: i, key })
    }
    if (operation.kind !== 'delete') return { status: 'applied', revision }
    return { status: 'applied', revision, existed: found[0] !== undefined }
  }
}

function lifeOf(session: ModelSession): number {
  return session.closed ? session.birth : Math.max(session.birth, session.lastWrite)
}

/** CRC-32, bit by bit, over the kind and what follows the call. */
function fingerprintOf(command: Uint8Array): number {
  let crc = ~(command[0] ?? 0)
  for (const byte of command.subarray(35)) {
    crc ^= byte
    for (let i = 0; i < 8; i++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}

function half(payload: string): Uint8Array {
  const digest = createHash('sha256').update(Buffer.from(payload, 'hex')).digest()
  return new Uint8Array(digest.subarray(0, 16))
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

function undecided(code: ErrorCode): Answer {
  return { status: 'refused', code, decided: false }
}

function decided(code: ErrorCode): Answer {
  return { status: 'refused', code, decided: true }
}
