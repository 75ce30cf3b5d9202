/**
 * Goal: a rejection becomes the outcome that its caller was told, and one that breaks a promise of
 * the SDK ends the lifetime.
 * Method: errors by hand, each right but for one thing.
 */
import { describe, expect, test } from 'vitest'
import { QuorateError } from '../../../src/errors.ts'
import type { ErrorCode, QuorateErrorOptions } from '../../../src/errors.ts'
import { Violation } from '../world/observer.ts'
import { failedOutcome } from './failure.ts'
import type { Request } from './history.ts'

const put: Request = { kind: 'put', changes: [{ key: 'a/0', value: 'v1.0:4' }] }
const get: Request = { kind: 'get', keys: ['a/0'], consistency: 'linearizable' }
const fence: Request = { kind: 'verdict', token: 'tok1', fence: true, consistency: 'linearizable' }
const token = Buffer.from('tok1')

const error = (code: ErrorCode, options: QuorateErrorOptions = {}): QuorateError =>
  new QuorateError(code, 'text', { attempts: 1, ...options })

describe('a failed call', () => {
  test('keeps code, outcome and attempts', () => {
    const told = failedOutcome(error('QUORATE_TIMEOUT', { attempts: 3 }), put)
    const type = 'failed'
    expect(told).toEqual({ type, code: 'QUORATE_TIMEOUT', outcome: 'unknown', attempts: 3 })
  })

  test('keeps what a conflict found', () => {
    const details = { operation: 1, revision: 0 }
    expect(failedOutcome(error('QUORATE_CONFLICT', { details }), put)).toMatchObject(details)
  })

  test('keeps what a scan saw before it failed', () => {
    const rows = [{ key: 'a/0', value: 'v1.0:4', revision: 2 }]
    const lost = error('QUORATE_SCAN_LOST')
    const partial = { rows, readRevision: 9 }
    expect(failedOutcome(lost, get, partial)).toMatchObject({ partial })
    expect(failedOutcome(lost, get, { rows: [], readRevision: 9 })).not.toHaveProperty('partial')
  })

  test('is a write with its token, or a read without', () => {
    const unknown = error('QUORATE_TIMEOUT', { token })
    expect(failedOutcome(unknown, fence)).toMatchObject({ outcome: 'unknown' })
    expect(failedOutcome(unknown, { ...put, token: 'tok1' })).toMatchObject({ outcome: 'unknown' })
    const asked = { ...fence, fence: false }
    const read = error('QUORATE_TIMEOUT', { outcome: 'not-applied' })
    expect(failedOutcome(read, asked)).toMatchObject({ outcome: 'not-applied' })
  })
})

const notQuite = Object.assign(error('QUORATE_TIMEOUT'), { outcome: 'perhaps' })
const noCode = Object.assign(error('QUORATE_TIMEOUT'), { code: 'QUORATE_NEW' })

describe('a rejection that must never be', () => {
  test.each<[string, unknown, Request]>([
    ['another class', new Error('x'), put],
    ['no error at all', undefined, put],
    ['a code that is none', noCode, put],
    ['an outcome that is none', notQuite, put],
    ['attempts below zero', error('QUORATE_TIMEOUT', { attempts: -1 }), put],
    ['a usage error', error('QUORATE_USAGE'), put],
    ['a bug of a node', error('QUORATE_INTERNAL'), put],
    ['a forgotten sequence', error('QUORATE_SESSION_FORGOTTEN'), put],
    ['a read with an unknown effect', error('QUORATE_TIMEOUT'), get],
    ['an unknown effect of what was never sent', error('QUORATE_TIMEOUT', { attempts: 0 }), put],
    ['a token left out', error('QUORATE_TIMEOUT'), { ...put, token: 'tok1' }],
    ['the token of another call', error('QUORATE_TIMEOUT', { token }), put],
  ])('%s', (_, rejected, request) => {
    expect(() => failedOutcome(rejected, request)).toThrow(Violation)
  })

  test('a violation found within a call goes on as it is', () => {
    const found = new Violation('S9', 'found')
    expect(() => failedOutcome(found, put)).toThrow(found)
  })
})
