/**
 * Goal: writes say what the caller said: many at once with a verdict each, batches as one, deletes
 * with what they found; and what cannot be meant is refused before anything is sent.
 * Method: one scripted node; the commands that it saw and the results are compared.
 */
import { describe, expect, test } from 'vitest'
import type { PutOptions, PutRecord } from '../../src/client/index.ts'
import { answer, applied, error, startTime } from './fake-node.ts'
import type { Reaction } from './fake-node.ts'
import { World } from './world.ts'

async function world(react: () => Reaction): Promise<World> {
  const made = new World()
  await made.start(1, react)
  return made
}

describe('putMany', () => {
  test('a verdict or an error for each record, in order', async () => {
    const w = await world(() => applied(1))
    const node = w.nodes[0]!
    node.react = () => {
      const at = node.asked('write').length
      if (at === 2) return answer({ status: 'duplicate', revision: 9 })
      if (at === 3) return answer({ status: 'conflict', operation: 0, revision: 4 })
      return applied(at)
    }
    const db = await w.connect()

    const results = await w.end(
      db.putMany([
        { key: 'a', value: '1', token: 'ta', tokenTime: 5 },
        { key: 'b', value: '2', once: true },
        { key: 'c', value: '3', ifRevision: 1 },
        { key: '', value: '4' },
        { key: 'e', value: '5' },
        'nonsense' as unknown as PutRecord,
      ]),
    )

    expect(results).toMatchObject([
      { verdict: 'applied', revision: 1 },
      { verdict: 'duplicate', revision: 9 },
      { error: { code: 'QUORATE_CONFLICT', outcome: 'not-applied' } },
      { error: { code: 'QUORATE_USAGE' } },
      { verdict: 'applied', revision: 4 },
      { error: { code: 'QUORATE_USAGE' } },
    ])
    expect(node.commands()).toMatchObject([
      { identity: { kind: 'token', time: 5 } },
      { identity: { kind: 'once' } },
      { identity: { kind: 'none' }, operation: { ifRevision: 1 } },
      { identity: { kind: 'none' } },
    ])
  })

  test('many records: bounded in flight, all answered, also with a small cap of calls', async () => {
    for (const callsMax of [10_000, 7]) {
      const w = await world(() => 'silent')
      const node = w.nodes[0]!
      const db = await w.connect({ callsMax })
      const records = Array.from({ length: 3000 }, (_, i) => ({ key: `k${i}`, value: 'v' }))
      const all = db.putMany(records)
      await w.clock.run()
      expect(node.asked('write')).toHaveLength(Math.min(1024, callsMax))

      node.react = () => applied(1)
      for (const seen of Array.from(node.seen)) node.reply(seen, applied(1))

      const results = await w.end(all)
      expect(results).toHaveLength(3000)
      expect(results.every((result) => 'verdict' in result)).toBe(true)
    }
  })

  test('none at all, and a mismatch where the caller wants it thrown', async () => {
    const payloadHash = new Uint8Array(16)
    const w = await world(() => answer({ status: 'mismatch', revision: 2, payloadHash }))
    const db = await w.connect()

    expect(await w.end(db.putMany([]))).toEqual([])
    const records = [{ key: 'a', value: 'v', once: true }]
    expect(await w.end(db.putMany(records))).toMatchObject([{ verdict: 'mismatch' }])
    expect(await w.end(db.putMany(records, { onMismatch: 'throw' }))).toMatchObject([
      { error: { code: 'QUORATE_MISMATCH' } },
    ])
  })

  test('given up in the middle: each record tells what is known of it', async () => {
    const w = await world(() => 'silent')
    const db = await w.connect()
    const controller = new AbortController()
    const records = Array.from({ length: 1100 }, (_, i) => ({ key: `k${i}`, value: 'v' }))
    const all = db.putMany(records, { signal: controller.signal })
    await w.clock.run()

    controller.abort()

    const results = await w.end(all)
    const outcomes = results.map((result) => ('error' in result ? result.error.outcome : ''))
    expect(outcomes.slice(0, 1024).every((outcome) => outcome === 'unknown')).toBe(true)
    expect(outcomes.slice(1024).every((outcome) => outcome === 'not-applied')).toBe(true)
  })
})

describe('batch and delete', () => {
  test('a batch is one command with one verdict', async () => {
    const w = await world(() => applied(3))
    const db = await w.connect()

    const result = await w.end(
      db.batch(
        [
          { type: 'put', key: 'a', value: '1', ifRevision: 0 },
          { type: 'delete', key: 'b' },
        ],
        { token: 't' },
      ),
    )

    expect(result).toEqual({ verdict: 'applied', revision: 3 })
    expect(w.nodes[0]!.commands()).toMatchObject([
      {
        identity: { kind: 'token', time: startTime },
        operation: {
          kind: 'batch',
          operations: [{ kind: 'put', ifRevision: 0 }, { kind: 'delete' }],
        },
      },
    ])
  })

  test('a delete tells whether there was a record', async () => {
    const replies = [
      answer({ status: 'applied', revision: 3, existed: true }),
      answer({ status: 'applied', revision: 3, existed: false }),
      answer({ status: 'mismatch', revision: 2, payloadHash: new Uint8Array(16) }),
    ]
    const w = await world(() => replies.shift()!)
    const db = await w.connect()

    expect(await w.end(db.delete('a'))).toEqual({ verdict: 'applied', revision: 3, existed: true })
    expect(await w.end(db.delete('a'))).toMatchObject({ existed: false })
    expect(await w.end(db.delete('a', { token: 't' }))).toMatchObject({
      verdict: 'mismatch',
      existed: false,
    })
  })
})

describe('what cannot be meant', () => {
  test.each<[string, PutOptions]>([
    ['once with a token', { once: true, token: 't' }],
    ['once with a condition', { once: true, ifRevision: 1 }],
    ['once with a token time', { once: true, tokenTime: 1 }],
    ['a token time without a token', { tokenTime: 1 }],
    ['an empty token', { token: '' }],
    ['a fraction as a token time', { token: 't', tokenTime: 1.5 }],
    ['a negative condition', { ifRevision: -1 }],
    ['another word for a mismatch', { onMismatch: 'ignore' as 'throw' }],
    ['no time', { timeout: 0 }],
    ['endless time', { timeout: Infinity }],
    ['another encoding', { valueEncoding: 'hex' as 'utf8' }],
  ])('%s', async (_name, options) => {
    const w = await world(() => applied(1))
    const db = await w.connect()

    expect(await w.failure(db.put('k', 'v', options))).toMatchObject({
      code: 'QUORATE_USAGE',
      outcome: 'not-applied',
      attempts: 0,
    })
    expect(w.nodes[0]!.asked()).toEqual([])
  })

  test('too large is refused here, and costs no sequence', async () => {
    const w = await world(() => applied(1))
    const db = await w.connect()

    const failures = [
      await w.failure(db.put('k', new Uint8Array(1_048_577))),
      await w.failure(db.put('k', 'v', { token: 'x'.repeat(257) })),
    ]
    await w.end(db.put('k', 'v'))

    expect(failures.map((failure) => failure.code)).toEqual([
      'QUORATE_TOO_LARGE',
      'QUORATE_TOO_LARGE',
    ])
    expect(w.nodes[0]!.commands()).toMatchObject([{ call: { sequence: 1 } }])
  })

  test('of batches, deletes and many', async () => {
    const w = await world(() => error('QUORATE_INTERNAL'))
    const db = await w.connect()
    const put = { type: 'put', key: 'a', value: 'v' } as const
    const once = { once: true } as object
    const calls = [
      () => db.batch([]),
      () => db.batch([put, put]),
      () => db.batch([put], once),
      () => db.batch([put], { ifRevision: 1 }),
      () => db.batch([{ ...put, type: 'merge' as 'put' }]),
      () => db.batch('ab' as unknown as []),
      () => db.delete('a', once),
      () => db.putMany([], { token: 't' }),
      () => db.putMany([], { ifRevision: 1 }),
      () => db.putMany({} as unknown as []),
      () => db.verdict(''),
      () => db.verdict('x'.repeat(257)),
      () => db.verdict('t', { tokenTime: -1 }),
      () => db.getMany('ab' as unknown as []),
    ]
    for (const call of calls) {
      expect(await w.failure(call())).toMatchObject({ code: 'QUORATE_USAGE', attempts: 0 })
    }
    expect(w.nodes[0]!.asked()).toEqual([])
  })
})
