/**
 * Markup that cannot be injected into. Everything in a report (keys, values, errors, names of
 * nemeses) comes from files that anyone may have written, so text turns into markup at one place
 * only: the template tag below escapes all that is put into it, unless it is `Markup` already.
 */

/** Text that is markup: made by `markup`, or a constant of this folder. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

/** What a template takes; `undefined` and `false` leave nothing behind. */
export type Content = Markup | string | number | undefined | false | readonly Content[]

/** Nothing at all. */
export const nothing = new Markup('')

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * Text as it may stand in an element or in a quoted attribute. Characters that a reader can't see
 * but that change what is seen (controls; marks that turn the direction of writing round) are
 * replaced by their number, so that a value can't disguise itself.
 */
export function escaped(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => entities[character] ?? character)
    .replace(
      // eslint-disable-next-line no-control-regex
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g,
      (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
    )
}

function rendered(content: Content): string {
  if (content === undefined || content === false) return ''
  if (content instanceof Markup) return content.text
  if (typeof content === 'string') return escaped(content)
  if (typeof content === 'number') return figure(content)
  return content.map(rendered).join('')
}

/** Coordinates need no more than two decimals, and a report with thousands of marks is shorter. */
function figure(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Math.round(value * 100) / 100)
}

/**
 * Joins a template. What is put in is escaped, arrays are joined, numbers cut to two decimals; the
 * white space of the template itself is for its readers and shrinks to one blank.
 */
export function markup(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  let text = tight(parts[0])
  for (const [index, content] of contents.entries()) {
    text += rendered(content) + tight(parts[index + 1])
  }
  return new Markup(text)
}

function tight(part = ''): string {
  return part.replace(/\s+/g, ' ')
}
