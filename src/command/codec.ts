/**
 * The bytes of commands, and of the log entries that hold them. Big-endian.
 *
 *     entry     := format(u8 = 1) stamp(u48) count(u32) { length(u32) command }*
 *     command   := 1 call identity operation             write
 *                | 2 call token                          fence
 *                | 3 session                             closeSession
 *                | 4 call name(u8) value(u64)            setting
 *                | 5 length(u8) id                       mark
 *     call      := session(18) sequence(u64) firstOutstanding(u64)
 *     identity  := 0 | 1 token | 2                       none, token, once
 *     token     := length(u16) bytes time(u48)
 *     operation := 1 condition key length(u32) value     put
 *                | 2 condition key                       delete
 *                | 3 count(u16) { operation }*           batch of puts and deletes
 *     condition := 0 | 1 revision(u64)
 *     key       := length(u16) bytes
 *
 * A command has exactly one encoding, and the decoder accepts no other. The operation stands last,
 * so its bytes are a slice of the command's; the payload hash that decides between `duplicate` and
 * `mismatch` is taken over that slice, and so covers kinds, keys, values and conditions.
 */
import { hash } from 'node:crypto'
import { assert, unreachable } from '../assert.ts'
import { ByteReader, ByteWriter, malformed } from './bytes.ts'
import type { CallId, Command, Identity, KeyOperation, Operation, SettingName } from './types.ts'

/** Bytes of a session's name: 48 bits of birth time and 96 random bits. */
export const sessionBytes = 18
/** Bytes of a payload hash. */
export const payloadHashBytes = 16
/**
 * Operations of one batch. It is applied in one step, and a delete or a condition may read LevelDB:
 * ten thousand of them take some 40 ms, 65,535 (what the format could number) some 400 ms, in which
 * a leader would be given up by its followers.
 */
export const batchOperationsMax = 10_000
/** Bytes of a mark's id. */
export const markIdBytesMax = 64
/**
 * What no encoded command exceeds, whatever limits a node was given; a decoder need not look at
 * more. Twice the default limit of a batch, and room for the rest.
 */
export const commandBytesMax = 16_777_216

const entryFormat = 1
const commandKinds = { write: 1, fence: 2, closeSession: 3, setting: 4, mark: 5 } as const
const identityKinds = { none: 0, token: 1, once: 2 } as const
const operationKinds = { put: 1, delete: 2, batch: 3 } as const
const callBytes = sessionBytes + 8 + 8

/**
 * Codes of settings; a position is never given to another setting. The order is part of the
 * format.
 */
const settingNames: readonly SettingName[] = [
  'clusterVersion',
  'tokenRetentionMs',
  'sessionExpiryMs',
  'tokensMax',
  'sessionsMax',
]

/** The bytes of a command. What cannot be written is a programming error: check it before. */
export function encodeCommand(command: Command): Uint8Array {
  const writer = ByteWriter.pooled(commandLength(command))
  writer.u8(commandKinds[command.kind])
  switch (command.kind) {
    case 'write':
      writeCall(writer, command.call)
      writeIdentity(writer, command.identity)
      writeOperation(writer, command.operation)
      break
    case 'fence':
      writeCall(writer, command.call)
      writeToken(writer, command.token, command.time)
      break
    case 'closeSession':
      writeSession(writer, command.session)
      break
    case 'setting': {
      const code = settingNames.indexOf(command.name)
      assert(code >= 0, 'every setting has a code')
      writeCall(writer, command.call)
      writer.u8(code)
      writer.u64(command.value)
      break
    }
    case 'mark':
      assert(command.id.length >= 1 && command.id.length <= markIdBytesMax, 'a mark id fits')
      writer.u8(command.id.length)
      writer.raw(command.id)
      break
    default:
      unreachable(command)
  }
  return writer.done()
}

/** The command that these bytes are. Keys and values are views into them. */
export function decodeCommand(bytes: Uint8Array): Command {
  if (bytes.length > commandBytesMax) throw malformed(`a command of ${bytes.length} bytes`)
  const reader = new ByteReader(bytes)
  const command = readCommand(reader)
  reader.end()
  return command
}

function readCommand(reader: ByteReader): Command {
  const kind = reader.u8()
  switch (kind) {
    case commandKinds.write:
      return {
        kind: 'write',
        call: readCall(reader),
        identity: readIdentity(reader),
        operation: readOperation(reader),
      }
    case commandKinds.fence:
      return { kind: 'fence', call: readCall(reader), ...readToken(reader) }
    case commandKinds.closeSession:
      return { kind: 'closeSession', session: reader.raw(sessionBytes) }
    case commandKinds.setting: {
      const call = readCall(reader)
      const name = settingNames[reader.u8()]
      if (name === undefined) throw malformed('an unknown setting')
      return { kind: 'setting', call, name, value: reader.u64() }
    }
    case commandKinds.mark: {
      const length = reader.u8()
      if (length < 1 || length > markIdBytesMax) throw malformed(`a mark id of ${length} bytes`)
      return { kind: 'mark', id: reader.raw(length) }
    }
    default:
      throw malformed(`an unknown command kind ${kind}`)
  }
}

/** The operation alone, as it stands at the end of its command: what payload hashes cover. */
export function encodeOperation(operation: Operation): Uint8Array {
  const writer = ByteWriter.pooled(operationLength(operation))
  writeOperation(writer, operation)
  return writer.done()
}

/**
 * The slice of an encoded write that is its operation. The bytes must have been decoded before:
 * this looks only at the lengths.
 */
export function operationSlice(command: Uint8Array): Uint8Array {
  assert(command[0] === commandKinds.write, 'only a write has an operation')
  const reader = new ByteReader(command, 1 + callBytes)
  readIdentity(reader)
  assert(reader.remaining > 0, 'an operation follows')
  return command.subarray(reader.offset)
}

/** Sixteen bytes that stand for an operation: the first half of the SHA-256 of its encoding. */
export function payloadHash(operation: Uint8Array): Uint8Array {
  assert(operation.length > 0, 'an operation has bytes')
  // As text, a byte each: a buffer of its own for each hash costs more than the hash.
  const digest = hash('sha256', operation, 'binary')
  const half = new Uint8Array(payloadHashBytes)
  for (let i = 0; i < payloadHashBytes; i++) half[i] = digest.charCodeAt(i)
  return half
}

/** How many changes of keys a command stands for: what it costs to apply, roughly. */
export function operationCount(command: Command): number {
  if (command.kind !== 'write' || command.operation.kind !== 'batch') return 1
  return command.operation.operations.length
}

/** How long a command's encoding is, without making it. */
export function commandLength(command: Command): number {
  switch (command.kind) {
    case 'write':
      return 1 + callBytes + identityLength(command.identity) + operationLength(command.operation)
    case 'fence':
      return 1 + callBytes + 2 + command.token.length + 6
    case 'closeSession':
      return 1 + sessionBytes
    case 'setting':
      return 1 + callBytes + 1 + 8
    case 'mark':
      return 1 + 1 + command.id.length
    default:
      return unreachable(command)
  }
}

/** The data of a log entry of kind `commands`: its stamp in cluster ms, and encoded commands. */
export function encodeEntry(stamp: number, commands: readonly Uint8Array[]): Uint8Array {
  let length = 1 + 6 + 4
  for (const command of commands) length += 4 + command.length
  const writer = new ByteWriter(length)
  writer.u8(entryFormat)
  writer.u48(stamp)
  writer.u32(commands.length)
  for (const command of commands) {
    assert(command.length <= commandBytesMax, 'a command is not over its cap')
    writer.u32(command.length)
    writer.raw(command)
  }
  return writer.done()
}

/** What `encodeEntry` was given. The commands are views, not decoded yet. */
export function decodeEntry(data: Uint8Array): { stamp: number; commands: Uint8Array[] } {
  const reader = new ByteReader(data)
  const format = reader.u8()
  if (format !== entryFormat) throw malformed(`an unknown entry format ${format}`)
  const stamp = reader.u48()
  const count = reader.u32()
  // Each command takes more than four bytes: a count beyond that would only make us allocate.
  if (count > reader.remaining / 4) throw malformed(`${count} commands in ${data.length} bytes`)
  const commands: Uint8Array[] = []
  for (let i = 0; i < count; i++) {
    const length = reader.u32()
    if (length > commandBytesMax) throw malformed(`a command of ${length} bytes`)
    commands.push(reader.raw(length))
  }
  reader.end()
  return { stamp, commands }
}

/** The stamp of a log entry alone, without a look at its commands. */
export function entryStamp(data: Uint8Array): number {
  const reader = new ByteReader(data)
  const format = reader.u8()
  if (format !== entryFormat) throw malformed(`an unknown entry format ${format}`)
  return reader.u48()
}

function writeSession(writer: ByteWriter, session: Uint8Array): void {
  assert(session.length === sessionBytes, 'a session has 18 bytes')
  writer.raw(session)
}

function writeCall(writer: ByteWriter, call: CallId): void {
  assert(call.firstOutstanding >= 1, 'sequences start at 1')
  assert(call.firstOutstanding <= call.sequence, 'a call waits for itself')
  writeSession(writer, call.session)
  writer.u64(call.sequence)
  writer.u64(call.firstOutstanding)
}

function readCall(reader: ByteReader): CallId {
  const session = reader.raw(sessionBytes)
  const sequence = reader.u64()
  const firstOutstanding = reader.u64()
  if (firstOutstanding < 1) throw malformed('a sequence below 1')
  if (firstOutstanding > sequence) throw malformed('a call that does not wait for itself')
  return { session, sequence, firstOutstanding }
}

function identityLength(identity: Identity): number {
  return identity.kind === 'token' ? 1 + 2 + identity.token.length + 6 : 1
}

function writeIdentity(writer: ByteWriter, identity: Identity): void {
  writer.u8(identityKinds[identity.kind])
  if (identity.kind === 'token') writeToken(writer, identity.token, identity.time)
}

function readIdentity(reader: ByteReader): Identity {
  const kind = reader.u8()
  switch (kind) {
    case identityKinds.none:
      return { kind: 'none' }
    case identityKinds.token:
      return { kind: 'token', ...readToken(reader) }
    case identityKinds.once:
      return { kind: 'once' }
    default:
      throw malformed(`an unknown identity kind ${kind}`)
  }
}

function writeToken(writer: ByteWriter, token: Uint8Array, time: number): void {
  assert(token.length >= 1, 'a token is not empty')
  writer.u16(token.length)
  writer.raw(token)
  writer.u48(time)
}

function readToken(reader: ByteReader): { token: Uint8Array; time: number } {
  const length = reader.u16()
  if (length < 1) throw malformed('an empty token')
  const token = reader.raw(length)
  return { token, time: reader.u48() }
}

/** How long an operation's encoding is. */
export function operationLength(operation: Operation): number {
  if (operation.kind !== 'batch') return keyOperationLength(operation)
  let length = 1 + 2
  for (const each of operation.operations) length += keyOperationLength(each)
  return length
}

function keyOperationLength(operation: KeyOperation): number {
  const condition = operation.ifRevision === undefined ? 1 : 1 + 8
  const length = 1 + condition + 2 + operation.key.length
  return operation.kind === 'put' ? length + 4 + operation.value.length : length
}

function writeOperation(writer: ByteWriter, operation: Operation): void {
  if (operation.kind !== 'batch') {
    writeKeyOperation(writer, operation)
    return
  }
  assert(operation.operations.length >= 1, 'a batch has an operation')
  writer.u8(operationKinds.batch)
  writer.u16(operation.operations.length)
  for (const each of operation.operations) writeKeyOperation(writer, each)
}

function writeKeyOperation(writer: ByteWriter, operation: KeyOperation): void {
  assert(operation.key.length >= 1, 'a key is not empty')
  writer.u8(operationKinds[operation.kind])
  if (operation.ifRevision === undefined) {
    writer.u8(0)
  } else {
    writer.u8(1)
    writer.u64(operation.ifRevision)
  }
  writer.u16(operation.key.length)
  writer.raw(operation.key)
  if (operation.kind === 'put') {
    writer.u32(operation.value.length)
    writer.raw(operation.value)
  }
}

function readOperation(reader: ByteReader): Operation {
  const kind = reader.u8()
  if (kind !== operationKinds.batch) return readKeyOperation(reader, kind)
  const count = reader.u16()
  if (count < 1) throw malformed('an empty batch')
  const operations: KeyOperation[] = []
  for (let i = 0; i < count; i++) operations.push(readKeyOperation(reader, reader.u8()))
  return { kind: 'batch', operations }
}

function readKeyOperation(reader: ByteReader, kind: number): KeyOperation {
  if (kind !== operationKinds.put && kind !== operationKinds.delete) {
    throw malformed(`an unknown operation kind ${kind}`)
  }
  const ifRevision = readCondition(reader)
  const length = reader.u16()
  if (length < 1) throw malformed('an empty key')
  const key = reader.raw(length)
  if (kind === operationKinds.delete) return { kind: 'delete', key, ifRevision }
  return { kind: 'put', key, value: reader.raw(reader.u32()), ifRevision }
}

function readCondition(reader: ByteReader): number | undefined {
  const flag = reader.u8()
  if (flag > 1) throw malformed(`a condition flag ${flag}`)
  return flag === 1 ? reader.u64() : undefined
}
