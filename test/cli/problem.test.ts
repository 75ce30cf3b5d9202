// Goal: every error says what happened, why, and what to do next, with the exit code that scripts
// rely on. Method: over all codes, and tables for the codes that the outcome decides.
import { describe, expect, test } from 'vitest'
import { explanations } from '../../src/cli/explain.ts'
import { problemDocument, problemOf, problemText } from '../../src/cli/problem.ts'
import { errorKinds, isErrorCode, QuorateError, type ErrorCode } from '../../src/errors.ts'

const codes = Object.keys(errorKinds).filter(isErrorCode)
const tell = (error: unknown, writing = false): string =>
  problemText(problemOf(error), {
    writing,
    help: 'quorate put --help',
    paint: (_style, text) => text,
  })

describe('every code', () => {
  test.each(codes)('%s is explained', (code) => {
    const { cause, next, exitCode } = explanations[code]
    expect(cause).toMatch(/^[a-z-].{10,}[^.]$/)
    expect(next).toMatch(/.{10,}[^.]$/)
    expect([1, 2, 4, 5]).toContain(exitCode)
  })

  test.each(codes)('%s in doubt after an attempt exits with 6, without one never', (code) => {
    const inDoubt = new QuorateError(code, 'x', { outcome: 'unknown', attempts: 2 })
    const before = new QuorateError(code, 'x', { outcome: 'not-applied', attempts: 2 })
    const local = new QuorateError(code, 'x', { outcome: 'unknown', attempts: 0 })

    expect(problemOf(inDoubt).exitCode).toBe(6)
    expect(problemOf(before).exitCode).toBe(explanations[code].exitCode)
    expect(problemOf(local).exitCode).toBe(explanations[code].exitCode)
  })
})

test('calls of the SDK have the names of their commands', () => {
  const named = (message: string): string =>
    problemOf(new QuorateError('QUORATE_TIMEOUT', message)).message
  expect(named('setSetting: no answer')).toBe('settings set: no answer')
  expect(named('delete: no answer')).toBe('del: no answer')
  expect(named('put: delete: no')).toBe('put: delete: no')
  expect(named('toString: x')).toBe('toString: x')
})

describe('exit codes', () => {
  test.each<[ErrorCode, number]>([
    ['QUORATE_USAGE', 2],
    ['QUORATE_TOO_LARGE', 2],
    ['QUORATE_CONFLICT', 4],
    ['QUORATE_MISMATCH', 4],
    ['QUORATE_TOKEN_CANCELLED', 4],
    ['QUORATE_TOKEN_EXPIRED', 4],
    ['QUORATE_NO_QUORUM', 5],
    ['QUORATE_NOT_LEADER', 5],
    ['QUORATE_TIMEOUT', 5],
    ['QUORATE_CONNECTION_LOST', 5],
    ['QUORATE_OVERLOADED', 5],
    ['QUORATE_SCAN_LOST', 5],
    ['QUORATE_CORRUPT', 1],
    ['QUORATE_STORAGE', 1],
    ['QUORATE_LOCKED', 1],
    ['QUORATE_PORT_IN_USE', 1],
    ['QUORATE_WRONG_CLUSTER', 1],
    ['QUORATE_INTERNAL', 1],
  ])('%s: %d', (code, exitCode) => {
    expect(problemOf(new QuorateError(code, 'x', { outcome: 'not-applied' })).exitCode).toBe(
      exitCode,
    )
  })

  test('an error that nobody foresaw is 1, with where it came from', () => {
    const problem = problemOf(new TypeError('x is not a function'))
    expect(problem).toMatchObject({ exitCode: 1, code: 'QUORATE_INTERNAL' })
    expect(problem.message).toContain('problem.test.ts')
  })
})

describe('the text', () => {
  test('has message, cause, next step and code', () => {
    const text = tell(new QuorateError('QUORATE_LOCKED', '/data/lock is held'))
    expect(text.split('\n')).toEqual([
      'error: /data/lock is held',
      `  likely cause: ${explanations.QUORATE_LOCKED.cause}`,
      `  next:         ${explanations.QUORATE_LOCKED.next}`,
      '  code:         QUORATE_LOCKED',
    ])
  })

  test('says what became of a write', () => {
    const lost = new QuorateError('QUORATE_TIMEOUT', 'no answer', { attempts: 3 })
    expect(tell(lost, true)).toMatch(/effect: +unknown: the write may have happened/)
    const refused = new QuorateError('QUORATE_OVERLOADED', 'too much')
    expect(tell(refused, true)).toMatch(/effect: +none/)
    expect(tell(refused, false)).not.toMatch(/effect/)
  })

  test('names the command that settles a write in doubt, quoted for a shell', () => {
    const token = new TextEncoder().encode("it's/1")
    const lost = new QuorateError('QUORATE_TIMEOUT', 'no answer', { attempts: 1, token })
    expect(tell(lost, true)).toContain(`quorate verdict 'it'\\''s/1' tells`)
  })

  test('sends usage errors to the help of the command', () => {
    expect(tell(new QuorateError('QUORATE_USAGE', 'no'))).toMatch(/next: +quorate put --help/)
  })
})

test('the JSON document has exactly what it promises', () => {
  const error = new QuorateError('QUORATE_NO_QUORUM', 'no leader', { outcome: 'not-applied' })
  expect(problemDocument(problemOf(error))).toEqual({
    schema: 1,
    error: {
      code: 'QUORATE_NO_QUORUM',
      message: 'no leader',
      outcome: 'not-applied',
      retryable: true,
    },
  })
})
