/** The calls of the workload `scan`, as they stand in its history. */
import { fieldsOf, listOf, wholeOf } from './parse.ts'

/** What is done to one row. */
export interface Change {
  readonly key: number
  /** The unique value that is put; null: the row is deleted. */
  readonly id: number | null
}

/** What a scan asks for: the keys from `from` up to, but without, `to`. */
export interface Range {
  readonly from: number
  readonly to: number
  readonly reverse?: boolean
  readonly keysOnly?: boolean
  readonly limit?: number
}

/** A row that a scan shows. */
export interface ScannedRow {
  readonly key: number
  /** Null: only keys were asked for. */
  readonly id: number | null
  readonly revision: number
}

/** The changes of a put, a delete or a batch; undefined: it has none. */
export function changesOf(value: unknown): readonly Change[] | undefined {
  return listOf(fieldsOf(value)['changes'], (each) => {
    const fields = fieldsOf(each)
    const key = wholeOf(fields['key'])
    const id = fields['id'] === null ? null : wholeOf(fields['id'])
    return key === undefined || id === undefined ? undefined : { key, id }
  })
}

/** What a scan asked for; undefined: nothing that can be. */
export function rangeOf(value: unknown): Range | undefined {
  const fields = fieldsOf(value)
  const from = wholeOf(fields['from'])
  const to = wholeOf(fields['to'])
  const limit = wholeOf(fields['limit'])
  if (from === undefined || to === undefined) return undefined
  return {
    from,
    to,
    ...(fields['reverse'] === true && { reverse: true }),
    ...(fields['keysOnly'] === true && { keysOnly: true }),
    ...(limit !== undefined && { limit }),
  }
}

/** The rows that a scan showed; undefined: they are none. */
export function rowsOf(value: unknown): readonly ScannedRow[] | undefined {
  return listOf(fieldsOf(value)['rows'], (each) => {
    if (!Array.isArray(each) || each.length !== 3) return undefined
    const [key, id, revision] = each as readonly unknown[]
    const row = {
      key: wholeOf(key),
      id: id === null ? null : wholeOf(id),
      revision: wholeOf(revision),
    }
    if (row.key === undefined || row.id === undefined || row.revision === undefined)
      return undefined
    return { key: row.key, id: row.id, revision: row.revision }
  })
}

/** The revisions at which the parts of a scan said they were read. */
export function pinsOf(value: unknown): readonly number[] {
  return listOf(fieldsOf(value)['pins'], wholeOf) ?? []
}
