/**
 * The check at the door. What passes it can be decided by every node; what would be too large, or
 * cannot mean anything, must be refused before it enters the log, because an entry that some node
 * cannot take in is one that it meets again after every restart.
 */
import { assert, unreachable } from '../assert.ts'
import { QuorateError, usageError } from '../errors.ts'
import { byteString, timeMax } from './bytes.ts'
import {
  batchOperationsMax,
  commandBytesMax,
  commandLength,
  markIdBytesMax,
  operationLength,
  sessionBytes,
} from './codec.ts'
import type { CallId, Command, Identity, KeyOperation, Limits, Operation } from './types.ts'
import { checkSetting } from './settings.ts'

/** Throws `QUORATE_USAGE` or `QUORATE_TOO_LARGE` unless the command may enter the log. */
export function checkCommand(command: Command, limits: Limits): void {
  assert(limits.keyBytesMax <= 0xffff, 'a key limit fits the format')
  assert(limits.tokenBytesMax <= 0xffff, 'a token limit fits the format')
  switch (command.kind) {
    case 'write':
      checkCall(command.call)
      checkIdentity(command.identity, command.operation, limits)
      checkOperation(command.operation, limits)
      break
    case 'fence':
      checkCall(command.call)
      checkToken(command.token, command.time, limits)
      break
    case 'closeSession':
      checkSession(command.session)
      break
    case 'setting':
      checkCall(command.call)
      checkSetting(command.name, command.value)
      break
    case 'mark':
      if (command.id.length < 1) throw usageError('a mark needs an id')
      if (command.id.length > markIdBytesMax) throw tooLarge('mark id', command.id, markIdBytesMax)
      break
    default:
      unreachable(command)
  }
  const length = commandLength(command)
  if (length > commandBytesMax) {
    throw new QuorateError('QUORATE_TOO_LARGE', `a command of ${length} bytes is too large`)
  }
}

function checkCall(call: CallId): void {
  checkSession(call.session)
  if (!Number.isSafeInteger(call.sequence) || call.sequence < 1) {
    throw usageError('a sequence is a whole number from 1 on')
  }
  if (!Number.isSafeInteger(call.firstOutstanding) || call.firstOutstanding < 1) {
    throw usageError('the first outstanding sequence is a whole number from 1 on')
  }
  // A call that is sent is waited for, so it is itself the least that can be outstanding.
  if (call.firstOutstanding > call.sequence) {
    throw usageError('the first outstanding sequence is above that of its call')
  }
}

function checkSession(session: Uint8Array): void {
  if (session.length !== sessionBytes) throw usageError(`a session has ${sessionBytes} bytes`)
}

function checkIdentity(identity: Identity, operation: Operation, limits: Limits): void {
  switch (identity.kind) {
    case 'none':
      return
    case 'token':
      checkToken(identity.token, identity.time, limits)
      return
    case 'once':
      if (operation.kind !== 'put') throw usageError('`once` goes with a put')
      if (operation.ifRevision !== undefined) throw usageError('`once` excludes `ifRevision`')
      return
    default:
      unreachable(identity)
  }
}

function checkToken(token: Uint8Array, time: number, limits: Limits): void {
  if (token.length < 1) throw usageError('a token has at least one byte')
  if (token.length > limits.tokenBytesMax) throw tooLarge('token', token, limits.tokenBytesMax)
  if (!Number.isSafeInteger(time) || time < 0 || time > timeMax) {
    throw usageError('a token time is a whole number of milliseconds')
  }
}

function checkOperation(operation: Operation, limits: Limits): void {
  if (operation.kind !== 'batch') {
    checkKeyOperation(operation, limits)
    return
  }
  const count = operation.operations.length
  if (count < 1) throw usageError('a batch has at least one operation')
  if (count > batchOperationsMax) {
    throw new QuorateError(
      'QUORATE_TOO_LARGE',
      `a batch of ${count} operations is over the ${batchOperationsMax} allowed`,
    )
  }
  const length = operationLength(operation)
  if (length > limits.batchBytesMax) {
    throw new QuorateError(
      'QUORATE_TOO_LARGE',
      `a batch of ${length} bytes is over the ${limits.batchBytesMax} allowed`,
    )
  }
  const keys = new Set<string>()
  for (const each of operation.operations) {
    checkKeyOperation(each, limits)
    keys.add(byteString(each.key))
  }
  if (keys.size !== count) throw usageError('a batch names a key twice')
}

function checkKeyOperation(operation: KeyOperation, limits: Limits): void {
  const { key, ifRevision } = operation
  if (key.length < 1) throw usageError('a key has at least one byte')
  if (key.length > limits.keyBytesMax) throw tooLarge('key', key, limits.keyBytesMax)
  if (operation.kind === 'put' && operation.value.length > limits.valueBytesMax) {
    throw tooLarge('value', operation.value, limits.valueBytesMax)
  }
  if (ifRevision !== undefined && (!Number.isSafeInteger(ifRevision) || ifRevision < 0)) {
    throw usageError('`ifRevision` is a revision, or 0 for no row')
  }
}

function tooLarge(what: string, bytes: Uint8Array, bytesMax: number): QuorateError {
  return new QuorateError(
    'QUORATE_TOO_LARGE',
    `a ${what} of ${bytes.length} bytes is over the ${bytesMax} allowed`,
  )
}
