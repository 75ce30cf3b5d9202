/**
 * Goal: templates make the same key from the same record, and refuse what has none.
 * Method: tables of good and bad templates; properties for the escapes and for rendering.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  parseLine,
  parseTemplate,
  renderTemplate,
  templateFields,
  type Rendered,
} from '../../src/collector/index.ts'
import { isConstant, templateFieldsMax, templateLengthMax } from '../../src/collector/template.ts'
import { bytesOf } from './fakes.ts'

function render(template: string, line: string | Uint8Array): Rendered | string {
  const parsed = parseTemplate(template)
  const bytes = typeof line === 'string' ? bytesOf(line) : line
  const source = parseLine(bytes, templateFields([parsed]))
  return typeof source === 'string' ? source : renderTemplate(parsed, source)
}

describe('parseTemplate', () => {
  test('reads literals, fields, paths and escapes', () => {
    expect(parseTemplate('a{{b}}/{type}/{a.b.0}').parts).toEqual([
      { kind: 'literal', text: 'a{b}/' },
      { kind: 'field', name: 'type' },
      { kind: 'literal', text: '/' },
      { kind: 'field', name: 'a.b.0' },
    ])
  })

  test.for(['', '{', '{}', '{a', 'a}', '{a..b}', '{.a}', '{a.}', '{a{b}', '{{{', '{a}}', '}{'])(
    '%j is refused',
    (text) => {
      expect(() => parseTemplate(text)).toThrow(expect.objectContaining({ code: 'QUORATE_USAGE' }))
    },
  )

  test('has caps on its length and its fields', () => {
    const usage = expect.objectContaining({ code: 'QUORATE_USAGE' })

    expect(parseTemplate('{a}'.repeat(templateFieldsMax)).parts).toHaveLength(templateFieldsMax)
    expect(() => parseTemplate('{a}'.repeat(templateFieldsMax + 1))).toThrow(usage)
    expect(() => parseTemplate('a'.repeat(templateLengthMax + 1))).toThrow(usage)
  })

  test('any text can be written as a literal', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        const template = text.replace(/[{}]/g, (brace) => brace + brace)
        expect(render(template, '{}')).toEqual({ ok: true, text })
        expect(isConstant(parseTemplate(template))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})

describe('renderTemplate', () => {
  test('numbers come as they are written, strings as their value, literals as their word', () => {
    const line = '{"n":17204.0,"big":9007199254740993,"s":"BTC\\/\\u0055SD","t":true,"z":null}'

    expect(render('{n}|{big}|{s}|{t}|{z}', line)).toEqual({
      ok: true,
      text: '17204.0|9007199254740993|BTC/USD|true|null',
    })
  })

  test('paths lead into objects and arrays', () => {
    const line = '{"a":{"b":[10,{"c":"x"}]},"0":"zero"}'

    expect(render('{a.b.0}-{a.b.1.c}-{0}', line)).toEqual({ ok: true, text: '10-x-zero' })
  })

  test('one field may be named twice, and inside another', () => {
    expect(render('{a}{a}', '{"a":1.50}')).toEqual({ ok: true, text: '1.501.50' })
    expect(render('{a}{a.b}', '{"a":1}')).toMatchObject({ ok: false })
  })

  test.for([
    ['{a}', '{"b":1}', 'the field a is missing'],
    ['{a.b}', '{"a":1}', 'the field a.b is missing'],
    ['{a.1}', '{"a":[1]}', 'the field a.1 is missing'],
    ['{a.00}', '{"a":[1]}', 'the field a.00 is missing'],
    ['{a}', '[1]', 'the field a is missing'],
    ['{a}', '5', 'the field a is missing'],
    ['{a}', '{"a":{}}', 'the field a is an array or object'],
    ['{a}', '{"a":[1]}', 'the field a is an array or object'],
    ['{a}', '{"a":"\\ud800"}', 'a field is not valid Unicode'],
  ] as const)('%s of %s: %s', ([template, line, problem]) => {
    expect(render(template, line)).toEqual({ ok: false, problem })
  })

  test('a pair of surrogates may come from two fields side by side', () => {
    expect(render('{a}{b}', '{"a":"\\ud83d","b":"\\ude00"}')).toEqual({ ok: true, text: '😀' })
  })

  test('strings render as themselves', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(render('<{v}>', JSON.stringify({ v: value }))).toEqual({
          ok: true,
          text: `<${value}>`,
        })
      }),
      { numRuns: 500 },
    )
  })
})

describe('parseLine', () => {
  test('refuses bytes that are not UTF-8, and a byte order mark', () => {
    expect(render('{a}', Uint8Array.of(0x22, 0xff, 0x22))).toBe('not JSON: not valid UTF-8')
    expect(render('{a}', bytesOf('\ufeff{"a":1}'))).toBe('not JSON: not a value at column 1')
  })

  test('says what is wrong, and where, without the content', () => {
    expect(render('{a}', '{"secret":nope}')).toBe('not JSON: not a value at column 11')
  })
})
