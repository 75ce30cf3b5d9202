/**
 * Templates: how keys and tokens are made from a record's fields.
 *
 * `{exchange}/{payload.id}` names fields by path, with array positions as numbers
 * (`{trades.0.id}`); `{{` and `}}` stand for the braces themselves. A field whose name holds a dot
 * or a brace cannot be named.
 */
import { usageError } from '../errors.ts'
import { scanJson, type FieldSource, type FieldTree } from './json-scanner.ts'

/** At most this many fields in one template, and characters in its text. */
export const templateFieldsMax = 64
export const templateLengthMax = 4096

/** A piece of a template. */
export type TemplatePart =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'field'; readonly name: string }

/** A template that was checked. */
export interface Template {
  /** As it was written, for messages. */
  readonly text: string
  readonly parts: readonly TemplatePart[]
}

/** The fields that some templates name, so that one scan of a line finds them all. */
export interface TemplateFields {
  readonly tree: FieldTree
  readonly slots: ReadonlyMap<string, number>
}

/** A line that is JSON, with the fields that were asked for. */
export interface ParsedLine {
  readonly slots: ReadonlyMap<string, number>
  readonly fields: readonly (FieldSource | undefined)[]
}

/** A text, or why there is none. `problem` names fields, never their values. */
export type Rendered =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string }

/** Reads a template; throws `QUORATE_USAGE` where its syntax is wrong. */
export function parseTemplate(text: string): Template {
  if (text === '') throw usageError('a template is empty')
  if (text.length > templateLengthMax) {
    throw usageError(`a template is longer than ${templateLengthMax} characters`)
  }
  const parts: TemplatePart[] = []
  let literal = ''
  let at = 0
  while (at < text.length) {
    const pair = text.slice(at, at + 2)
    if (pair === '{{' || pair === '}}') {
      literal += pair.charAt(0)
      at += 2
    } else if (pair.startsWith('{')) {
      if (literal !== '') parts.push({ kind: 'literal', text: literal })
      literal = ''
      const name = fieldName(text, at)
      parts.push({ kind: 'field', name })
      at += name.length + 2
    } else if (pair.startsWith('}')) {
      throw syntaxError(text, at, 'a } without its {; write }} for the brace itself')
    } else {
      literal += text.charAt(at)
      at += 1
    }
  }
  if (literal !== '') parts.push({ kind: 'literal', text: literal })
  if (parts.filter((part) => part.kind === 'field').length > templateFieldsMax) {
    throw usageError(`a template names more than ${templateFieldsMax} fields`)
  }
  return { text, parts }
}

function fieldName(text: string, open: number): string {
  const close = text.indexOf('}', open)
  if (close === -1)
    throw syntaxError(text, open, 'a { without its }; write {{ for the brace itself')
  const name = text.slice(open + 1, close)
  if (name.includes('{')) throw syntaxError(text, open, 'a { inside a field name')
  if (name.split('.').includes('')) throw syntaxError(text, open, 'an empty field name')
  return name
}

function syntaxError(text: string, at: number, problem: string): Error {
  return usageError(`bad template '${text}' at character ${at + 1}: ${problem}`)
}

/** Whether every record would get the same text. */
export function isConstant(template: Template): boolean {
  return template.parts.every((part) => part.kind === 'literal')
}

/** Gathers what some templates need from a line. */
export function templateFields(templates: readonly Template[]): TemplateFields {
  const tree: FieldTree = { slot: undefined, children: new Map() }
  const slots = new Map<string, number>()
  for (const { parts } of templates) {
    for (const part of parts) {
      if (part.kind === 'literal' || slots.has(part.name)) continue
      slots.set(part.name, slots.size)
      nodeAt(tree, part.name.split('.')).slot = slots.size - 1
    }
  }
  return { tree, slots }
}

function nodeAt(tree: FieldTree, path: readonly string[]): FieldTree {
  let node = tree
  for (const segment of path) {
    const child = node.children.get(segment) ?? { slot: undefined, children: new Map() }
    node.children.set(segment, child)
    node = child
  }
  return node
}

// A byte that is not UTF-8 must not pass as U+FFFD: two different records could then share a token.
// The byte order mark is kept, and so refused as JSON.parse refuses it.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Checks that a line is JSON, and finds the fields; or says what is wrong with it. */
export function parseLine(bytes: Uint8Array, wanted: TemplateFields): ParsedLine | string {
  const text = decodeUtf8(bytes)
  if (text === undefined) return 'not JSON: not valid UTF-8'
  const result = scanJson(text, wanted.tree, wanted.slots.size)
  if (!result.valid) return `not JSON: ${result.problem} at column ${result.column}`
  return { slots: wanted.slots, fields: result.fields }
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/** Fills in a template. Numbers render as they are written in the line, strings as their value. */
export function renderTemplate(template: Template, line: ParsedLine): Rendered {
  let text = ''
  for (const part of template.parts) {
    if (part.kind === 'literal') {
      text += part.text
      continue
    }
    const slot = line.slots.get(part.name)
    const field = slot === undefined ? undefined : line.fields[slot]
    if (field === undefined) return { ok: false, problem: `the field ${part.name} is missing` }
    if (field.kind === 'structure') {
      return { ok: false, problem: `the field ${part.name} is an array or object` }
    }
    text += field.text
  }
  // A lone surrogate has no UTF-8 bytes: encoded, it would become U+FFFD, and records that differ
  // would share a key.
  if (!text.isWellFormed()) return { ok: false, problem: 'a field is not valid Unicode' }
  return { ok: true, text }
}
