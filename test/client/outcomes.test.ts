/**
 * Goal: the promise of every failed write. `not-applied` is said only where no attempt can have or
 * get an effect; a decided answer settles whatever was in doubt before.
 * Method: one or two scripted nodes answer attempt by attempt; the call's end is judged.
 */
import { describe, expect, test } from 'vitest'
import { answer, applied, callOf, commandBytes, error, refused } from './fake-node.ts'
import type { Reaction } from './fake-node.ts'
import { World } from './world.ts'

/** A world of one node that reacts to the writes in turn; the last reaction stays. */
async function scripted(...reactions: Reaction[]): Promise<World> {
  const world = new World()
  const [node] = await world.start(1)
  let at = 0
  node!.react = (request) => {
    if (request.kind !== 'write') return error('QUORATE_INTERNAL')
    return reactions[Math.min(at++, reactions.length - 1)]!
  }
  return world
}

const unknownLoss = error('QUORATE_LEADERSHIP_LOST')

describe('one attempt', () => {
  test.each([
    ['applied', applied(7), { verdict: 'applied', revision: 7 }],
    [
      'duplicate',
      answer({ status: 'duplicate', revision: 3 }),
      { verdict: 'duplicate', revision: 3 },
    ],
    [
      'mismatch',
      answer({ status: 'mismatch', revision: 4, payloadHash: new Uint8Array(16).fill(0xab) }),
      { verdict: 'mismatch', revision: 4, payloadHash: 'ab'.repeat(16) },
    ],
  ] as const)('the verdict %s comes through', async (_name, reaction, result) => {
    const world = await scripted(reaction)
    const db = await world.connect()

    expect(await world.end(db.put('k', 'v', { token: 't' }))).toEqual(result)
  })

  test.each([
    ['QUORATE_TOKEN_EXPIRED', true],
    ['QUORATE_TOKEN_AHEAD', true],
    ['QUORATE_TOKEN_CANCELLED', true],
    ['QUORATE_TOKENS_FULL', true],
    ['QUORATE_SESSIONS_FULL', false],
    ['QUORATE_SESSION_WINDOW', false],
  ] as const)('a refusal with %s is not-applied', async (code, decided) => {
    const world = await scripted(refused(code, decided))
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { token: 't' }))

    expect(failure).toMatchObject({ code, outcome: 'not-applied', attempts: 1 })
    expect(Buffer.from(failure.token!).toString()).toBe('t')
  })

  test('a forgotten sequence is never called not-applied', async () => {
    const world = await scripted(refused('QUORATE_SESSION_FORGOTTEN', false))
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v'))

    expect(failure).toMatchObject({ code: 'QUORATE_SESSION_FORGOTTEN', outcome: 'unknown' })
  })

  test('a conflict says which condition failed, and on what', async () => {
    const world = await scripted(answer({ status: 'conflict', operation: 2, revision: 9 }))
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { ifRevision: 1 }))

    expect(failure).toMatchObject({
      code: 'QUORATE_CONFLICT',
      outcome: 'not-applied',
      details: { operation: 2, revision: 9 },
    })
  })

  test('a mismatch is thrown where the caller wants it', async () => {
    const payloadHash = new Uint8Array(16).fill(1)
    const world = await scripted(answer({ status: 'mismatch', revision: 4, payloadHash }))
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { token: 't', onMismatch: 'throw' }))

    expect(failure).toMatchObject({
      code: 'QUORATE_MISMATCH',
      outcome: 'not-applied',
      details: { revision: 4, payloadHash: '01'.repeat(16) },
    })
  })

  test('no answer within the time is unknown', async () => {
    const world = await scripted('silent')
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { timeout: 300 }))

    expect(failure).toMatchObject({ code: 'QUORATE_TIMEOUT', outcome: 'unknown', attempts: 1 })
  })

  test('an answer of a kind that makes no sense leaves everything open', async () => {
    const world = await scripted({ kind: 'done' })
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v'))

    expect(failure).toMatchObject({ code: 'QUORATE_PROTOCOL', outcome: 'unknown' })
  })
})

describe('several attempts', () => {
  test.each([
    ['a lost connection', 'cut' as const],
    ['lost leadership', unknownLoss],
    ['a quorum that did not confirm', error('QUORATE_NO_QUORUM')],
  ])('after %s a later refusal leaves the call unknown', async (_name, first) => {
    const world = await scripted(first, refused('QUORATE_SESSIONS_FULL', false))
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v'))

    expect(failure).toMatchObject({
      code: 'QUORATE_SESSIONS_FULL',
      outcome: 'unknown',
      attempts: 2,
    })
  })

  test('after a lost connection, refusal at the door is unknown as well', async () => {
    const world = await scripted('cut', error('QUORATE_TOO_LARGE'))
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v'))

    expect(failure).toMatchObject({ code: 'QUORATE_TOO_LARGE', outcome: 'unknown' })
  })

  test.each([
    ['applied', applied(5)],
    ['duplicate', answer({ status: 'duplicate', revision: 5 })],
  ])('a decided answer settles what was in doubt: %s', async (verdict, last) => {
    const world = await scripted('cut', unknownLoss, last)
    const db = await world.connect()

    expect(await world.end(db.put('k', 'v'))).toEqual({ verdict, revision: 5 })
  })

  test.each([
    ['conflict', answer({ status: 'conflict', operation: 0, revision: 1 }), 'QUORATE_CONFLICT'],
    ['cancelled', refused('QUORATE_TOKEN_CANCELLED', true), 'QUORATE_TOKEN_CANCELLED'],
    ['expired', refused('QUORATE_TOKEN_EXPIRED', true), 'QUORATE_TOKEN_EXPIRED'],
  ])('a decided refusal settles it too: %s', async (_name, last, code) => {
    const world = await scripted('cut', last)
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { token: 't' }))

    expect(failure).toMatchObject({ code, outcome: 'not-applied', attempts: 2 })
  })

  test('attempts that were all refused are not-applied, even when the time ends', async () => {
    const world = await scripted(error('QUORATE_OVERLOADED', { details: { retryAfter: 20 } }))
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { timeout: 300 }))

    expect(failure).toMatchObject({
      code: 'QUORATE_OVERLOADED',
      outcome: 'not-applied',
      retryable: true,
    })
    expect(failure.attempts).toBeGreaterThan(2)
    expect(failure.details.retryAfter).toBe(20)
  })

  test('one entry that another leader replaced is refused, not in doubt', async () => {
    const replaced = error('QUORATE_LEADERSHIP_LOST', { outcome: 'not-applied' })
    const world = await scripted(replaced, refused('QUORATE_SESSIONS_FULL', false))
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v'))

    expect(failure).toMatchObject({ outcome: 'not-applied', attempts: 2 })
  })

  test('a goodbye that sounds harmless says nothing of what was sent', async () => {
    const world = await scripted('silent')
    const [node] = world.nodes
    const db = await world.connect()
    const write = db.put('k', 'v', { timeout: 400 })
    await world.clock.run()

    await world.end(node!.stop())

    expect(await world.failure(write)).toMatchObject({
      code: 'QUORATE_CONNECTION_LOST',
      outcome: 'unknown',
      attempts: 1,
    })
  })

  test('retries send the very same bytes', async () => {
    const world = await scripted('cut', unknownLoss, error('QUORATE_OVERLOADED'), applied(1))
    const db = await world.connect()

    await world.end(db.put('k', 'v', { token: 't' }))

    const sent = world.nodes[0]!.asked('write').map((request) =>
      Buffer.from(commandBytes(request)).toString('hex'),
    )
    expect(sent).toHaveLength(4)
    expect(new Set(sent).size).toBe(1)
  })
})

describe('without a node that could serve', () => {
  test('nothing can be reached: not-applied, never sent', async () => {
    const world = await scripted('cut')
    const db = await world.connect()
    await world.end(world.nodes[0]!.stop())

    const failure = await world.failure(db.put('k', 'v', { timeout: 500 }))

    expect(failure).toMatchObject({
      code: 'QUORATE_CONNECTION_LOST',
      outcome: 'not-applied',
      attempts: 0,
    })
  })

  test('nodes answer that there is no leader: no quorum, not-applied', async () => {
    const world = new World()
    const nodes = await world.start(3, () => error('QUORATE_NOT_LEADER'))
    world.lead(undefined)
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { timeout: 500 }))

    expect(failure).toMatchObject({
      code: 'QUORATE_NO_QUORUM',
      outcome: 'not-applied',
      attempts: 0,
    })
    // The write itself was not sent about: only the nodes' status was asked.
    expect(nodes.flatMap((node) => node.asked('write'))).toEqual([])
  })

  test('the leader went away with the write: no quorum, unknown, with the loss as cause', async () => {
    const world = new World()
    const nodes = await world.start(3, () => 'cut')
    const db = await world.connect()
    for (const node of nodes)
      node.onStatus = () => {
        node.leader = undefined
        return { kind: 'status', status: node.status() }
      }
    await world.clock.run()

    const failure = await world.failure(db.put('k', 'v', { timeout: 900 }))

    expect(failure).toMatchObject({ code: 'QUORATE_NO_QUORUM', outcome: 'unknown' })
    expect(failure.cause).toMatchObject({ code: 'QUORATE_CONNECTION_LOST' })
  })
})

describe('what the caller does', () => {
  test('a call given up in flight is unknown, one never sent is not-applied', async () => {
    const world = await scripted('silent')
    const db = await world.connect()
    const sent = new AbortController()
    const flying = db.put('k', 'v', { signal: sent.signal })
    await world.clock.run()

    sent.abort(new Error('enough'))
    const early = world.failure(db.put('k', 'v', { signal: sent.signal }))

    const failure = await world.failure(flying)
    expect(failure).toMatchObject({ code: 'QUORATE_ABORTED', outcome: 'unknown', attempts: 1 })
    expect(failure.cause).toMatchObject({ message: 'enough' })
    expect(await early).toMatchObject({
      code: 'QUORATE_ABORTED',
      outcome: 'not-applied',
      attempts: 0,
    })
  })

  test('one signal over many calls is listened to once, and let go', async () => {
    const world = await scripted(applied(1))
    const db = await world.connect()
    const { signal } = new AbortController()
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }

    const calls = Array.from({ length: 50 }, (_, i) => db.put(`k${i}`, 'v', { signal }))

    expect(listeners).toBe(1)
    await world.end(Promise.all(calls))
    expect(listeners).toBe(0)
  })

  test('close ends open calls with what is known of them', async () => {
    const world = await scripted('silent')
    const db = await world.connect()
    const flying = db.put('k', 'v').catch((error: unknown) => error)
    await world.clock.run()
    const never = db.put('k2', 'v').catch((error: unknown) => error)

    const closed = db.close()

    expect(await flying).toMatchObject({ code: 'QUORATE_CLOSED', outcome: 'unknown' })
    // Handed to the connection in this very turn: it may be on its way, so it counts as sent.
    expect(await never).toMatchObject({ code: 'QUORATE_CLOSED', outcome: 'unknown' })
    await world.end(closed)
    expect(await world.failure(db.put('k', 'v'))).toMatchObject({
      code: 'QUORATE_CLOSED',
      outcome: 'not-applied',
    })
  })

  test('a sequence is never used again, whatever became of its call', async () => {
    const world = await scripted('silent', 'cut', applied(1))
    const db = await world.connect()
    await world.failure(db.put('a', 'v', { timeout: 50 }))
    await world.end(db.put('b', 'v'))
    await world.end(db.put('c', 'v'))

    const calls = world.nodes[0]!.commands().map(callOf)

    expect(calls.map((call) => call.sequence)).toEqual([1, 2, 2, 3])
    // The first was passed over once its caller had been told; the second was waited for.
    expect(calls.map((call) => call.firstOutstanding)).toEqual([1, 2, 2, 3])
  })
})
