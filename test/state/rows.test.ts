/**
 * Goal: rows have the bytes that they always had, and a row that isn't what was written is never
 * handed out.
 *
 * Method: golden bytes of each kind of row; round trips; every bit of a row flipped; a row that
 * stands under another key.
 */
import { describe, expect, test } from 'vitest'
import type { Answer } from '../../src/command/index.ts'
import { defaultSettings } from '../../src/command/index.ts'
import {
  appliedKey,
  dataHeaderBytes,
  emptyApplied,
  encodeApplied,
  encodeSettings,
  encodeToken,
  keyspaces,
  minuteKey,
  parse,
  readApplied,
  readData,
  readSettings,
  readToken,
  rowKey,
  seal,
  sealBytes,
  sealData,
  tombstoneKey,
  unseal,
} from '../../src/state/layout.ts'
import type { TokenRow } from '../../src/state/layout.ts'
import { encodeSession, readSession } from '../../src/state/session-row.ts'
import type { SessionRow } from '../../src/state/session-row.ts'
import { expectGolden } from '../suites/golden-bytes.ts'
import { isQuorate } from './errors.ts'
import { b, sessionName } from './support.ts'

const hash = Uint8Array.from({ length: 16 }, (_, i) => i)
const time = 1_700_000_000_000
const applied = {
  index: 10,
  term: 2,
  revision: 7,
  clusterTime: time,
  tokenHorizon: time - 5,
  sessionHorizon: time - 9,
  tokens: 3,
  effects: Uint8Array.from({ length: 32 }, (_, i) => i),
}
const tokens: TokenRow[] = [
  { kind: 'recorded', base: time, revision: 7, existed: undefined, payloadHash: hash },
  { kind: 'recorded', base: time, revision: 7, existed: false, payloadHash: hash },
  { kind: 'recorded', base: time, revision: 0, existed: true, payloadHash: hash },
  { kind: 'cancelled', base: time },
]
const answers: Answer[] = [
  { status: 'applied', revision: 7 },
  { status: 'applied', revision: 8, existed: true },
  { status: 'duplicate', revision: 9, existed: false },
  { status: 'mismatch', revision: 10, payloadHash: hash },
  { status: 'conflict', operation: 65_534, revision: 0 },
  { status: 'done' },
  { status: 'refused', code: 'QUORATE_TOKEN_EXPIRED', decided: true },
  { status: 'fenced', verdict: { status: 'recorded', revision: 3, payloadHash: hash } },
  { status: 'fenced', verdict: { status: 'absent', horizon: time, fenced: true } },
  { status: 'fenced', verdict: { status: 'expired', horizon: time } },
]
const session: SessionRow = {
  closed: false,
  lastWrite: time,
  firstOutstanding: 5,
  // Backwards: the order of the row is that of sequences.
  answers: new Map(
    answers
      .map((answer, i) => [5 + i, { fingerprint: 0xdead_0000 + i, answer }] as const)
      .toReversed(),
  ),
}

describe('rows', () => {
  test('have the bytes that they always had', () => {
    const dataKey = rowKey(keyspaces.data, b('key'))
    const rows = new Map<string, Uint8Array>([
      ['applied', seal(appliedKey, encodeApplied(applied))],
      ['settings', encodeSettings(defaultSettings)],
      ['minute key', minuteKey(28_333_333)],
      ['data key', dataKey],
      ['data', sealData(dataKey, 2 ** 40 + 1, b('value'))],
      ['tombstone key', tombstoneKey(2 ** 40 + 1, 3)],
      ['session', encodeSession(session)],
      ['closed session', encodeSession({ ...session, closed: true, answers: new Map() })],
    ])
    for (const [i, row] of tokens.entries()) rows.set(`token ${i}`, encodeToken(row))
    expectGolden(new URL('testdata/rows.txt', import.meta.url), rows)
  })

  test('come back as they were', () => {
    const read = <T>(payload: Uint8Array, reader: Parameters<typeof parse<T>>[3]): T =>
      parse('here', b('k'), payload, reader)
    expect(read(encodeApplied(applied), readApplied)).toEqual(applied)
    expect(read(encodeApplied(emptyApplied), readApplied)).toEqual(emptyApplied)
    expect(read(encodeSettings(defaultSettings), readSettings)).toEqual(defaultSettings)
    for (const row of tokens) expect(read(encodeToken(row), readToken)).toEqual(row)
    expect(read(encodeSession(session), readSession)).toEqual(session)
    const key = rowKey(keyspaces.data, b('key'))
    const row = readData(unseal('here', key, sealData(key, 2 ** 40 + 1, b('value'))))
    expect({ ...row, value: [...row.value] }).toEqual({
      value: [...b('value')],
      revision: 2 ** 40 + 1,
    })
  })

  test('with any bit flipped, cut, or under another key, are refused by name', () => {
    const key = rowKey(keyspaces.data, b('key'))
    const row = sealData(key, 3, b('value'))
    const refusal = (at: Uint8Array, bytes: Uint8Array): unknown => {
      try {
        return unseal('/a/directory', at, bytes)
      } catch (error) {
        return error
      }
    }
    for (let bit = 0; bit < row.length * 8; bit++) {
      const bytes = Uint8Array.from(row)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(isQuorate(refusal(key, bytes), 'QUORATE_CORRUPT')).toBe(true)
    }
    for (let length = 0; length < row.length; length++) {
      expect(isQuorate(refusal(key, row.subarray(0, length)), 'QUORATE_CORRUPT')).toBe(true)
    }
    const other = refusal(rowKey(keyspaces.data, b('kez')), row)
    expect(other).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: '/a/directory' } })
    expect(sealBytes).toBeLessThan(dataHeaderBytes)
  })

  test('that check but make no sense are refused as well', () => {
    const bad = (payload: Uint8Array): unknown => {
      try {
        return parse('here', b('k'), payload, readToken)
      } catch (error) {
        return error
      }
    }
    const good = encodeToken(tokens[0]!)
    expect(isQuorate(bad(Uint8Array.of(9, ...good.subarray(1))), 'QUORATE_CORRUPT')).toBe(true)
    expect(isQuorate(bad(good.subarray(1)), 'QUORATE_CORRUPT')).toBe(true)
    expect(isQuorate(bad(Uint8Array.of(...good, 0)), 'QUORATE_CORRUPT')).toBe(true)
    expect(sessionName(time).length).toBe(18)
  })
})
