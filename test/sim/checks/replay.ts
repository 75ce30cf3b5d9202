/**
 * What the committed log means: it goes once more through the naive model of the state machine
 * (`test/state/model.ts`), which shares none of the real one's decisions. From it come the answer
 * that every command must get, the digest after every entry, and all rows and tokens at any time.
 *
 * A place in it is an index: the state after that entry, which is all that a reader ever sees.
 */
import { createHash } from 'node:crypto'
import { ByteWriter, decodeCommand, decodeEntry } from '../../../src/command/index.ts'
import type { Answer, Command, TokenVerdict } from '../../../src/command/index.ts'
import { keyspaces } from '../../../src/state/layout.ts'
import { answerLength, writeAnswer } from '../../../src/state/session-row.ts'
import { Model } from '../../state/model.ts'
import type { Change } from '../workload/history.ts'
import { readTag } from '../workload/values.ts'
import type { CommittedEntry, CommittedLog } from './committed.ts'
import { RowVersions } from './row-versions.ts'

/** One command where it stands in the log, and its answer by the rules. */
export interface ReplayedCommand {
  readonly index: number
  readonly command: Command
  readonly answer: Answer
  /** Of a write: what it asks for, in the words of the history. */
  readonly changes: readonly Change[]
  /** The revision that it took; undefined: it changed nothing. */
  readonly revision: number | undefined
}

/** What is known of a token from an index on. */
export interface TokenRow {
  readonly index: number
  readonly base: number
  readonly cancelled: boolean
  readonly revision: number
  /** Of what was written, hex. */
  readonly payloadHash: string
}

/** The log's meaning so far; see the head of the file. */
export class Replay {
  readonly committed: CommittedLog
  readonly rows = new RowVersions()
  /** All commands, in order. */
  readonly commands: ReplayedCommand[] = []
  /** By revision, from 1 on: which command took it. */
  readonly effects: (ReplayedCommand | undefined)[] = [undefined]
  /** What became known of each token, in order. */
  readonly tokens = new Map<string, TokenRow[]>()
  readonly #model = new Model()
  /** The newest config entry; the model knows nothing of members. */
  #configuration: CommittedEntry | undefined
  /** All by index; what stands at 0 is before the first entry. */
  readonly #revisions: number[] = [0]
  readonly #horizons: number[] = [0]
  readonly #times: number[] = [0]
  readonly #digests: Buffer[] = [Buffer.alloc(32)]
  readonly #answers: (readonly Answer[])[] = [[]]
  /** Digests of the rows, at marks only. */
  readonly #rowsDigests = new Map<number, string>()

  constructor(committed: CommittedLog) {
    this.committed = committed
  }

  /** The last index that was replayed. */
  get lastIndex(): number {
    return this.#revisions.length - 1
  }

  /** Replays what is committed, up to there at most. */
  advance(to: number = this.committed.lastIndex): void {
    for (let index = this.lastIndex + 1; index <= to; index++) {
      const entry = this.committed.at(index)
      if (entry === undefined) return
      this.#apply(entry)
    }
  }

  /** The revision of the state after an entry. */
  revisionAt(index: number): number {
    return this.#revisions[index] ?? 0
  }

  /** The first index after which the state is of this revision or a later one. */
  firstIndexOf(revision: number): number | undefined {
    if (revision <= 0) return 0
    return this.effects[revision]?.index
  }

  /** The token horizon after an entry. */
  horizonAt(index: number): number {
    return this.#horizons[index] ?? 0
  }

  /** Cluster time after an entry. */
  timeAt(index: number): number {
    return this.#times[index] ?? 0
  }

  answersAt(index: number): readonly Answer[] | undefined {
    return this.#answers[index]
  }

  /** The digest of effects after an entry, hex. */
  effectsAt(index: number): string | undefined {
    return this.#digests[index]?.toString('hex')
  }

  /** The digest of rows after an entry with a mark, hex. */
  rowsDigestAt(index: number): string | undefined {
    return this.#rowsDigests.get(index)
  }

  /** What a reader is told of a token after an entry. `time`: as it asks. */
  verdictAt(token: string, index: number, time: number | undefined): TokenVerdict {
    const horizon = this.horizonAt(index)
    const row = this.tokens.get(token)?.findLast((each) => each.index <= index)
    if (row !== undefined && row.base >= horizon) {
      if (row.cancelled) return { status: 'absent', horizon, fenced: true }
      const payloadHash = Buffer.from(row.payloadHash, 'hex')
      return { status: 'recorded', revision: row.revision, payloadHash }
    }
    if (time !== undefined && time < horizon) return { status: 'expired', horizon }
    return { status: 'absent', horizon, fenced: false }
  }

  #apply(entry: CommittedEntry): void {
    const model = this.#model
    const { index } = entry
    let answers: readonly Answer[] = []
    if (entry.kind === 'commands') {
      const { stamp, commands } = decodeEntry(entry.data)
      answers = this.#commands(index, stamp, commands.map(decodeCommand))
    }
    if (entry.kind === 'config') this.#configuration = entry
    this.#revisions.push(model.revision)
    this.#horizons.push(model.tokenHorizon)
    this.#times.push(model.time)
    this.#answers.push(answers)
    this.#digests.push(effectsAfter(this.#digests[index - 1], entry, model.revision, answers))
  }

  #commands(index: number, stamp: number, commands: readonly Command[]): readonly Answer[] {
    const model = this.#model
    // The model's own index and digest know nothing of no-ops and terms; they decide nothing.
    let revision = model.revision
    const answers = model.apply({ stamp, commands })
    for (const [i, command] of commands.entries()) {
      const answer = answers[i]
      if (answer === undefined) throw new Error('the model answers every command')
      // An effect has a revision of its own; a repeat, and what changes nothing, an older one.
      const isEffect = answer.status === 'applied' && answer.revision === revision + 1
      if (isEffect) revision++
      const took = isEffect ? revision : undefined
      this.#note({ index, command, answer, changes: changesOf(command), revision: took })
    }
    if (revision !== model.revision) throw new Error('every revision has its command')
    return answers
  }

  #note(done: ReplayedCommand): void {
    const { command, index, revision, changes } = done
    this.commands.push(done)
    if (command.kind === 'mark') {
      const rows = this.#model.rowsDigest()
      this.#rowsDigests.set(index, withConfiguration(rows, this.#configuration))
    }
    if (command.kind === 'write' && command.identity.kind === 'token') {
      this.#noteToken(command.identity.token, index)
    }
    if (command.kind === 'fence') this.#noteToken(command.token, index)
    if (revision === undefined) return
    this.effects[revision] = done
    for (const { key, value } of changes) this.rows.change(key, value, revision)
  }

  #noteToken(token: Uint8Array, index: number): void {
    const row = this.#model.tokens.get(hex(token))
    if (row === undefined) return
    const name = textOf(token)
    let rows = this.tokens.get(name)
    if (rows === undefined) this.tokens.set(name, (rows = []))
    const last = rows.at(-1)
    const { base, cancelled, revision } = row
    const same = last?.base === base && last.cancelled === cancelled && last.revision === revision
    if (same) return
    const payload = createHash('sha256').update(Buffer.from(row.payload, 'hex')).digest('hex')
    rows.push({ index, base, cancelled, revision, payloadHash: payload.slice(0, 32) })
  }
}

/** What a write asks for, in the words of the history; nothing of other commands. */
function changesOf(command: Command): readonly Change[] {
  if (command.kind !== 'write') return []
  const { operation } = command
  const all = operation.kind === 'batch' ? operation.operations : [operation]
  return all.map((each) => {
    const key = textOf(each.key)
    const value = each.kind === 'put' ? readTag(textOf(each.value)) : undefined
    return each.ifRevision === undefined
      ? { key, value }
      : { key, value, ifRevision: each.ifRevision }
  })
}

/** `docs/consistency.md`, two digests; the bytes are those of `src/state/effects.ts`. */
function effectsAfter(
  before: Buffer | undefined,
  { index, term, data }: CommittedEntry,
  revision: number,
  answers: readonly Answer[],
): Buffer {
  if (before === undefined) throw new Error('entries are replayed without a gap')
  let length = before.length + 3 * 8
  for (const answer of answers) length += 2 + answerLength(answer)
  const writer = new ByteWriter(length)
  writer.raw(before)
  for (const number of [index, term, revision]) writer.u64(number)
  for (const answer of answers) {
    writer.u16(answerLength(answer))
    writeAnswer(writer, answer)
  }
  return createHash('sha256').update(writer.done()).update(data).digest()
}

/** A digest of rows with the row of the newest configuration; `docs/consistency.md`, two digests. */
function withConfiguration(digest: string, entry: CommittedEntry | undefined): string {
  if (entry === undefined) return digest
  const row = Buffer.alloc(3 + 8)
  row.writeUInt16BE(1)
  row[2] = keyspaces.configuration
  row.writeBigUInt64BE(BigInt(entry.index), 3)
  const own = createHash('sha256').update(row).update(entry.data).digest()
  const lanes = [0, 1, 2, 3].map((lane) => {
    const sum = Number.parseInt(digest.slice(8 * lane, 8 * lane + 8), 16)
    return (sum + own.readUInt32BE(4 * lane)) % 0x1_0000_0000
  })
  return lanes.map((lane) => lane.toString(16).padStart(8, '0')).join('')
}

/** The text of bytes of a command. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** The bytes in hex. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
