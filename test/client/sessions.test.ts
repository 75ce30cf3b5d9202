/**
 * Goal: a call is never written twice because its session ended, and never called settled by a
 * session that cannot know. (jetcd 0.8.2 repeated calls in doubt under a new session.)
 * Method: scripted nodes that let sessions expire between attempts; the commands they saw and the
 * call's end are judged. The numbering itself is held against a plain model.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Session, sequencesOpenMax } from '../../src/client/session.ts'
import { SeededRandom } from '../../src/random.ts'
import { answer, applied, callOf, error, refused, sessionOf, startTime } from './fake-node.ts'
import type { Reaction } from './fake-node.ts'
import { World } from './world.ts'

async function scripted(...reactions: Reaction[]): Promise<World> {
  const world = new World()
  const [node] = await world.start(1)
  let at = 0
  node!.react = () => reactions[Math.min(at++, reactions.length - 1)]!
  return world
}

const expired = refused('QUORATE_SESSION_EXPIRED', false)

describe('a session that ended', () => {
  test('a first attempt is sent again under a new session', async () => {
    const world = await scripted(expired, applied(3))
    const db = await world.connect()

    expect(await world.end(db.put('k', 'v'))).toEqual({ verdict: 'applied', revision: 3 })

    const [first, second] = world.nodes[0]!.commands()
    expect(sessionOf(first)).not.toBe(sessionOf(second))
    expect(callOf(second)).toMatchObject({ sequence: 1, firstOutstanding: 1 })
    expect(world.events.filter((event) => event.type === 'session')).toEqual([
      { type: 'session', state: 'opened' },
      { type: 'session', state: 'expired' },
      { type: 'session', state: 'opened' },
    ])
  })

  test('so is one whose earlier attempts were all refused', async () => {
    const world = await scripted(error('QUORATE_OVERLOADED'), expired, applied(3))
    const db = await world.connect()

    expect(await world.end(db.put('k', 'v'))).toMatchObject({ verdict: 'applied' })
  })

  test('a bare write in doubt ends unknown, and is not sent again', async () => {
    const world = await scripted('cut', expired, applied(3))
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v'))

    expect(failure).toMatchObject({
      code: 'QUORATE_SESSION_EXPIRED',
      outcome: 'unknown',
      attempts: 2,
    })
    expect(world.nodes[0]!.commands()).toHaveLength(2)
  })

  test.each([
    ['a token', { token: 't' }],
    ['once', { once: true }],
  ])(
    'one with %s is repeated under the new session, and its duplicate is told',
    async (_n, options) => {
      const world = await scripted('cut', expired, answer({ status: 'duplicate', revision: 3 }))
      const db = await world.connect()

      const result = await world.end(db.put('k', 'v', options))

      expect(result).toEqual({ verdict: 'duplicate', revision: 3 })
      const commands = world.nodes[0]!.commands()
      expect(new Set(commands.map(sessionOf)).size).toBe(2)
      const rest = commands.map((command) => ({ ...command, call: undefined }))
      expect(rest[2]).toEqual(rest[0])
    },
  )

  test.each([
    // What the state machine decides after it found the token absent and young enough.
    ['QUORATE_TOKENS_FULL', 'not-applied'],
    ['QUORATE_TOKEN_AHEAD', 'not-applied'],
    // What it decides also where the first copy took effect and its token was forgotten since.
    ['QUORATE_TOKEN_EXPIRED', 'unknown'],
    ['QUORATE_TOKEN_CANCELLED', 'unknown'],
  ] as const)(
    'in doubt under the old one, refused with %s under the new: %s',
    async (code, outcome) => {
      const world = await scripted('cut', expired, refused(code, true))
      const db = await world.connect()

      expect(await world.failure(db.put('k', 'v', { token: 't' }))).toMatchObject({ code, outcome })
    },
  )

  test('a conflict under the new session proves that the first copy did nothing', async () => {
    const conflict = answer({ status: 'conflict', operation: 0, revision: 8 })
    const world = await scripted('cut', expired, conflict)
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { token: 't', ifRevision: 1 }))

    expect(failure).toMatchObject({ code: 'QUORATE_CONFLICT', outcome: 'not-applied' })
  })

  test('born ahead of the cluster: born again in its time', async () => {
    const hour = 3_600_000
    const ahead = refused('QUORATE_SESSION_AHEAD', false, startTime - 2 * hour)
    const world = await scripted(ahead, applied(3))
    const db = await world.connect()

    await world.end(db.put('k', 'v'))

    const births = world.nodes[0]!.commands().map((command) => birthOf(sessionOf(command)))
    expect(births).toEqual([startTime, startTime - 2 * hour])
  })

  test('a copy refused as ahead may still take effect later: never not-applied', async () => {
    const ahead = refused('QUORATE_SESSION_AHEAD', false)
    const conflict = answer({ status: 'conflict', operation: 0, revision: 8 })
    const world = await scripted('cut', ahead, conflict)
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { token: 't', ifRevision: 1 }))

    expect(failure).toMatchObject({ code: 'QUORATE_CONFLICT', outcome: 'unknown' })
  })

  test('and with `once`, whose record may be gone by then, it is not repeated', async () => {
    const world = await scripted('cut', refused('QUORATE_SESSION_AHEAD', false), applied(1))
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { once: true }))

    expect(failure).toMatchObject({ code: 'QUORATE_SESSION_AHEAD', outcome: 'unknown' })
  })

  test('a cluster that ends every session ends the call', async () => {
    const world = await scripted(expired)
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v'))

    expect(failure).toMatchObject({
      code: 'QUORATE_SESSION_EXPIRED',
      outcome: 'not-applied',
      attempts: 4,
    })
  })

  test('calls in flight together move to one new session', async () => {
    const world = await scripted(expired, expired, expired, applied(1))
    const db = await world.connect()

    await world.end(Promise.all([db.put('a', 1, json), db.put('b', 2, json), db.put('c', 3, json)]))

    const commands = world.nodes[0]!.commands()
    expect(new Set(commands.slice(0, 3).map(sessionOf)).size).toBe(1)
    expect(new Set(commands.slice(3).map(sessionOf)).size).toBe(1)
    expect(commands.slice(3).map((command) => callOf(command).sequence)).toEqual([1, 2, 3])
  })

  test('the token time stays that of the first attempt', async () => {
    const world = await scripted(error('QUORATE_OVERLOADED'), 'cut', expired, applied(1))
    world.nodes[0]!.clusterTime = startTime
    const db = await world.connect()
    await world.clock.advance(5000)

    await world.end(db.put('k', 'v', { token: 't' }))

    const identities = world.nodes[0]!.commands().map((command) =>
      command.kind === 'write' ? command.identity : undefined,
    )
    expect(new Set(identities.map((identity) => JSON.stringify(identity))).size).toBe(1)
    expect(identities[0]).toMatchObject({ kind: 'token', time: startTime + 5000 })
  })
})

test('an estimate of the time that a node led far ahead is given up once the leader says so', async () => {
  const month = 30 * 24 * 3_600_000
  const ahead = refused('QUORATE_TOKEN_AHEAD', true, startTime)
  const world = await scripted(ahead, applied(1))
  world.nodes[0]!.clusterTime = startTime + month
  const db = await world.connect()

  await world.failure(db.put('a', 'v', { token: 't1' }))
  await world.end(db.put('b', 'v', { token: 't2' }))

  const times = world.nodes[0]!.commands().map(
    (command) => command.kind === 'write' && command.identity,
  )
  expect(times).toMatchObject([{ time: startTime + month }, { time: startTime }])
})

describe('the life of a session', () => {
  test('it is not made by reads, and ends with the client', async () => {
    const world = await scripted({ kind: 'rows', rows: [undefined], readRevision: 0 })
    const db = await world.connect()
    await world.end(db.get('k'))
    await world.end(db.close())

    expect(world.nodes[0]!.asked('write')).toEqual([])
  })

  test('closing tells the cluster, and does not wait long for an answer', async () => {
    const world = await scripted(applied(1), 'silent')
    const db = await world.connect()
    await world.end(db.put('k', 'v'))
    const before = world.clock.monotonic()

    await world.end(db.close())

    const [write, farewell] = world.nodes[0]!.commands()
    expect(farewell).toEqual({ kind: 'closeSession', session: callOf(write).session })
    expect(world.clock.monotonic() - before).toBeLessThan(400)
    await world.clock.advance(5000)
    expect(world.clock.timers).toBe(0)
  })
})

describe('the window', () => {
  test('no more sequences are open than the state machine keeps; the others wait', async () => {
    const world = await scripted('silent')
    const db = await world.connect()
    const calls = Array.from({ length: 5000 }, (_, i) =>
      db.put(`k${i}`, 'v', { timeout: 400 }).catch((failure: unknown) => failure),
    )
    await world.clock.run()
    const [node] = world.nodes

    expect(node!.asked('write')).toHaveLength(sequencesOpenMax)

    // One answer in the middle moves nothing; the first one moves the window by two.
    node!.react = () => 'silent'
    node!.reply(node!.seen[1]!, applied(1))
    await world.clock.run()
    expect(node!.asked('write')).toHaveLength(sequencesOpenMax)
    node!.reply(node!.seen[0]!, applied(2))
    await world.clock.run()
    expect(node!.asked('write')).toHaveLength(sequencesOpenMax + 2)
    const last = callOf(node!.commands().at(-1))
    expect(last.sequence - last.firstOutstanding).toBeLessThan(4096)
    const ends = await world.end(Promise.all(calls))
    expect(ends.at(-1)).toMatchObject({
      code: 'QUORATE_TIMEOUT',
      outcome: 'not-applied',
      attempts: 0,
    })
  })

  test('sequences and watermark are those of a plain model, whatever the order of answers', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 40 }), { maxLength: 200 }), (steps) => {
        const session = new Session(new SeededRandom(1), startTime)
        const open = new Set<number>()
        let next = 1
        for (const step of steps) {
          const list = [...open].toSorted((a, b) => a - b)
          if (step < 20 || list.length === 0) {
            const first = list[0] ?? next
            expect(session.upcoming()).toMatchObject({ sequence: next, firstOutstanding: first })
            expect(session.take()).toBe(next)
            open.add(next++)
          } else {
            const released = list[step % list.length]!
            session.release(released)
            open.delete(released)
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  test('a sequence that is not open cannot be released', () => {
    const session = new Session(new SeededRandom(1), startTime)
    session.take()

    expect(() => session.release(2)).toThrow('only an open sequence')
  })
})

const json = { valueEncoding: 'json' } as const

function birthOf(session: string): number {
  return Number.parseInt(session.slice(0, 12), 16)
}
