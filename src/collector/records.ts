/** From lines to records: each gets its key and token, or the reason why it is refused. */
import type { Line } from './lines.ts'
import { parseLine, renderTemplate, templateFields, type Template } from './template.ts'

/** A record as it is written. */
export interface CollectedRecord {
  readonly kind: 'record'
  /** Its place in the source, from 1. */
  readonly line: number
  /** The line as it stands, without its line end. */
  readonly bytes: Uint8Array
  readonly key: string
  readonly token: string | undefined
}

/** A line that cannot be written, by whomever. */
export interface RefusedLine {
  readonly kind: 'refused'
  readonly line: number
  /** Names fields and columns, never content. */
  readonly problem: string
}

/** What a source has to offer. */
export type Offer = CollectedRecord | RefusedLine

/** How records get their names. */
export interface RecordTemplates {
  readonly key: Template
  /** Absent where the key is the identity (`once`). */
  readonly token?: Template | undefined
}

/** Turns batches of lines into batches of records and refusals, one for each line, in order. */
export async function* recordsFromLines(
  lines: AsyncIterable<readonly Line[]>,
  templates: RecordTemplates,
): AsyncGenerator<readonly Offer[]> {
  const { key, token } = templates
  const wanted = templateFields(token === undefined ? [key] : [key, token])
  for await (const batch of lines) yield batch.map((line) => toOffer(line))

  function toOffer({ line, bytes }: Line): Offer {
    const refuse = (problem: string): RefusedLine => ({ kind: 'refused', line, problem })
    if (bytes === undefined) return refuse('too large: longer than a value may be')
    const parsed = parseLine(bytes, wanted)
    if (typeof parsed === 'string') return refuse(parsed)
    const renderedKey = renderTemplate(key, parsed)
    if (!renderedKey.ok) return refuse(`no key: ${renderedKey.problem}`)
    if (token === undefined) {
      return { kind: 'record', line, bytes, key: renderedKey.text, token: undefined }
    }
    const renderedToken = renderTemplate(token, parsed)
    if (!renderedToken.ok) return refuse(`no token: ${renderedToken.problem}`)
    return { kind: 'record', line, bytes, key: renderedKey.text, token: renderedToken.text }
  }
}
