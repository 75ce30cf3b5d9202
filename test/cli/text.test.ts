// Goal: what is printed is exact (JSON shapes, base64 where bytes are no text) and harmless (no
// control characters from the store reach a terminal). Method: examples and laws.
import * as fc from 'fast-check'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { describeBytes, keyField, textOf, valueField } from '../../src/cli/json-shapes.ts'
import { describeLogLine, logTime } from '../../src/cli/log-lines.ts'
import { wantsColour } from '../../src/cli/output.ts'
import { jsonLogger } from '../../src/cli/json-logger.ts'
import { byteSize, grouped, printable, renderTable, shorten, width } from '../../src/cli/table.ts'

const plain = (_style: string, text: string): string => text

describe('keys and values in JSON', () => {
  test('text stays text', () => {
    expect(keyField(Buffer.from('größe'))).toEqual({ key: 'größe' })
    expect(valueField(new Uint8Array(0))).toEqual({ value: '' })
  })

  test('bytes that are not UTF-8 come as base64', () => {
    expect(keyField(new Uint8Array([0xff, 0x00]))).toEqual({ keyBase64: '/wA=' })
    expect(valueField(new Uint8Array([0xc3, 0x28]))).toEqual({ valueBase64: 'wyg=' })
    expect(describeBytes(new Uint8Array([0xff]))).toBe('base64:/w==')
  })

  test('a byte order mark is kept: it is part of the value', () => {
    expect(textOf(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]))).toBe('\uFEFFa')
  })

  test('any bytes come back from what is printed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (value) => {
        const field = valueField(value)
        const back =
          'value' in field ? Buffer.from(field.value) : Buffer.from(field.valueBase64, 'base64')
        expect(Buffer.compare(back, value)).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})

describe('tables', () => {
  test('columns stand side by side, colours take no room', () => {
    const lines = renderTable(
      [{ title: 'A' }, { title: 'N', align: 'right' }],
      [
        ['x', '1'],
        ['\u001b[32mlong\u001b[39m', '200'],
      ],
    )
    expect(lines.map((line) => stripVTControlCharacters(line))).toEqual([
      'A       N',
      'x       1',
      'long  200',
    ])
  })

  test('control characters of a value are shown, not obeyed', () => {
    expect(printable('a\u001b[2Jb\n')).toBe('a\\u{1b}[2Jb\\n')
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (text) => {
        // eslint-disable-next-line no-control-regex
        expect(printable(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
      }),
      { numRuns: 300 },
    )
  })

  test('figures for people', () => {
    expect(grouped(0)).toBe('0')
    expect(grouped(999)).toBe('999')
    expect(grouped(1_234_567)).toBe('1,234,567')
    expect(byteSize(1023)).toBe('1023 B')
    expect(byteSize(1536)).toBe('1.5 KiB')
    expect(shorten('abcdef', 4)).toBe('abc…')
    expect(shorten('abcd', 4)).toBe('abcd')
    expect(width('\u001b[1mab\u001b[22m')).toBe(2)
  })
})

describe('colours', () => {
  const stream = (isTTY: boolean) => ({ isTTY, write: () => true })

  test.each([
    [true, {}, true, true],
    [false, {}, true, false],
    [true, { NO_COLOR: '1' }, true, false],
    [true, { NO_COLOR: '' }, true, true],
    [true, { TERM: 'dumb' }, true, false],
    [false, { FORCE_COLOR: '1' }, true, true],
    [true, { FORCE_COLOR: '0' }, true, false],
    [true, { FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
    [true, {}, false, false],
  ])('terminal %s, env %j, allowed %s: %s', (isTty, env, allowed, wanted) => {
    expect(wantsColour(stream(isTty), env, allowed)).toBe(wanted)
  })
})

describe('log lines', () => {
  test('are JSON, with time and level, and leave out what is below the level', () => {
    const lines: string[] = []
    const write = (line: string): void => void lines.push(line)
    const logger = jsonLogger({ level: 'info', wall: () => 0, write, fields: { node: 'n1' } })

    logger.debug('too much')
    logger.info('leader', { term: 4 })

    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0]!)).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      level: 'info',
      message: 'leader',
      node: 'n1',
      term: 4,
    })
    expect(lines[0]).toMatch(/}\n$/)
  })

  test('are told to people in one line', () => {
    const line =
      '{"time":"2026-01-31T12:00:01.123Z","level":"info","message":"became leader","term":4,"why":"no leader"}'
    expect(describeLogLine(line, 'n1', plain)).toBe(
      '12:00:01.123 n1 info  became leader term=4 why="no leader"',
    )
    expect(logTime(line)).toBe('2026-01-31T12:00:01.123Z')
  })

  test('of another kind stay as they are', () => {
    expect(describeLogLine('  at main.js:1', 'n1', plain)).toBe('n1   at main.js:1')
    expect(describeLogLine('{"broken', 'n1', plain)).toBe('n1 {"broken')
    expect(logTime('{"broken')).toBeUndefined()
  })
})
