/**
 * Goal: a call takes effect at most once, and all its copies get one answer, through reordering,
 * lost acknowledgements, expiry, closing and the caps (retries with double effects, sessions that
 * come back to life, answers forgotten too early or never).
 *
 * Method: scripted logs, one rule each, at the boundaries of time and number.
 */
import { describe, expect, test } from 'vitest'
import { defaultSettings } from '../../src/command/index.ts'
import type { Answer, CallId, Command } from '../../src/command/index.ts'
import { emptyApplied } from '../../src/state/layout.ts'
import { fingerprintOf, remembered } from '../../src/state/remembered.ts'
import { answersMax, SessionTable, windowMax } from '../../src/state/sessions.ts'
import { Standing } from '../../src/state/standing.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import { b, del, Driver, openMachine, put, sessionName, text, token, write } from './support.ts'

const time = 1_700_000_000_000
const hour = 3_600_000

async function start(): Promise<Driver> {
  return new Driver(await openMachine(await new MemoryDatabase().open()), time)
}

function calls(birth: number, tag = 1): (sequence: number, firstOutstanding?: number) => CallId {
  const session = sessionName(birth, tag)
  return (sequence, firstOutstanding = 1) => ({ session, sequence, firstOutstanding })
}

const refused = (code: string, decided: boolean): object => ({ status: 'refused', code, decided })

describe('copies of a call', () => {
  test('get its first answer, whatever has happened since', async () => {
    const driver = await start()
    const call = calls(time)
    const commands: Command[] = [
      write(call(1), put('k', 'one')),
      write(call(2), put('k', 'two', 9)),
      write(call(3), del('k')),
      write(call(4), put('k', 'three'), token('t', time)),
      write(call(5), put('k', 'four'), token('t', time)),
      write(call(6), put('k', 'five'), token('old', time - 25 * hour)),
      { kind: 'fence', call: call(7), token: b('f'), time },
      { kind: 'setting', call: call(8), name: 'tokensMax', value: 2 },
    ]
    const answers = commands.map((command) => driver.one(command))
    expect(answers.map(({ status }) => status)).toEqual([
      'applied',
      'conflict',
      'applied',
      'applied',
      'mismatch',
      'refused',
      'fenced',
      'done',
    ])
    driver.write(put('k', 'other'))
    driver.write(del('k'))
    const { revision } = driver.machine

    expect(commands.toReversed().map((command) => driver.one(command))).toEqual(
      answers.toReversed(),
    )
    expect(driver.machine.revision).toBe(revision)
  })

  test('in the log side by side take effect once: it is decided when applied', async () => {
    const driver = await start()
    const command = write(calls(time)(1), put('k', 'v'))
    const answers = driver.apply(command, command, command)
    expect(answers).toEqual([1, 1, 1].map((revision) => ({ status: 'applied', revision })))
    expect(driver.machine.revision).toBe(1)
  })

  test('pipelined in any order are all decided', async () => {
    const driver = await start()
    const call = calls(time)
    for (const sequence of [5, 1, 4, 3, 2]) {
      expect(driver.one(write(call(sequence), put(`k${sequence}`, 'v'))).status).toBe('applied')
    }
    expect(driver.one(write(call(3), put('k3', 'v')))).toEqual({ status: 'applied', revision: 4 })
  })

  test('a refusal stays a refusal when its reason is gone', async () => {
    const driver = await start()
    const call = calls(time)
    driver.write(put('k', 'v'))
    const late = write(call(1), put('k', 'w', 7))
    expect(driver.one(late)).toEqual({ status: 'conflict', operation: 0, revision: 1 })
    for (let i = 0; i < 6; i++) driver.write(put('k', 'v'))
    expect(driver.machine.reader.get(b('k'))?.revision).toBe(7)

    expect(driver.one(late)).toEqual({ status: 'conflict', operation: 0, revision: 1 })
    expect(driver.machine.revision).toBe(7)
  })

  test('a sequence used for another command is refused, and changes nothing', async () => {
    const driver = await start()
    const call = calls(time)
    driver.one(write(call(1), put('k', 'v')))
    for (const other of [
      write(call(1), put('k', 'w')),
      write(call(1), put('k', 'v'), token('t', time)),
      { kind: 'fence', call: call(1), token: b('t'), time } as const,
    ]) {
      expect(driver.one(other)).toEqual(refused('QUORATE_SEQUENCE_REUSED', false))
    }
    expect(driver.one(write(call(1), put('k', 'v')))).toEqual({ status: 'applied', revision: 1 })
    expect(driver.machine.reader.token(b('t')).status).toBe('absent')
  })
})

describe('what is outstanding', () => {
  test('answers below it are forgotten, and their calls are never decided again', async () => {
    const driver = await start()
    const call = calls(time)
    driver.one(write(call(1), put('a', 'v')))
    driver.one(write(call(2), put('b', 'v')))
    driver.one(write(call(3, 3), put('c', 'v')))

    expect(driver.one(write(call(1), put('a', 'v')))).toEqual(
      refused('QUORATE_SESSION_FORGOTTEN', false),
    )
    expect(driver.one(write(call(2), put('never', 'sent')))).toEqual(
      refused('QUORATE_SESSION_FORGOTTEN', false),
    )
    expect(driver.one(write(call(3), put('c', 'v')))).toEqual({ status: 'applied', revision: 3 })
    expect(driver.machine.revision).toBe(3)
  })

  test('a copy may say more of it than the first', async () => {
    const driver = await start()
    const call = calls(time)
    driver.one(write(call(1), put('a', 'v')))
    driver.one(write(call(2), put('b', 'v')))
    expect(driver.one(write(call(2, 2), put('b', 'v')))).toEqual({ status: 'applied', revision: 2 })
    expect(driver.one(write(call(1), put('a', 'v')))).toEqual(
      refused('QUORATE_SESSION_FORGOTTEN', false),
    )
  })

  test('never goes back', async () => {
    const driver = await start()
    const call = calls(time)
    driver.one(write(call(9, 9), put('a', 'v')))
    driver.one(write(call(10, 1), put('b', 'v')))
    expect(driver.one(write(call(8, 1), put('c', 'v')))).toEqual(
      refused('QUORATE_SESSION_FORGOTTEN', false),
    )
  })

  test('4,096 sequences may be open, not one more', async () => {
    const driver = await start()
    const call = calls(time)
    expect(driver.one(write(call(4096), put('a', 'v'))).status).toBe('applied')
    const over = write(call(4097), put('b', 'v'))
    expect(driver.one(over)).toEqual(refused('QUORATE_SESSION_WINDOW', false))
    expect(driver.one(write(call(4097, 2), put('b', 'v'))).status).toBe('applied')
    const fresh = calls(time, 2)
    expect(driver.one(write(fresh(4097), put('b', 'v')))).toEqual(
      refused('QUORATE_SESSION_WINDOW', false),
    )
    expect(driver.machine.status().sessions).toBe(1)
  })

  test('a client that leaps ahead leaves nothing behind', async () => {
    const driver = await start()
    const call = calls(time)
    for (let i = 1; i <= 100; i++) driver.one(write(call(i), put('k', 'v')))
    const far = Number.MAX_SAFE_INTEGER - 5000
    expect(driver.one(write(call(far, far), put('k', 'v'))).status).toBe('applied')
    expect(driver.one(write(call(100, 100), put('k', 'v')))).toEqual(
      refused('QUORATE_SESSION_FORGOTTEN', false),
    )
  })
})

describe('expiry', () => {
  test('comes exactly when the last write is behind the horizon, on every node alike', async () => {
    for (const [rest, code] of [
      [hour, undefined],
      [hour + 1, 'QUORATE_SESSION_EXPIRED'],
    ] as const) {
      const driver = await start()
      const call = calls(time)
      driver.one(write(call(1), put('k', 'v')))
      driver.time += rest
      const expected =
        code === undefined ? { status: 'applied', revision: 2 } : refused(code, false)
      expect(driver.one(write(call(2), put('k', 'w')))).toEqual(expected)
    }
  })

  test('an expired call is never applied again, however late its copy comes', async () => {
    const driver = await start()
    const call = calls(time)
    const command = write(call(1), put('k', 'v'))
    driver.one(command)
    driver.write(put('k', 'newer'))
    for (const rest of [hour + 1, 60_000, 24 * hour, 900 * 24 * hour]) {
      driver.time += rest
      expect(driver.one(command)).toEqual(refused('QUORATE_SESSION_EXPIRED', false))
    }
    expect(text(driver.machine.reader.get(b('k'))!.value)).toBe('newer')
  })

  test('each write puts it off, and a stamp that goes back changes nothing', async () => {
    const driver = await start()
    const call = calls(time)
    for (let i = 1; i <= 5; i++) {
      driver.time = time + i * hour
      expect(driver.one(write(call(i), put('k', 'v'))).status).toBe('applied')
    }
    driver.time = 0
    expect(driver.one(write(call(6), put('k', 'v'))).status).toBe('applied')
    expect(driver.machine.clusterTime).toBe(time + 5 * hour)
  })

  test('is not undone by a longer setting', async () => {
    const driver = await start()
    const call = calls(time)
    const command = write(call(1), put('k', 'v'))
    driver.one(command)
    driver.time += hour + 1
    driver.write(put('k', 'other'))
    const { name, value } = { name: 'sessionExpiryMs', value: 100 * hour } as const
    driver.one({ kind: 'setting', call: driver.call(), name, value })

    expect(driver.one(command)).toEqual(refused('QUORATE_SESSION_EXPIRED', false))
    expect(driver.one(write(calls(time, 9)(1), put('k', 'v')))).toEqual(
      refused('QUORATE_SESSION_EXPIRED', false),
    )
  })

  test('a session born ahead is kept until its birth is behind the horizon', async () => {
    const driver = await start()
    driver.one({ kind: 'setting', call: driver.call(), name: 'sessionExpiryMs', value: 1 })
    const call = calls(time + hour)
    const command = write(call(1), put('k', 'v'))
    expect(driver.one(command).status).toBe('applied')
    driver.time += hour - 1
    for (let i = 0; i < 20; i++) driver.write(put('other', 'v'))
    expect(driver.one(command)).toEqual({ status: 'applied', revision: 1 })
    driver.time += 3
    expect(driver.one(command)).toEqual(refused('QUORATE_SESSION_EXPIRED', false))
  })

  test('birth: an hour ahead is let in, a millisecond more is not, and may be later', async () => {
    const driver = await start()
    expect(driver.one(write(calls(time + hour)(1), put('k', 'v'))).status).toBe('applied')
    const ahead = write(calls(time + hour + 1)(1), put('k', 'v'))
    expect(driver.one(ahead)).toEqual(refused('QUORATE_SESSION_AHEAD', false))
    driver.time += 1
    expect(driver.one(ahead).status).toBe('applied')
    expect(driver.one(write(calls(time + 1 - hour)(1), put('k', 'v'))).status).toBe('applied')
    expect(driver.one(write(calls(time - hour)(1), put('k', 'v')))).toEqual(
      refused('QUORATE_SESSION_EXPIRED', false),
    )
  })

  test('a setting that ends all sessions leaves the one that made it', async () => {
    const driver = await start()
    const call = calls(time)
    driver.one(write(call(1), put('k', 'v')))
    driver.time += hour
    const shorten: Command = { kind: 'setting', call: call(2), name: 'sessionExpiryMs', value: 1 }
    expect(driver.one(shorten)).toEqual({ status: 'done' })
    expect(driver.one(shorten)).toEqual({ status: 'done' })
    expect(driver.one(write(call(1), put('k', 'v')))).toEqual({ status: 'applied', revision: 1 })
  })
})

describe('closing', () => {
  const close = (call: CallId): Command => ({ kind: 'closeSession', session: call.session })

  test('a late copy never makes a closed session anew', async () => {
    const driver = await start()
    const call = calls(time)
    const command = write(call(1), put('k', 'v'))
    driver.one(command)
    expect(driver.apply(close(call(1)), close(call(1)))).toEqual([
      { status: 'done' },
      { status: 'done' },
    ])
    driver.write(put('k', 'newer'))
    for (const rest of [0, hour, 1, hour, 24 * hour]) {
      driver.time += rest
      for (let i = 0; i < 5; i++) driver.write(put('other', 'v'))
      expect(driver.one(command)).toEqual(refused('QUORATE_SESSION_EXPIRED', false))
    }
  })

  test('one that was born ahead counts until its birth is behind the horizon', async () => {
    const driver = await start()
    const call = calls(time + hour)
    driver.one(write(call(1), put('k', 'v')))
    driver.one(close(call(1)))
    driver.time += hour
    driver.write(put('k', 'v'))
    expect(driver.machine.status().sessions).toBe(2)
    expect(driver.one(write(call(1), put('k', 'v')))).toEqual(
      refused('QUORATE_SESSION_EXPIRED', false),
    )
  })

  test('of a session that nobody knows leaves no trace', async () => {
    const driver = await start()
    const call = calls(time)
    driver.one(close(call(1)))
    expect(driver.machine.status().sessions).toBe(0)
    expect(driver.one(write(call(1), put('k', 'v'))).status).toBe('applied')
  })
})

/** Any command; its fingerprint is remembered. */
const command = new Uint8Array(64)
const fingerprint = fingerprintOf(command)

describe('the cap', () => {
  test('refuses a new session, never ends an old one, and counts closed ones', async () => {
    const driver = await start()
    driver.one({ kind: 'setting', call: driver.call(), name: 'sessionsMax', value: 2 })
    const first = calls(time, 1)
    const second = calls(time, 2)
    expect(driver.one(write(first(1), put('k', 'v'))).status).toBe('applied')
    const full = refused('QUORATE_SESSIONS_FULL', false)
    expect(driver.one(write(second(1), put('k', 'v')))).toEqual(full)
    driver.one({ kind: 'closeSession', session: first(1).session })
    expect(driver.one(write(second(1), put('k', 'v')))).toEqual(full)
    expect(driver.write(put('k', 'v')).status).toBe('applied')
    expect(driver.machine.status().sessions).toBe(2)

    // Both are expired by then, and counted for up to a minute longer.
    driver.time += hour + 120_000
    const third = calls(driver.time, 3)
    expect(driver.one(write(third(1), put('k', 'v'))).status).toBe('applied')
    expect(driver.machine.status().sessions).toBe(1)
  })

  test('of answers kept for all sessions together stops new calls, not repeats', () => {
    const standing = new Standing({ ...emptyApplied, index: 1, clusterTime: time }, defaultSettings)
    standing.advance(time)
    const table = new SessionTable(standing)
    const answer: Answer = { status: 'applied', revision: 1 }
    const answers = new Map(
      Array.from({ length: windowMax }, (_, i) => [i + 1, { fingerprint, answer }]),
    )
    const row = { closed: false, lastWrite: time, firstOutstanding: 1, answers }
    for (let i = 0; i < answersMax / windowMax; i++) table.load(sessionName(time, i), row)
    table.load(sessionName(time - 1), { ...row, answers: new Map() })

    const full = { kind: 'answered', answer: refused('QUORATE_SESSIONS_FULL', false) }
    expect(table.admit(calls(time - 1, 0)(1), command)).toEqual(full)
    expect(table.admit(calls(time - 2, 0)(1), command)).toEqual(full)
    const repeat = { session: sessionName(time, 3), sequence: 9, firstOutstanding: 9 }
    expect(table.admit(repeat, command)).toEqual({ kind: 'answered', answer })
    expect(table.admit(calls(time - 1, 0)(1), command).kind).toBe('decide')
  })

  test('of answers kept is left by whoever waits for fewer of them, at the cap too', () => {
    const standing = new Standing({ ...emptyApplied, index: 1, clusterTime: time }, defaultSettings)
    standing.advance(time)
    const table = new SessionTable(standing)
    const answer: Answer = { status: 'applied', revision: 1 }
    const answers = new Map(
      Array.from({ length: windowMax }, (_, i) => [i + 1, { fingerprint, answer }]),
    )
    const row = { closed: false, lastWrite: time, firstOutstanding: 1, answers }
    for (let i = 0; i < answersMax / windowMax; i++) table.load(sessionName(time, i), row)

    // Every client has had all its answers, and says so with its next call. Were that not heard,
    // nobody could write until the sessions expire.
    for (let i = 0; i < answersMax / windowMax; i++) {
      const session = sessionName(time, i)
      const next = { session, sequence: windowMax + 1, firstOutstanding: windowMax + 1 }
      expect(table.admit(next, command).kind).toBe('decide')
    }
  })

  test('is a rule of the log: after a restart the same calls are refused', async () => {
    const disk = new MemoryDatabase()
    const driver = new Driver(await openMachine(await disk.open()), time)
    const answers: Answer[] = []
    driver.one({ kind: 'setting', call: driver.call(), name: 'sessionsMax', value: 3 })
    for (let i = 0; i < 5; i++) {
      answers.push(driver.one(write(calls(time, i)(1), put('k', 'v'))))
      if (i === 2) await driver.machine.barrier()
    }
    disk.crash()
    const machine = await openMachine(await disk.open())
    expect(machine.status().sessions).toBe(3)
    expect(machine.settings).toEqual({ ...defaultSettings, sessionsMax: 3 })
    const again = machine.apply(driver.log.slice(machine.appliedIndex))
    expect(again.flatMap((each) => each.answers)).toEqual(answers.slice(3))
  })
})

describe('what is remembered of a call', () => {
  test.each<Answer>([
    { status: 'applied', revision: 3 },
    { status: 'duplicate', revision: 3 },
  ])('is the fingerprint of its command, whenever it is asked for ($status)', (answer) => {
    const bytes = Uint8Array.from({ length: 80 }, (_, i) => i)
    const kept = remembered(bytes, answer)
    const expected = fingerprintOf(bytes)
    expect(kept.answer).toBe(answer)
    expect([kept.fingerprint, kept.fingerprint]).toEqual([expected, expected])
  })

  test('is not of the call itself, which a repeat may number otherwise', () => {
    const [one, other] = [new Uint8Array(80), new Uint8Array(80)]
    other[30] = 1
    expect(fingerprintOf(one)).toBe(fingerprintOf(other))
    other[40] = 1
    expect(fingerprintOf(one)).not.toBe(fingerprintOf(other))
  })
})
