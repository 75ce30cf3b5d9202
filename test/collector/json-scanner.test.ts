/**
 * Goal: the scanner takes exactly what JSON.parse takes, and finds how a field was written.
 * Method: properties against JSON.parse, over random documents and over documents damaged by
 * random edits; tables of the corner cases that random texts seldom meet.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonDepthMax, scanJson, type FieldTree } from '../../src/collector/json-scanner.ts'

const nothing: FieldTree = { slot: undefined, children: new Map() }

/** A tree that asks for one path. */
function wanting(path: readonly string[]): FieldTree {
  const [first, ...rest] = path
  if (first === undefined) return { slot: 0, children: new Map() }
  return { slot: undefined, children: new Map([[first, wanting(rest)]]) }
}

function fieldOf(text: string, path: readonly string[]): unknown {
  const result = scanJson(text, wanting(path), 1)
  return result.valid ? result.fields[0] : `invalid: ${result.problem} at ${result.column}`
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Numbers as people and exchanges write them, beside what JSON.stringify makes. */
const numberText = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.constantFrom('0', '7', '17204', '9007199254740993', '123456789012345678901234567890'),
    fc.constantFrom('', '.0', '.10', '.00000001'),
    fc.constantFrom('', 'e3', 'E-3', 'e+05'),
  )
  .map((parts) => parts.join(''))

/** JSON texts with odd spacing, odd numbers, escapes and repeated keys. */
const document = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    numberText,
    fc.constantFrom('true', 'false', 'null'),
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
    fc.constantFrom('"\\u0041\\ud83d\\ude00"', '"\\ud800"', '"\\/\\b"'),
    tie('object'),
    tie('array'),
  ),
  object: fc
    .array(
      fc.tuple(fc.constantFrom('"a"', '"b"', '"\\u0061"', '"0"', '"__proto__"'), tie('value')),
      {
        maxLength: 4,
      },
    )
    .map((rows) => `{${rows.map(([key, value]) => `${key} :\t${value}`).join(' ,')}}`),
  array: fc.array(tie('value'), { maxLength: 4 }).map((rows) => `[ ${rows.join(',\r\n')}]`),
})).value

const damaged = fc
  .tuple(
    document,
    fc.nat(),
    fc.nat({ max: 2 }),
    fc.constantFrom(...'{}[]",:\\01.eE+-tnu \n\u0001é'.split('')),
  )
  .map(([text, at, kind, character]) => {
    const place = at % (text.length + 1)
    const skip = kind === 0 ? 0 : 1
    return text.slice(0, place) + (kind === 1 ? '' : character) + text.slice(place + skip)
  })

describe('scanJson against JSON.parse', () => {
  test('takes every document that JSON.parse takes', () => {
    fc.assert(
      fc.property(document, (text) => {
        expect(parses(text)).toBe(true)
        expect(scanJson(text, nothing, 0)).toEqual({ valid: true, fields: [] })
      }),
      { numRuns: 2_000 },
    )
  })

  test('takes and refuses what JSON.parse takes and refuses', () => {
    fc.assert(
      fc.property(fc.oneof(damaged, fc.string()), (text) => {
        expect(scanJson(text, nothing, 0).valid).toBe(parses(text))
      }),
      { numRuns: 6_000 },
    )
  })

  test('finds the value that JSON.parse finds', () => {
    const path = fc.array(fc.constantFrom('a', 'b', '0', '1', '__proto__'), { maxLength: 3 })
    fc.assert(
      fc.property(document, path, (text, segments) => {
        let value: unknown = JSON.parse(text)
        for (const segment of segments) {
          const isInside = typeof value === 'object' && value !== null
          value =
            isInside && Object.hasOwn(value as object, segment)
              ? (value as Record<string, unknown>)[segment]
              : undefined
        }

        const found = fieldOf(text, segments) as { kind: string; text: string } | undefined

        if (value === undefined) expect(found).toBeUndefined()
        else if (typeof value === 'object' && value !== null) {
          expect(found).toEqual({ kind: 'structure' })
        } else if (typeof value === 'string') {
          expect(found).toEqual({ kind: 'string', text: value })
        } else {
          expect(found?.kind).toBe(typeof value === 'number' ? 'number' : 'literal')
          expect(JSON.parse(found?.text ?? '')).toBe(value)
        }
      }),
      { numRuns: 4_000 },
    )
  })
})

describe('corner cases', () => {
  test.for(['17204.0', '-0', '1e5', '1E+05', '9007199254740993', '0.10000'])(
    'the number %s is found as it is written',
    (text) => {
      expect(fieldOf(`{"a" : ${text} }`, ['a'])).toEqual({ kind: 'number', text })
    },
  )

  test.for([
    ['', 'a value is missing', 1],
    [' ', 'a value is missing', 2],
    ['01', 'text after the value', 2],
    ['1.', 'not a value', 3],
    ['+1', 'not a value', 1],
    ['NaN', 'not a value', 1],
    ['nul', 'not a value', 1],
    ['{"a"}', 'a colon is missing', 5],
    ['{"a":1,}', 'a key in quotes is missing', 8],
    ['[1,]', 'not a value', 4],
    ['[1 2]', 'a comma or closing bracket is missing', 4],
    ['{"a":1', 'a comma or closing brace is missing', 7],
    ['"a', 'a quote is missing', 3],
    ['"\t"', 'a control character in a string', 2],
    ['"\\x"', 'a bad escape in a string', 2],
    ['"\\u12g4"', 'a bad escape in a string', 2],
    ['{} {}', 'text after the value', 4],
    ['\ufeff{}', 'not a value', 1],
  ] as const)('%j is refused: %s', ([text, problem, column]) => {
    expect(parses(text)).toBe(false)
    expect(scanJson(text, nothing, 0)).toEqual({ valid: false, problem, column })
  })

  test('of equal keys the last one counts, with all that is in it', () => {
    expect(fieldOf('{"a":1,"a":2}', ['a'])).toEqual({ kind: 'number', text: '2' })
    expect(fieldOf('{"a":{"b":1},"a":{"c":2}}', ['a', 'b'])).toBeUndefined()
    expect(fieldOf('{"a":{"b":1},"\\u0061":3}', ['a', 'b'])).toBeUndefined()
  })

  test('nesting ends at its cap, and not with a broken stack', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

    expect(scanJson(nested(jsonDepthMax + 1), nothing, 0).valid).toBe(true)
    expect(scanJson(nested(jsonDepthMax + 2), nothing, 0)).toMatchObject({ valid: false })
    expect(scanJson('['.repeat(1_000_000), nothing, 0)).toMatchObject({ valid: false })
  })

  test('a long string is scanned without recursion', () => {
    const long = 'x\\n'.repeat(500_000)

    expect(fieldOf(`"${long}"`, [])).toEqual({ kind: 'string', text: 'x\n'.repeat(500_000) })
  })
})
