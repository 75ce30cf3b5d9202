/**
 * The row of a session, and of the answers that it remembers.
 *
 *     session := closed(u8) lastWrite(u48) firstOutstanding(u64) count(u16) { answer }*
 *     answer  := offset(u16) fingerprint(u32) verdict
 *     verdict := 1 revision(u64) existed(u8)                          applied
 *              | 2 revision(u64) existed(u8)                          duplicate
 *              | 3 revision(u64) payloadHash(16)                      mismatch
 *              | 4 operation(u16) revision(u64)                       conflict
 *              | 5 token                                              fenced
 *              | 6                                                    done
 *              | 7 length(u8) code                                    refused
 *     token   := 1 revision(u64) payloadHash(16)                      recorded
 *              | 2 horizon(u48) fenced(u8)                            absent
 *              | 3 horizon(u48)                                       expired
 *
 * `offset` is the answer's sequence above `firstOutstanding`; answers stand in order. Only decided
 * refusals are remembered, so `decided` needs no byte.
 */
import { assert, unreachable } from '../assert.ts'
import { ByteWriter, malformed, payloadHashBytes } from '../command/index.ts'
import type { Answer, ByteReader, TokenVerdict } from '../command/index.ts'
import { isErrorCode } from '../errors.ts'
import type { Remembered } from './remembered.ts'

/** What a session's row says. */
export interface SessionRow {
  readonly closed: boolean
  readonly lastWrite: number
  readonly firstOutstanding: number
  readonly answers: ReadonlyMap<number, Remembered>
}

const answerCodes = {
  applied: 1,
  duplicate: 2,
  mismatch: 3,
  conflict: 4,
  fenced: 5,
  done: 6,
  refused: 7,
} as const
const verdictCodes = { recorded: 1, absent: 2, expired: 3 } as const
const existedCodes = [undefined, false, true] as const

/** The payload of a session's row. */
export function encodeSession(session: SessionRow): Uint8Array {
  // Sorted, because the order in which answers came to be is not the same as that of sequences,
  // and equal states must have equal rows.
  const sequences = [...session.answers.keys()].sort((a, b) => a - b)
  let length = 1 + 6 + 8 + 2
  for (const { answer } of session.answers.values()) length += 2 + 4 + answerLength(answer)
  const writer = ByteWriter.pooled(length)
  writer.u8(session.closed ? 1 : 0)
  writer.u48(session.lastWrite)
  writer.u64(session.firstOutstanding)
  writer.u16(sequences.length)
  for (const sequence of sequences) {
    const remembered = session.answers.get(sequence)
    assert(remembered !== undefined, 'a listed answer is there')
    writer.u16(sequence - session.firstOutstanding)
    writer.u32(remembered.fingerprint)
    writeAnswer(writer, remembered.answer)
  }
  return writer.done()
}

export function readSession(reader: ByteReader): SessionRow {
  const closed = reader.u8()
  assert(closed <= 1, 'a session is open or closed')
  const lastWrite = reader.u48()
  const firstOutstanding = reader.u64()
  const count = reader.u16()
  const answers = new Map<number, Remembered>()
  let previous = -1
  for (let i = 0; i < count; i++) {
    const offset = reader.u16()
    assert(offset > previous, 'answers stand in order')
    previous = offset
    const fingerprint = reader.u32()
    answers.set(firstOutstanding + offset, { fingerprint, answer: readAnswer(reader) })
  }
  return { closed: closed === 1, lastWrite, firstOutstanding, answers }
}

/** How many bytes `writeAnswer` writes. */
export function answerLength(answer: Answer): number {
  switch (answer.status) {
    case 'applied':
    case 'duplicate':
      return 1 + 8 + 1
    case 'mismatch':
      return 1 + 8 + payloadHashBytes
    case 'conflict':
      return 1 + 2 + 8
    case 'fenced':
      return 1 + verdictLength(answer.verdict)
    case 'done':
      return 1
    case 'refused':
      return 1 + 1 + answer.code.length
    default:
      return unreachable(answer)
  }
}

/** Writes an answer's bytes: also what the effects digest is taken over. */
export function writeAnswer(writer: ByteWriter, answer: Answer): void {
  writer.u8(answerCodes[answer.status])
  switch (answer.status) {
    case 'applied':
    case 'duplicate':
      writer.u64(answer.revision)
      writer.u8(existedCodes.indexOf(answer.existed))
      break
    case 'mismatch':
      writer.u64(answer.revision)
      writer.raw(answer.payloadHash)
      break
    case 'conflict':
      writer.u16(answer.operation)
      writer.u64(answer.revision)
      break
    case 'fenced':
      writeVerdict(writer, answer.verdict)
      break
    case 'done':
      break
    case 'refused':
      writer.u8(answer.code.length)
      writer.raw(Buffer.from(answer.code, 'latin1'))
      break
    default:
      unreachable(answer)
  }
}

function readAnswer(reader: ByteReader): Answer {
  const status = reader.u8()
  switch (status) {
    case answerCodes.applied:
    case answerCodes.duplicate: {
      const revision = reader.u64()
      const existed = existedCodes[reader.u8()]
      const verdict = status === answerCodes.applied ? 'applied' : 'duplicate'
      return existed === undefined
        ? { status: verdict, revision }
        : { status: verdict, revision, existed }
    }
    case answerCodes.mismatch:
      return { status: 'mismatch', revision: reader.u64(), payloadHash: readHash(reader) }
    case answerCodes.conflict:
      return { status: 'conflict', operation: reader.u16(), revision: reader.u64() }
    case answerCodes.fenced:
      return { status: 'fenced', verdict: readVerdict(reader) }
    case answerCodes.done:
      return { status: 'done' }
    case answerCodes.refused: {
      const code = Buffer.from(reader.raw(reader.u8())).toString('latin1')
      assert(isErrorCode(code), 'a refusal has a known code')
      return { status: 'refused', code, decided: true }
    }
    default:
      throw malformed(`an unknown kind of answer ${status}`)
  }
}

function verdictLength(verdict: TokenVerdict): number {
  switch (verdict.status) {
    case 'recorded':
      return 1 + 8 + payloadHashBytes
    case 'absent':
      return 1 + 6 + 1
    case 'expired':
      return 1 + 6
    default:
      return unreachable(verdict)
  }
}

function writeVerdict(writer: ByteWriter, verdict: TokenVerdict): void {
  writer.u8(verdictCodes[verdict.status])
  switch (verdict.status) {
    case 'recorded':
      writer.u64(verdict.revision)
      writer.raw(verdict.payloadHash)
      break
    case 'absent':
      writer.u48(verdict.horizon)
      writer.u8(verdict.fenced ? 1 : 0)
      break
    case 'expired':
      writer.u48(verdict.horizon)
      break
    default:
      unreachable(verdict)
  }
}

function readVerdict(reader: ByteReader): TokenVerdict {
  const status = reader.u8()
  switch (status) {
    case verdictCodes.recorded:
      return { status: 'recorded', revision: reader.u64(), payloadHash: readHash(reader) }
    case verdictCodes.absent:
      return { status: 'absent', horizon: reader.u48(), fenced: reader.u8() === 1 }
    case verdictCodes.expired:
      return { status: 'expired', horizon: reader.u48() }
    default:
      throw malformed(`an unknown kind of token verdict ${status}`)
  }
}

function readHash(reader: ByteReader): Uint8Array {
  return new Uint8Array(reader.raw(payloadHashBytes))
}
