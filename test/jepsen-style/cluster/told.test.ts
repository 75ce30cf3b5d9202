/**
 * Goal: what comes from processes and files (a node's status, its log, a watchdog's line, an order
 * and an answer about a clock) is read right where it is right, and is nothing where it is not.
 * Method: samples of each, and each with one thing wrong.
 */
import { mkdtempSync, rmSync, writeFileSync, existsSync, truncateSync, readFileSync } from 'node:fs'
import { closeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { NodeReport } from '../../../jepsen-style/cluster/cluster.ts'
import { OrderedClock } from '../../../jepsen-style/cluster/clock/node-clock.ts'
import { differenceOf, parseAnswer, parseOrder } from '../../../jepsen-style/cluster/clock/order.ts'
import {
  logBytesMax,
  logEnd,
  logSince,
  openLog,
  parseLog,
} from '../../../jepsen-style/cluster/log-file.ts'
import { leaderOf, parseReport } from '../../../jepsen-style/cluster/node-report.ts'
import { answerSuffix } from '../../../jepsen-style/cluster/orders/follow.ts'
import { beginningOf, standsStill } from '../../../jepsen-style/cluster/process-identity.ts'
import { formatWatchLine, parseWatchLine } from '../../../jepsen-style/cluster/watch-line.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-told-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('a node’s status', () => {
  const status = {
    schema: 1,
    id: 'n2',
    role: 'follower',
    term: 3,
    leader: 'n1',
    commitIndex: 9,
    appliedIndex: 8,
    revision: 5,
    ready: true,
    members: [],
    more: 'is let pass',
  }
  test('is read', () => {
    expect(parseReport(JSON.stringify(status))).toEqual({
      id: 'n2',
      role: 'follower',
      term: 3,
      leader: 'n1',
      commitIndex: 9,
      lastIndex: 9,
      appliedIndex: 8,
      revision: 5,
      ready: true,
      baseIndex: 0,
      diskFull: false,
      waitsFor: undefined,
    })
  })

  test('also what it lacks, where it says so', () => {
    const more = { lastIndex: 12, baseIndex: 7, diskFull: true, waitsFor: 'a snapshot' }
    expect(parseReport(JSON.stringify({ ...status, ...more }))).toMatchObject(more)
  })

  test('without a leader there is none', () => {
    const { leader: _, ...without } = status
    expect(parseReport(JSON.stringify(without))?.leader).toBeUndefined()
    expect(parseReport(JSON.stringify({ ...status, leader: null }))?.leader).toBeUndefined()
  })

  const wrong: readonly unknown[] = [
    'text',
    null,
    ...['id', 'role', 'term', 'commitIndex', 'appliedIndex', 'revision', 'ready'].flatMap((name) =>
      [undefined, null, {}, -1, 0.5].map((value) => ({ ...status, [name]: value })),
    ),
  ]
  test.each(wrong)('%j is none', (value) => {
    expect(parseReport(JSON.stringify(value))).toBeUndefined()
  })

  test('what is not JSON is none', () => {
    expect(parseReport('<html>')).toBeUndefined()
  })
})

describe('who leads', () => {
  const report = (id: string, role: string, term: number): NodeReport => ({
    id,
    role,
    term,
    leader: undefined,
    ready: true,
    baseIndex: 0,
    diskFull: false,
    waitsFor: undefined,
    commitIndex: 0,
    lastIndex: 0,
    appliedIndex: 0,
    revision: 0,
  })

  test('the leader of the highest term', () => {
    const reports = [
      report('n1', 'leader', 3),
      report('n2', 'leader', 4),
      report('n3', 'follower', 4),
    ]
    expect(leaderOf(reports)).toBe('n2')
  })

  test('none, where somebody knows of a later term', () => {
    expect(leaderOf([report('n1', 'leader', 3), report('n2', 'candidate', 4)])).toBeUndefined()
    expect(leaderOf([])).toBeUndefined()
  })

  test('not one that others name and that does not say so itself', () => {
    const named = { ...report('n2', 'follower', 4), leader: 'n1' }
    expect(leaderOf([named, { ...named, id: 'n3' }])).toBeUndefined()
  })
})

describe('a node’s log', () => {
  const line = { time: 'then', level: 'error', message: 'the node stops', code: 'QUORATE_CORRUPT' }

  test('lines are read with what matters of them, others are left out', () => {
    const text = [
      'Error: not a line',
      JSON.stringify({ ...line, file: '/a', offset: 7, error: 'why' }),
      JSON.stringify({ level: 'info' }),
      JSON.stringify({ level: 'info', message: 'role', offset: 'seven', file: 1 }),
      '{"level":"info","mess',
    ].join('\n')
    const nothing = { code: undefined, file: undefined, offset: undefined, error: undefined }
    expect(parseLog(text)).toEqual([
      {
        level: 'error',
        message: 'the node stops',
        code: line.code,
        file: '/a',
        offset: 7,
        error: 'why',
      },
      { level: 'info', message: 'role', ...nothing },
    ])
  })

  test('since a mark: only what was added', () => {
    const path = join(directory, 'n1.log')
    expect(logEnd(path)).toBe(0)
    expect(logSince(path, 0)).toEqual([])
    writeFileSync(path, `${JSON.stringify({ ...line, message: 'before' })}\n`)
    const mark = logEnd(path)
    expect(logSince(path, mark)).toEqual([])
    writeFileSync(path, `${JSON.stringify({ ...line, message: 'after' })}\n`, { flag: 'a' })
    expect(logSince(path, mark).map((each) => each.message)).toEqual(['after'])
  })

  test('one that was set aside since is read from its beginning', () => {
    const path = join(directory, 'n1.log')
    writeFileSync(path, `${JSON.stringify(line)}\n`)
    expect(logSince(path, 1_000_000)).toHaveLength(1)
  })

  test('a large one is set aside, another is added to', () => {
    const path = join(directory, 'n1.log')
    writeFileSync(path, 'small')
    closeSync(openLog(path))
    expect(readFileSync(path, 'utf8')).toBe('small')
    truncateSync(path, logBytesMax + 1)
    closeSync(openLog(path))
    expect(logEnd(path)).toBe(0)
    expect(logEnd(`${path}.1`)).toBe(logBytesMax + 1)
  })
})

describe('lines for the watchdog', () => {
  const lines = [
    { type: 'process', pid: 4_711, beginning: '1234567' },
    { type: 'gone', pid: 4_711 },
    { type: 'mount', path: '/tmp/a "b"\n' },
    { type: 'unmounted', path: '/tmp/a' },
  ] as const
  test.each(lines)('%j comes back', (line) => {
    const text = formatWatchLine(line)
    expect(text.indexOf('\n')).toBe(text.length - 1)
    expect(parseWatchLine(text)).toEqual(line)
  })

  const wrong: readonly unknown[] = [
    null,
    7,
    {},
    { type: 'other', pid: 4_711 },
    // Signals to these would hit init, a group, or everybody.
    ...[1, 0, -1, -4_711, 2.5, '4711', undefined].flatMap((pid) => [
      { type: 'process', pid, beginning: 'x' },
      { type: 'gone', pid },
    ]),
    { type: 'process', pid: 4_711 },
    { type: 'mount', path: '' },
    { type: 'unmounted', path: 7 },
  ]
  test.each(wrong)('%j is none', (value) => {
    expect(parseWatchLine(JSON.stringify(value))).toBeUndefined()
  })

  test('half a line is none', () => {
    expect(parseWatchLine('{"type":"gone","pid":47')).toBeUndefined()
  })
})

describe('processes', () => {
  test('this one has a beginning, always the same, and does not stand still', () => {
    expect(beginningOf(process.pid)).toBeTypeOf('string')
    expect(beginningOf(process.pid)).toBe(beginningOf(process.pid))
    expect(beginningOf(process.pid)).not.toBe(beginningOf(process.ppid))
    expect(standsStill(process.pid)).toBe(false)
  })

  test('one that is not there has none', () => {
    const beyond = 2 ** 30
    expect(beginningOf(beyond)).toBeUndefined()
    expect(standsStill(beyond)).toBeUndefined()
  })
})

describe('orders to clocks', () => {
  test('an offset is there from the first moment on, and stays', () => {
    expect([0, 5, 10_000].map((ms) => differenceOf({ type: 'offset', ms: -70 }, ms))).toEqual([
      -70, -70, -70,
    ])
  })

  test('a rate grows with time', () => {
    const slow = { type: 'rate', rate: -0.1 } as const
    expect([0, 100, 10_000].map((ms) => differenceOf(slow, ms) + 0)).toEqual([0, -10, -1_000])
  })

  test('a strobe is off and right in turn', () => {
    const strobe = { type: 'strobe', ms: 64, periodMs: 8 } as const
    expect([0, 7.9, 8, 15.9, 16, 24].map((ms) => differenceOf(strobe, ms))).toEqual([
      64, 64, 0, 0, 64, 0,
    ])
  })

  test('written and read back; an answer counts for the last order alone', () => {
    const path = join(directory, 'n1.clock')
    const clock = new OrderedClock(path)
    expect(clock.answer()).toBeUndefined()
    clock.set({ type: 'offset', ms: 5 })
    clock.set({ type: 'strobe', ms: -8, periodMs: 2 })
    expect(parseOrder(readFileSync(path, 'utf8'))).toEqual({
      number: 2,
      order: { type: 'strobe', ms: -8, periodMs: 2 },
    })
    expect(existsSync(`${path}.tmp`)).toBe(false)

    const answer = (number: number): void =>
      writeFileSync(
        `${path}${answerSuffix}`,
        JSON.stringify({ number, pid: 4_711, differenceMs: -8 }),
      )
    answer(1)
    expect(clock.answer()).toBeUndefined()
    answer(2)
    expect(clock.answer()).toEqual({ pid: 4_711, differenceMs: -8 })
    writeFileSync(`${path}${answerSuffix}`, '{"number":2')
    expect(clock.answer()).toBeUndefined()
  })

  const wrongOrders: readonly unknown[] = [
    null,
    { order: { type: 'offset', ms: 1 } },
    { number: 1 },
    { number: 1, order: null },
    { number: 1, order: { type: 'offset' } },
    { number: 1, order: { type: 'offset', ms: '1' } },
    { number: 1, order: { type: 'rate', rate: null } },
    { number: 1, order: { type: 'strobe', ms: 1, periodMs: 0 } },
    { number: 1, order: { type: 'strobe', ms: 1 } },
    { number: 1, order: { type: 'later', ms: 1 } },
  ]
  test.each(wrongOrders)('%j is no order', (value) => {
    expect(parseOrder(JSON.stringify(value))).toBeUndefined()
  })

  const wrongAnswers: readonly unknown[] = [
    null,
    {},
    { number: 1, pid: 1 },
    { number: 1, differenceMs: 1 },
    { pid: 1, differenceMs: 1 },
    { number: '1', pid: 1, differenceMs: 1 },
  ]
  test.each(wrongAnswers)('%j is no answer', (value) => {
    expect(parseAnswer(JSON.stringify(value))).toBeUndefined()
  })
})
