// Goal: a line is an event or is refused with its place. Method: lines by hand, and back again.
import { describe, expect, test } from 'vitest'
import { formatLine, HistoryError, parseLine } from '../../../jepsen-style/history/index.ts'

const place = { file: 'h.jsonl', line: 5 }

describe('a line', () => {
  test('holds an event, and nothing else is taken over', () => {
    const line = '{"i":4,"process":2,"type":"ok","f":"read","value":[1],"key":"k","note":"x"}'

    expect(parseLine(line, place)).toEqual({
      i: 4,
      process: 2,
      type: 'ok',
      f: 'read',
      value: [1],
      key: 'k',
    })
  })

  test('without a number gets that of its place', () => {
    expect(parseLine('{"process":0,"type":"invoke","f":"read"}', place).i).toBe(4)
  })

  test('survives being written and read', () => {
    const events = [
      {
        i: 0,
        process: 1,
        type: 'invoke',
        f: 'cas',
        value: { ifRevision: 1, to: 'ä\n' },
        time: 1.5,
      },
      { i: 1, process: 1, type: 'fail', f: 'cas', revision: 0, error: 'QUORATE_CONFLICT' },
      { i: 2, process: 'nemesis', type: 'info', f: 'kill', value: { fault: 1, phase: 'begin' } },
    ] as const
    for (const event of events) {
      expect(parseLine(formatLine(event), place)).toEqual(event)
    }
  })

  test.each([
    ['{"i":0', 'not JSON'],
    ['[1]', 'not an event: a line holds one JSON object'],
    ['null', 'not an event: a line holds one JSON object'],
    ['{"process":-1,"type":"ok","f":"read"}', 'process must be'],
    ['{"process":"p","type":"ok","f":"read"}', 'process must be'],
    ['{"process":0,"type":"maybe","f":"read"}', 'type must be'],
    ['{"process":0,"type":"ok"}', 'f is missing'],
    ['{"process":0,"type":"ok","f":7}', 'f must be a text'],
    ['{"process":0,"type":"ok","f":"read","key":1}', 'key must be a text'],
    ['{"process":0,"type":"ok","f":"read","time":"now"}', 'time must be a number'],
    ['{"process":0,"type":"ok","f":"read","revision":1.5}', 'revision must be a whole number'],
    ['{"i":-1,"process":0,"type":"ok","f":"read"}', 'i must be a whole number'],
  ])('%s is refused', (line, why) => {
    let refused: unknown
    try {
      parseLine(line, place)
    } catch (error) {
      refused = error
    }

    expect(refused).toBeInstanceOf(HistoryError)
    expect(refused).toMatchObject({ code: 'QUORATE_USAGE', place })
    expect(String(refused)).toContain(`h.jsonl, line 5: ${why}`)
  })
})
