/**
 * Judges scans: each must be what the changes up to its revision leave, replayed in the order of
 * their revisions. The revision of a change is known if it was acknowledged, or if some scan shows
 * a row of it, as values are unique; the rows of one batch share theirs. Only an open delete
 * leaves nothing to see, so where one is under way, a missing row is no fault; but it takes away
 * one row at most, and none that is there later.
 */
import type { Operation } from '../history/index.ts'
import { at, counted, Findings } from './findings.ts'
import { addTo } from './group.ts'
import { fieldsOf } from './parse.ts'
import {
  changesOf,
  pinsOf,
  rangeOf,
  rowsOf,
  type Change,
  type Range,
  type ScannedRow,
} from './scan-calls.ts'
import { lastBegun } from './timeline.ts'
import type { CheckResult } from './workload.ts'

/** A put, a delete or a batch. */
interface Write {
  readonly operation: Operation
  readonly changes: readonly Change[]
  /** Undefined: it may have had no effect, or nobody saw it. */
  revision: number | undefined
}

/** What a write did to one row. */
interface Effect {
  readonly operation: Operation
  readonly revision: number
  readonly id: number | null
}

interface Snapshot {
  readonly operation: Operation
  readonly range: Range
  readonly rows: readonly ScannedRow[]
  readonly revision: number
}

/** Checks it; see the head of the file. */
export function checkSnapshots(operations: readonly Operation[]): CheckResult {
  const findings = new Findings('snapshots')
  const { writes, byId } = writesOf(operations)
  const snapshots = snapshotsOf(operations, findings)
  for (const snapshot of snapshots) learn(snapshot, byId, findings)
  const effects = effectsOf(writes)
  const absences = new Absences(openDeletesOf(writes), snapshots)
  let rows = 0
  for (const snapshot of snapshots) {
    rows += snapshot.rows.length
    judge(snapshot, effects, absences, findings)
  }
  judgeMissing(operations, effects, absences, findings)
  absences.judge(findings)
  const acknowledged = writes.filter(({ operation }) => operation.outcome === 'ok').length
  const last = lastScan(snapshots, writes)
  const lost = last === undefined ? 0 : lostIn(last, effects, absences)
  return findings.result(
    `Each of ${counted(snapshots.length, 'scan')}, with ${rows} rows in all, was the state at its revision, in order and within its bounds.`,
    { scans: snapshots.length, rows, acknowledged, lost },
    last === undefined ? 'No scan of everything came after the last write.' : undefined,
  )
}

function writesOf(operations: readonly Operation[]): {
  readonly writes: readonly Write[]
  readonly byId: ReadonlyMap<number, Write>
} {
  const writes: Write[] = []
  const byId = new Map<number, Write>()
  for (const operation of operations) {
    const changes = operation.f === 'scan' ? undefined : changesOf(operation.input)
    if (changes === undefined) continue
    const { outcome, f, output } = operation
    // A delete of nothing has no effect, and tells the revision at which there was nothing.
    const nothing = f === 'delete' && outcome === 'ok' && fieldsOf(output)['existed'] !== true
    const revision = outcome === 'ok' && !nothing ? operation.revision : undefined
    const write: Write = { operation, changes: nothing ? [] : changes, revision }
    writes.push(write)
    for (const { id } of write.changes) if (id !== null) byId.set(id, write)
  }
  return { writes, byId }
}

/** The scans, as far as their shape is right: order, bounds, limit, one revision. */
function snapshotsOf(operations: readonly Operation[], findings: Findings): readonly Snapshot[] {
  const snapshots: Snapshot[] = []
  for (const operation of operations) {
    if (operation.f !== 'scan' || operation.outcome !== 'ok') continue
    const range = rangeOf(operation.input)
    const rows = rowsOf(operation.output)
    const { revision } = operation
    const pins = pinsOf(operation.output)
    if (range === undefined || rows === undefined || revision === undefined) {
      findings.violation(`A scan (${at(operation)}) has no rows, or no revision.`, [operation])
      continue
    }
    const wrong = shapeFault(range, rows, pins)
    if (wrong !== undefined) findings.violation(`A scan (${at(operation)}) ${wrong}.`, [operation])
    snapshots.push({ operation, range, rows, revision })
  }
  return snapshots
}

function shapeFault(
  { from, to, reverse, limit }: Range,
  rows: readonly ScannedRow[],
  pins: readonly number[],
): string | undefined {
  if (new Set(pins).size !== 1) return `was read at several revisions, ${pins.join(' and ')}`
  if (limit !== undefined && rows.length > limit) return `has more than its ${limit} rows`
  if (rows.some(({ key }) => key < from || key >= to)) return 'leaves its bounds'
  const step = reverse === true ? -1 : 1
  const ordered = rows.every(({ key }, i) => i === 0 || ((rows[i - 1]?.key ?? 0) - key) * step < 0)
  return ordered ? undefined : 'is not in the order of its keys, or shows one twice'
}

/** A row that is shown tells the revision of the write whose value it is. */
function learn(
  { operation, rows }: Snapshot,
  byId: ReadonlyMap<number, Write>,
  findings: Findings,
): void {
  for (const { key, id, revision } of rows) {
    if (id === null) continue
    const write = byId.get(id)
    const change = write?.changes.find((each) => each.id === id && each.key === key)
    if (write === undefined || change === undefined) {
      findings.violation(
        `A scan (${at(operation)}) shows under key ${key} a value that nobody put there.`,
        [operation],
      )
    } else if (write.operation.outcome === 'fail') {
      findings.violation(
        `A scan (${at(operation)}) shows under key ${key} a write that had failed for sure (${at(write.operation)}).`,
        [write.operation, operation],
      )
    } else if (write.operation.begin > operation.end) {
      findings.violation(
        `A scan (${at(operation)}) shows under key ${key} a write that had not begun.`,
        [operation, write.operation],
      )
    } else {
      if (write.revision !== undefined && write.revision !== revision) {
        findings.violation(
          `A scan (${at(operation)}) shows key ${key} at revision ${revision}, though it was written at ${write.revision} (${at(write.operation)}).`,
          [write.operation, operation],
        )
      }
      write.revision ??= revision
    }
  }
}

/** Of each key, what was done to it, in the order of the revisions. */
function effectsOf(writes: readonly Write[]): ReadonlyMap<number, readonly Effect[]> {
  const effects = new Map<number, Effect[]>()
  for (const { operation, changes, revision } of writes) {
    if (revision === undefined || operation.outcome === 'fail') continue
    for (const { key, id } of changes) addTo(effects, key, { operation, revision, id })
  }
  for (const list of effects.values()) list.sort((a, b) => a.revision - b.revision)
  return effects
}

/** Of each key, the deletes of which it is not known whether, or when, they took effect. */
function openDeletesOf(writes: readonly Write[]): ReadonlyMap<number, readonly Operation[]> {
  const open = new Map<number, Operation[]>()
  for (const { operation, changes, revision } of writes) {
    if (operation.outcome !== 'info' || revision !== undefined) continue
    for (const { key, id } of changes) if (id === null) addTo(open, key, operation)
  }
  return open
}

/** The last effect at this revision or before it. */
function effectAt(effects: readonly Effect[] | undefined, revision: number): Effect | undefined {
  let low = 0
  let high = effects?.length ?? 0
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((effects?.[middle]?.revision ?? 0) <= revision) low = middle + 1
    else high = middle
  }
  return effects?.[low - 1]
}

type Effects = ReadonlyMap<number, readonly Effect[]>

/** A row that was not there. */
interface Absence {
  readonly key: number
  /** The last one of the key at or before the revision; undefined: nobody knows of any. */
  readonly effect: Effect | undefined
  /** What told that it was not there, and as of which revision. */
  readonly operation: Operation
  readonly revision: number
}

/** Tells which rows may be gone, as an open delete may have taken them away. */
class Absences {
  readonly #openDeletes: ReadonlyMap<number, readonly Operation[]>
  /** Of each row that some scan shows, by key and revision: the last revision at which it stood. */
  readonly #stood = new Map<string, number>()
  /** By key, and by the revision of the row: the first to tell that a delete had taken it away. */
  readonly #excused = new Map<number, Map<number, Absence>>()

  constructor(
    openDeletes: ReadonlyMap<number, readonly Operation[]>,
    snapshots: readonly Snapshot[],
  ) {
    this.#openDeletes = openDeletes
    for (const { rows, revision } of snapshots) {
      for (const row of rows) {
        const name = `${row.key} ${row.revision}`
        this.#stood.set(name, Math.max(revision, this.#stood.get(name) ?? 0))
      }
    }
  }

  /** Whether the row should have been there. What is excused is kept for `judge`. */
  isMissing(absence: Absence): boolean {
    const { key, effect, operation, revision } = absence
    if (effect === undefined || effect.id === null) return false
    if ((this.#stood.get(`${key} ${effect.revision}`) ?? 0) >= revision) return true
    const deletes = this.#openDeletes.get(key) ?? []
    if (!deletes.some(({ begin }) => begin < operation.end)) return true
    const excused = this.#excused.get(key) ?? new Map<number, Absence>()
    this.#excused.set(key, excused)
    const first = excused.get(effect.revision)
    if (first === undefined || operation.end < first.operation.end) {
      excused.set(effect.revision, absence)
    }
    return false
  }

  /** Each row that was excused takes a delete of its own, which had begun when it was gone. */
  judge(findings: Findings): void {
    for (const [key, excused] of this.#excused) {
      const gone = [...excused.values()].sort((a, b) => a.operation.end - b.operation.end)
      const deletes = [...(this.#openDeletes.get(key) ?? [])].sort((a, b) => a.begin - b.begin)
      for (const [place, { effect, operation }] of gone.entries()) {
        if ((deletes[place]?.begin ?? Infinity) < operation.end) continue
        findings.violation(
          `${place + 1} rows of key ${key} had gone by ${at(operation)}, which is more than the deletes without an answer can have taken away.`,
          [effect?.operation, operation],
        )
        break
      }
    }
  }
}

function judge(snapshot: Snapshot, effects: Effects, absences: Absences, findings: Findings): void {
  const { operation, revision } = snapshot
  const shown = new Map(snapshot.rows.map((row) => [row.key, row]))
  const [first, last] = coveredBy(snapshot)
  for (let key = first; key < last; key++) {
    const row = shown.get(key)
    const effect = effectAt(effects.get(key), revision)
    if (row !== undefined) {
      const wrong = rowFault(row, effect, revision)
      if (wrong === undefined) continue
      const text = `A scan at revision ${revision} (${at(operation)}) shows key ${key} of revision ${row.revision}, ${wrong}.`
      findings.violation(text, [effect?.operation, operation])
    } else if (absences.isMissing({ key, effect, operation, revision })) {
      findings.violation(
        `A scan at revision ${revision} (${at(operation)}) does not show key ${key}, which was put at revision ${effect?.revision} (${effect && at(effect.operation)}).`,
        [effect?.operation, operation],
      )
    }
  }
}

function rowFault(
  row: ScannedRow,
  effect: Effect | undefined,
  revision: number,
): string | undefined {
  if (row.revision > revision) return 'which is of a later one'
  // Only keys were asked for, and nobody ever saw which write it was: nothing contradicts it.
  if (effect === undefined || effect.revision < row.revision) {
    return row.id === null ? undefined : 'which no write had'
  }
  if (effect.revision > row.revision) {
    return `though it was ${effect.id === null ? 'deleted' : 'written'} at ${effect.revision} (${at(effect.operation)})`
  }
  return effect.id === null ? 'which deleted it' : undefined
}

/** The keys of which the scan tells whether they are there: with its limit reached, not all. */
function coveredBy({ range, rows }: Snapshot): readonly [number, number] {
  const { from, to, limit, reverse } = range
  const last = rows.at(-1)
  if (limit === undefined || rows.length < limit || last === undefined) return [from, to]
  return reverse === true ? [last.key, to] : [from, last.key + 1]
}

/** A delete that found nothing says that there was no row at its revision. */
function judgeMissing(
  operations: readonly Operation[],
  effects: Effects,
  absences: Absences,
  findings: Findings,
): void {
  for (const operation of operations) {
    const { f, outcome, output, revision } = operation
    if (f !== 'delete' || outcome !== 'ok' || revision === undefined) continue
    if (fieldsOf(output)['existed'] !== false) continue
    for (const { key } of changesOf(operation.input) ?? []) {
      const effect = effectAt(effects.get(key), revision)
      if (!absences.isMissing({ key, effect, operation, revision })) continue
      findings.violation(
        `A delete (${at(operation)}) found no key ${key} at revision ${revision}, though it was put at ${effect?.revision}.`,
        [effect?.operation, operation],
      )
    }
  }
}

/** The last scan of everything, if it came after all acknowledged writes. */
function lastScan(snapshots: readonly Snapshot[], writes: readonly Write[]): Snapshot | undefined {
  const whole = snapshots.filter(({ operation }) => fieldsOf(operation.input)['final'] === true)
  const last = lastBegun(whole.map((snapshot) => ({ ...snapshot.operation, snapshot })))
  const end = writes.reduce(
    (latest, { operation }) =>
      operation.outcome === 'ok' ? Math.max(latest, operation.end) : latest,
    -1,
  )
  return last !== undefined && last.begin > end ? last.snapshot : undefined
}

/** Acknowledged changes that neither stand in the last scan nor were replaced by what does. */
function lostIn(last: Snapshot, effects: Effects, absences: Absences): number {
  const { operation } = last
  const shown = new Map(last.rows.map((row) => [row.key, row.revision]))
  let lost = 0
  for (const [key, list] of effects) {
    const newest = list.at(-1)
    if (newest === undefined || newest.operation.outcome !== 'ok') continue
    const revision = shown.get(key)
    const gone =
      revision === undefined
        ? absences.isMissing({ key, effect: newest, operation, revision: last.revision })
        : revision < newest.revision
    if (gone) lost++
  }
  return lost
}
