/**
 * A strict JSON scanner (RFC 8259) that keeps the source text of chosen fields.
 *
 * `JSON.parse` turns `17204.0` into `17204` and rounds integers above 2^53, so a key or token made
 * from its result could differ from what the exchange sent, or make two records one. This scanner
 * accepts exactly the texts that `JSON.parse` accepts (up to a named depth) and says, for each
 * wanted field, how it was written.
 */
import { assert } from '../assert.ts'

/** How deep arrays and objects may nest: recursion must end before the stack does. */
export const jsonDepthMax = 1000

/** Which fields are wanted: a tree of object keys and array positions. */
export interface FieldTree {
  /** Where in the result the value at this place goes; undefined: only passed through. */
  slot: number | undefined
  readonly children: Map<string, FieldTree>
}

/** One wanted value as found. `text`: a string's value, a number's or literal's source text. */
export type FieldSource =
  | { readonly kind: 'string' | 'number' | 'literal'; readonly text: string }
  /** An array or object: it has no text that could be part of a key. */
  | { readonly kind: 'structure' }

/** What a scan found. `column` counts UTF-16 units from 1. */
export type ScanResult =
  | { readonly valid: true; readonly fields: readonly (FieldSource | undefined)[] }
  | { readonly valid: false; readonly column: number; readonly problem: string }

/** Scans one whole text; `slots` is how many fields the tree names. */
export function scanJson(text: string, tree: FieldTree, slots: number): ScanResult {
  const scanner = new Scanner(text, slots)
  try {
    scanner.scan(tree)
  } catch (error) {
    if (!(error instanceof ScanFailure)) throw error
    return { valid: false, column: error.at + 1, problem: error.message }
  }
  return { valid: true, fields: scanner.fields }
}

/** Leaves the recursion at the first fault; never leaves this file. */
class ScanFailure extends Error {
  readonly at: number

  constructor(at: number, problem: string) {
    super(problem)
    this.at = at
  }
}

const code = {
  tab: 0x09,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  space: 0x20,
  quote: 0x22,
  plus: 0x2b,
  comma: 0x2c,
  minus: 0x2d,
  dot: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  bracketOpen: 0x5b,
  backslash: 0x5c,
  bracketClose: 0x5d,
  braceOpen: 0x7b,
  braceClose: 0x7d,
} as const

/** What may follow a backslash, but for `u`. */
const simpleEscapes = '"\\/bfnrt'
const hexDigits = '0123456789abcdefABCDEF'

type ValueKind = FieldSource['kind']

class Scanner {
  readonly fields: (FieldSource | undefined)[]
  readonly #text: string
  #at = 0

  constructor(text: string, slots: number) {
    this.#text = text
    this.fields = Array.from({ length: slots }, () => undefined)
  }

  scan(tree: FieldTree): void {
    this.#skipSpace()
    this.#value(tree, 0)
    this.#skipSpace()
    if (this.#at < this.#text.length) this.#fail('text after the value')
  }

  #value(tree: FieldTree | undefined, depth: number): void {
    const start = this.#at
    const kind = this.#anyValue(tree, depth)
    assert(this.#at > start, 'a value has at least one character')
    if (tree?.slot === undefined) return
    assert(tree.slot < this.fields.length, 'every slot of the tree has a place')
    this.fields[tree.slot] = fieldSource(kind, this.#text.slice(start, this.#at))
  }

  #anyValue(tree: FieldTree | undefined, depth: number): ValueKind {
    if (depth > jsonDepthMax) this.#fail(`nested deeper than ${jsonDepthMax}`)
    switch (this.#text[this.#at]) {
      case '{':
        this.#object(tree, depth)
        return 'structure'
      case '[':
        this.#array(tree, depth)
        return 'structure'
      case '"':
        this.#string()
        return 'string'
      case 't':
        return this.#literal('true')
      case 'f':
        return this.#literal('false')
      case 'n':
        return this.#literal('null')
      case undefined:
        return this.#fail('a value is missing')
      default:
        this.#number()
        return 'number'
    }
  }

  #object(tree: FieldTree | undefined, depth: number): void {
    this.#at += 1
    this.#skipSpace()
    if (this.#accept(code.braceClose)) return
    do {
      this.#skipSpace()
      const child = this.#key(tree)
      this.#skipSpace()
      if (!this.#accept(code.colon)) this.#fail('a colon is missing')
      this.#skipSpace()
      // Of two equal keys the last one counts, as in JSON.parse. What was found inside the first
      // must go, even where the last has no such field.
      if (child !== undefined) this.#forget(child)
      this.#value(child, depth + 1)
      this.#skipSpace()
    } while (this.#accept(code.comma))
    if (!this.#accept(code.braceClose)) this.#fail('a comma or closing brace is missing')
  }

  #key(tree: FieldTree | undefined): FieldTree | undefined {
    const start = this.#at
    if (this.#text.charCodeAt(start) !== code.quote) this.#fail('a key in quotes is missing')
    this.#string()
    if (tree === undefined || tree.children.size === 0) return undefined
    return tree.children.get(decodeString(this.#text.slice(start, this.#at)))
  }

  #array(tree: FieldTree | undefined, depth: number): void {
    this.#at += 1
    this.#skipSpace()
    if (this.#accept(code.bracketClose)) return
    const children = tree !== undefined && tree.children.size > 0 ? tree.children : undefined
    let index = 0
    do {
      this.#skipSpace()
      this.#value(children?.get(String(index)), depth + 1)
      this.#skipSpace()
      index += 1
    } while (this.#accept(code.comma))
    if (!this.#accept(code.bracketClose)) this.#fail('a comma or closing bracket is missing')
  }

  #forget(tree: FieldTree): void {
    if (tree.slot !== undefined) this.fields[tree.slot] = undefined
    for (const child of tree.children.values()) this.#forget(child)
  }

  #string(): void {
    const text = this.#text
    let at = this.#at + 1
    for (;;) {
      const unit = text.charCodeAt(at)
      if (unit === code.quote) break
      // charCodeAt is NaN past the end, and NaN is not at least a space.
      if (!(unit >= code.space)) {
        this.#at = at
        this.#fail(at < text.length ? 'a control character in a string' : 'a quote is missing')
      }
      at = unit === code.backslash ? this.#escape(at) : at + 1
    }
    this.#at = at + 1
  }

  /** Checks the escape that begins at `at`; returns where it ends. */
  #escape(at: number): number {
    const letter = this.#text.charAt(at + 1)
    if (letter !== '' && simpleEscapes.includes(letter)) return at + 2
    let end = at + 2
    if (letter === 'u') {
      while (end < at + 6 && isOneOf(hexDigits, this.#text.charAt(end))) end += 1
      if (end === at + 6) return end
    }
    this.#at = at
    return this.#fail('a bad escape in a string')
  }

  #number(): void {
    if (this.#text.charCodeAt(this.#at) === code.minus) this.#at += 1
    if (!this.#accept(code.zero)) this.#digits()
    if (this.#accept(code.dot)) this.#digits()
    const exponent = this.#text[this.#at]
    if (exponent !== 'e' && exponent !== 'E') return
    this.#at += 1
    if (!this.#accept(code.plus)) this.#accept(code.minus)
    this.#digits()
  }

  #digits(): void {
    const start = this.#at
    let unit = this.#text.charCodeAt(this.#at)
    while (unit >= code.zero && unit <= code.nine) {
      this.#at += 1
      unit = this.#text.charCodeAt(this.#at)
    }
    if (this.#at === start) this.#fail('not a value')
  }

  #literal(word: string): 'literal' {
    if (!this.#text.startsWith(word, this.#at)) this.#fail('not a value')
    this.#at += word.length
    return 'literal'
  }

  #skipSpace(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at)
      const isSpace =
        unit === code.space ||
        unit === code.tab ||
        unit === code.lineFeed ||
        unit === code.carriageReturn
      if (!isSpace) return
      this.#at += 1
    }
  }

  #accept(unit: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== unit) return false
    this.#at += 1
    return true
  }

  #fail(problem: string): never {
    throw new ScanFailure(this.#at, problem)
  }
}

function isOneOf(characters: string, character: string): boolean {
  return character !== '' && characters.includes(character)
}

function fieldSource(kind: ValueKind, source: string): FieldSource {
  if (kind === 'structure') return { kind }
  return { kind, text: kind === 'string' ? decodeString(source) : source }
}

/** The value of a string literal that was checked before. */
function decodeString(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1)
  const value: unknown = JSON.parse(literal)
  assert(typeof value === 'string', 'a literal in quotes is a string')
  return value
}
