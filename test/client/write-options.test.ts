/** Goal: what a record of `putMany` says goes before what the whole says, and nothing is dropped. */
import { expect, test } from 'vitest'
import { recordOptions } from '../../src/client/write-options.ts'
import type { PutOptions } from '../../src/client/types.ts'

/** All there are; another one would not compile without a line here. */
const all: Required<PutOptions> = {
  timeout: 7,
  signal: new AbortController().signal,
  keyEncoding: 'json',
  valueEncoding: 'msgpack',
  token: 't',
  tokenTime: 5,
  ifRevision: 3,
  onMismatch: 'throw',
  once: true,
}

test('every option reaches each record, but for those that belong to a record alone', () => {
  const { token: _token, ifRevision: _ifRevision, ...shared } = all
  expect(recordOptions({ key: 'k', value: 'v' }, shared)).toEqual(shared)
  expect(recordOptions({ key: 'k', value: 'v' }, {})).toEqual({})
})

test('the record’s own go first', () => {
  const record = { key: 'k', value: 'v', token: 'u', tokenTime: 6, ifRevision: 4, once: false }
  const { token, tokenTime, ifRevision, once } = record
  expect(recordOptions(record, { tokenTime: 1, once: true, timeout: 9 })).toEqual({
    token,
    tokenTime,
    ifRevision,
    once,
    timeout: 9,
  })
})
