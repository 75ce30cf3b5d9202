/**
 * Replicas of a collector: every client writes the same records, a few at a time with `putMany`,
 * as its own fetch found them. Even records have tokens, odd ones are put `once`. A replica repeats
 * what it has no verdict on, until it has one. So each record must be stored exactly once, the first
 * write wins, and all replicas must be told the same.
 */
import { QuorateError, type Client, type PutManyResult, type PutRecord } from 'quorate'
import { operationsOf, type Operation } from '../history/index.ts'
import {
  candleBound,
  candleName,
  candleOf,
  candlesPerInterval,
  candleText,
  versions,
  type Version,
} from './candles.ts'
import { completionOf } from './outcome.ts'
import { fieldsOf, listOf, own, textOf, wholeOf, type Fields } from './parse.ts'
import { repeated } from './retry.ts'
import { checkRevisions, type RevisionTold } from './revisions.ts'
import { Space, storedText } from './space.ts'
import { byLines } from './timeline.ts'
import { checkVerdicts, type Said, type Statement } from './verdicts.ts'
import type {
  Chance,
  Completion,
  Invocation,
  Workload,
  WorkloadRun,
  WorkloadSetting,
} from './workload.ts'

/** Records of one call. */
const batchMax = 5
/** Share of the fetches that come later and find another version. */
const lateShare = 0.2
/** A replica that is further behind skips what it missed: else replicas would never meet again. */
const behindMax = 60
/** Records of one final read. */
const readMax = 500
/** How often a final read is tried. */
const triesMax = 5

/** The workload; see the head of the file. */
export const collector: Workload = {
  name: 'collector',
  about: 'replicas that all write the same records, with tokens or once: stored once, first wins',
  begin: (setting) => run(setting),
}

/** A record as a replica has it. */
interface Fetched {
  readonly record: number
  readonly version: Version
}

/** What a replica was told of a record. */
type Told = Fetched &
  (
    | {
        readonly verdict: 'applied' | 'duplicate' | 'mismatch'
        readonly revision: number
        readonly hash?: string
      }
    | { readonly error: string; readonly outcome: 'not-applied' | 'unknown' }
  )

function run({ chance }: WorkloadSetting): WorkloadRun {
  const space = new Space('collector')
  const replicas = new Map<number, Replica>()
  const replica = (slot: number): Replica => {
    const known = replicas.get(slot) ?? new Replica()
    replicas.set(slot, known)
    return known
  }
  const furthest = (): number => Math.max(0, ...[...replicas.values()].map(({ end }) => end))
  return {
    next: (slot) => ({ f: 'collect', value: replica(slot).next(chance, furthest()) }),
    perform: (client, { f, value }, slot) =>
      completionOf(async () => {
        if (f === 'read') return await repeated(triesMax, () => read(client, space, value))
        if (f !== 'collect') throw new TypeError(`collector has no call ${f}`)
        const records = own(listOf(value, fetchedOf), 'records')
        const told = await collect(client, space, records)
        replica(slot).told(told)
        return completion(told)
      }),
    finalReads: () => {
      const reads: Invocation[] = []
      for (let from = 0; from < furthest(); from += readMax) {
        reads.push({ f: 'read', value: { from, to: from + readMax } })
      }
      return reads
    },
    check: (history) => {
      const operations = operationsOf(history)
      return Promise.resolve([
        checkVerdicts(statementsOf(operations), 'record'),
        checkRevisions(revisionsOf(operations)),
      ])
    },
  }
}

/** Where a replica stands, and what it has no verdict on. */
class Replica {
  /** The record after the last one that it has begun with. */
  end = 0
  #open: readonly Fetched[] = []

  next(chance: Chance, furthest: number): readonly Fetched[] {
    if (this.#open.length > 0) return this.#open
    if (this.end < furthest - behindMax) this.end = furthest
    const count = chance.between(1, batchMax + 1)
    const batch = Array.from({ length: count }, () => ({
      record: this.end++,
      version: versions[chance.fraction() < lateShare ? 1 : 0],
    }))
    return batch
  }

  told(told: readonly Told[]): void {
    this.#open = told
      .filter((each) => 'error' in each)
      .map(({ record, version }) => ({ record, version }))
  }
}

async function collect(
  client: Client,
  space: Space,
  records: readonly Fetched[],
): Promise<readonly Told[]> {
  const results = await client.putMany(records.map((each) => toPut(space, each)))
  return records.map((fetched, i) => toldOf(fetched, results[i]))
}

/** The replicas' clocks do not matter: a token is dated with the cluster's time. */
function toPut(space: Space, { record, version }: Fetched): PutRecord {
  const key = space.key(candleName(record))
  const value = candleText(record, version)
  return isOnce(record) ? { key, value, once: true } : { key, value, token: key }
}

function isOnce(record: number): boolean {
  return record % 2 === 1
}

function toldOf(fetched: Fetched, result: PutManyResult | undefined): Told {
  if (result === undefined) throw new TypeError('putMany gave too few results')
  if ('error' in result) {
    const { error } = result
    if (!(error instanceof QuorateError)) throw new TypeError('putMany gave an error of no code')
    return { ...fetched, error: error.code, outcome: error.outcome }
  }
  const { verdict, revision, payloadHash } = result
  return { ...fetched, verdict, revision, ...(payloadHash !== undefined && { hash: payloadHash }) }
}

/** `info` if of any nobody knows, `fail` only if all surely had no effect. */
function completion(told: readonly Told[]): Completion {
  const errors = told.filter((each) => 'error' in each)
  const open = errors.find(({ outcome }) => outcome === 'unknown')
  if (open !== undefined) return { type: 'info', error: open.error, value: told }
  const [first] = errors
  if (first !== undefined && errors.length === told.length) {
    return { type: 'fail', error: first.error, value: told }
  }
  return { type: 'ok', value: told }
}

/** The rows of some records: `[record, version, revision]`, version -1 for bytes nobody wrote. */
async function read(client: Client, space: Space, value: unknown): Promise<Completion> {
  const { from, to } = own(boundsOf(value), 'bounds')
  const rows: (readonly [number, number, number])[] = []
  const scan = client.scan({
    gte: space.key(candleBound(from)),
    lt: space.key(candleBound(to)),
  })
  for await (const { key, value, revision } of scan) {
    const record = candleOf(space.nameOf(key) ?? '') ?? -1
    const text = storedText(value)
    const version = versions.find((each) => record >= 0 && candleText(record, each) === text) ?? -1
    rows.push([record, version, revision])
  }
  const { revision } = scan
  return { type: 'ok', value: { rows }, ...(revision !== undefined && { revision }) }
}

function boundsOf(value: unknown): { readonly from: number; readonly to: number } | undefined {
  const fields = fieldsOf(value)
  const from = wholeOf(fields['from'])
  const to = wholeOf(fields['to'])
  const whole = from !== undefined && to !== undefined && (to - from) % candlesPerInterval === 0
  return whole ? { from, to } : undefined
}

function fetchedOf(value: unknown): Fetched | undefined {
  const fields = fieldsOf(value)
  const record = wholeOf(fields['record'])
  const version = versions.find((known) => known === fields['version'])
  return record === undefined || version === undefined ? undefined : { record, version }
}

function statementsOf(operations: readonly Operation[]): readonly Statement[] {
  const statements: Statement[] = []
  const written = new Set<number>()
  for (const operation of operations) {
    if (operation.f !== 'collect') continue
    const told = Array.isArray(operation.output) ? (operation.output as readonly unknown[]) : []
    for (const [i, fetched] of (listOf(operation.input, fetchedOf) ?? []).entries()) {
      written.add(fetched.record)
      const about = saidOf(fetched, operation.outcome, fieldsOf(told[i]))
      const answered = about.type === 'told' || about.type === 'refused'
      const identity = String(fetched.record)
      statements.push({ operation: byLines(operation, answered), identity, about })
    }
  }
  for (const operation of operations) {
    if (operation.f !== 'read' || operation.outcome !== 'ok') continue
    statements.push(...rowsOf(operation, written))
  }
  return statements
}

function saidOf({ version }: Fetched, outcome: Operation['outcome'], told: Fields): Said {
  const payload = String(version)
  const verdict = textOf(told['verdict'])
  const revision = wholeOf(told['revision'])
  const hash = textOf(told['hash'])
  if (revision !== undefined && isVerdict(verdict)) {
    return { type: 'told', verdict, payload, revision, ...(hash !== undefined && { hash }) }
  }
  return outcome === 'fail' || told['outcome'] === 'not-applied'
    ? { type: 'refused', payload, cancelled: false }
    : { type: 'open', payload }
}

function isVerdict(text: string | undefined): text is 'applied' | 'duplicate' | 'mismatch' {
  return text === 'applied' || text === 'duplicate' || text === 'mismatch'
}

/** A final read speaks of every record between its bounds that was ever written, or is there. */
function rowsOf(operation: Operation, written: ReadonlySet<number>): readonly Statement[] {
  const bounds = boundsOf(operation.input)
  const rows = new Map<
    number,
    { readonly payload: string | undefined; readonly revision: number }
  >()
  for (const row of listOf(fieldsOf(operation.output)['rows'], (each) => listOf(each, wholeOf)) ??
    []) {
    const [record = -1, version = -1, revision = 0] = row
    rows.set(record, { payload: version < 0 ? undefined : String(version), revision })
  }
  const records = new Set(rows.keys())
  for (let record = bounds?.from ?? 0; record < (bounds?.to ?? 0); record++) {
    if (written.has(record)) records.add(record)
  }
  return [...records].map((record) => ({
    operation: byLines(operation, true),
    identity: String(record),
    about: { type: 'row', row: rows.get(record) },
  }))
}

function revisionsOf(operations: readonly Operation[]): readonly RevisionTold[] {
  const told: RevisionTold[] = []
  for (const call of operations) {
    const operation = byLines(call, true)
    const { f, outcome, revision, output } = operation
    if (f === 'read') {
      if (outcome === 'ok' && revision !== undefined) {
        told.push({ operation, revision, kind: 'state' })
      }
      continue
    }
    const answers = Array.isArray(output) ? (output as readonly unknown[]) : []
    // The other verdicts tell an older revision.
    for (const answer of answers) {
      const { verdict, revision } = fieldsOf(answer)
      const at = wholeOf(revision)
      if (verdict === 'applied' && at !== undefined) {
        told.push({ operation, revision: at, kind: 'effect' })
      }
    }
  }
  return told
}
