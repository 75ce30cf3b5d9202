/** Where in the log an answer to a read is right. */
import type { ScanBounds, SeenRow } from '../workload/history.ts'
import type { Replay } from './replay.ts'

/** What a get was told. */
export interface GetAnswer {
  readonly keys: readonly string[]
  readonly rows: readonly (SeenRow | undefined)[]
  /** Undefined where the method does not say. */
  readonly readRevision: number | undefined
}

/** The first index from `from` to `to` at which all of it is right at once. */
export function placeOfGet(
  replay: Replay,
  answer: GetAnswer,
  from: number,
  to: number,
): number | undefined {
  const { keys, rows, readRevision } = answer
  if (readRevision !== undefined) {
    const place = placeOfScan(replay, readRevision, from, to)
    if (place === undefined) return undefined
    return keys.every((key, i) => isRow(replay, key, rows[i], readRevision)) ? place : undefined
  }
  const last = Math.min(to, replay.lastIndex)
  for (let place = from; place <= last;) {
    // Nobody sees a revision in the middle of an entry.
    const revision = replay.revisionAt(place)
    let next = revision
    for (const [i, key] of keys.entries()) {
      const found = replay.rows.next(key, rows[i]?.value, next)
      if (found === undefined) return undefined
      next = found
    }
    if (next === revision) {
      return keys.every((key, i) => isRow(replay, key, rows[i], revision)) ? place : undefined
    }
    const jump = replay.firstIndexOf(next)
    if (jump === undefined) return undefined
    place = jump
  }
  return undefined
}

function isRow(replay: Replay, key: string, row: SeenRow | undefined, revision: number): boolean {
  const version = replay.rows.at(key, revision)
  if (row === undefined || version.value !== row.value) return version.value === row?.value
  return row.key === key && (row.revision === 0 || row.revision === version.revision)
}

/** The first index from `from` to `to` at which the state is of just this revision. */
export function placeOfScan(
  replay: Replay,
  revision: number,
  from: number,
  to: number,
): number | undefined {
  const first = replay.firstIndexOf(revision)
  if (first === undefined) return undefined
  const place = Math.max(from, first)
  const inside = place <= to && place <= replay.lastIndex
  return inside && replay.revisionAt(place) === revision ? place : undefined
}

/** What a scan asked for. */
export interface ScanRange {
  readonly prefix: string
  readonly bounds?: ScanBounds
  readonly keysOnly?: boolean
  readonly reverse: boolean
  readonly limit: number | undefined
}

/** What a scan saw. `partial`: it ended early. */
export interface ScanAnswer {
  readonly rows: readonly (SeenRow | undefined)[]
  readonly readRevision: number
  readonly partial: boolean
}

/** What is wrong with the rows of a scan; undefined: they are those of its revision. */
export function tellScan(
  replay: Replay,
  { prefix, bounds = {}, keysOnly = false, reverse, limit }: ScanRange,
  { rows, readRevision, partial }: ScanAnswer,
): string | undefined {
  const all = replay.rows
    .all(prefix, readRevision)
    .filter(({ key }) => isWithin(key, bounds))
    .map((row) => (keysOnly ? { ...row, value: '' } : row))
  if (reverse) all.reverse()
  const right = all.slice(0, limit ?? Infinity)
  for (const [i, row] of rows.entries()) {
    const wanted = right[i]
    const same =
      row?.key === wanted?.key && row?.value === wanted?.value && row?.revision === wanted?.revision
    if (same) continue
    return `row ${i} is ${shown(row)} and not ${shown(wanted)}`
  }
  if (rows.length === right.length || (partial && rows.length < right.length)) return undefined
  return `it has ${rows.length} rows and not ${right.length}`
}

/** Keys are ASCII: their characters are in the order of their bytes. */
function isWithin(key: string, { gte, gt, lte, lt }: ScanBounds): boolean {
  if ((gte !== undefined && key < gte) || (gt !== undefined && key <= gt)) return false
  return (lte === undefined || key <= lte) && (lt === undefined || key < lt)
}

function shown(row: Pick<SeenRow, 'key' | 'value' | 'revision'> | undefined): string {
  return row === undefined ? 'none' : `${row.key} = ${row.value} of revision ${row.revision}`
}
