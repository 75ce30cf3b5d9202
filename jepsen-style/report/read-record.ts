/**
 * Reads `run.json`. The file may have been edited or cut short, so everything in it is checked,
 * and what is wrong is named by its place: `faults[3].begin must be a number`.
 */
import { QuorateError } from 'quorate'
import type { CheckResult, OrderExplanation } from '../workloads/workload.ts'
import type { Availability, FaultSpan, RunRecord } from './run-record.ts'

/** Entries that a list of the record may have. */
const entriesMax = 100_000

type Fields = Readonly<Record<string, unknown>>

/** Reads the values of one object, and names each by where it stands. */
class Reader {
  readonly #fields: Fields
  readonly #where: string

  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw wrong(where === '' ? 'the document' : where, 'an object', value)
    }
    this.#fields = Object.fromEntries(Object.entries(value))
    this.#where = where
  }

  #name(field: string): string {
    return this.#where === '' ? field : `${this.#where}.${field}`
  }

  has(field: string): boolean {
    return this.#fields[field] !== undefined
  }

  text(field: string): string {
    const value = this.#fields[field]
    if (typeof value !== 'string') throw wrong(this.#name(field), 'a string', value)
    return value
  }

  number(field: string): number {
    const value = this.#fields[field]
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw wrong(this.#name(field), 'a number', value)
    }
    return value
  }

  /** A figure that JSON writes as null where there was nothing to measure. */
  figure(field: string): number {
    return this.#fields[field] === null ? Number.NaN : this.number(field)
  }

  /** The number of a line of the history. */
  line(field: string): number {
    return line(this.#fields[field], this.#name(field))
  }

  boolean(field: string): boolean {
    const value = this.#fields[field]
    if (typeof value !== 'boolean') throw wrong(this.#name(field), 'true or false', value)
    return value
  }

  choice<T extends string>(field: string, choices: readonly T[]): T {
    const value = this.#fields[field]
    const found = choices.find((choice) => choice === value)
    if (found === undefined) throw wrong(this.#name(field), `one of ${choices.join(', ')}`, value)
    return found
  }

  list<T>(field: string, read: (value: unknown, where: string) => T): readonly T[] {
    const value = this.#fields[field]
    if (!Array.isArray(value)) throw wrong(this.#name(field), 'a list', value)
    if (value.length > entriesMax) {
      throw new QuorateError(
        'QUORATE_USAGE',
        `${this.#name(field)} has ${String(value.length)} entries, more than ${String(entriesMax)}`,
      )
    }
    return value.map((entry, index) => read(entry, `${this.#name(field)}[${String(index)}]`))
  }

  inner(field: string): Reader {
    return new Reader(this.#fields[field], this.#name(field))
  }

  figures(field: string): Readonly<Record<string, number>> {
    const value = this.#fields[field]
    const inner = new Reader(value, this.#name(field))
    const names = Object.keys(inner.#fields)
    return Object.fromEntries(names.map((name) => [name, inner.figure(name)]))
  }
}

function wrong(where: string, wanted: string, value: unknown): QuorateError {
  const shown =
    value === undefined ? 'is missing' : `is ${(JSON.stringify(value) ?? '').slice(0, 60)}`
  return new QuorateError('QUORATE_USAGE', `${where} must be ${wanted}, but ${shown}`)
}

function text(value: unknown, where: string): string {
  if (typeof value !== 'string') throw wrong(where, 'a string', value)
  return value
}

function line(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw wrong(where, 'the number of a line', value)
  }
  return value
}

function faultSpan(value: unknown, where: string): FaultSpan {
  const reader = new Reader(value, where)
  return {
    fault: reader.number('fault'),
    nemesis: reader.text('nemesis'),
    detail: reader.text('detail'),
    begin: reader.number('begin'),
    ...(reader.has('heal') ? { heal: reader.number('heal') } : {}),
    ...(reader.has('seen') ? { seen: reader.text('seen') } : {}),
    ...(reader.has('firstSuccessMs') ? { firstSuccessMs: reader.number('firstSuccessMs') } : {}),
  }
}

function checkResult(value: unknown, where: string): CheckResult {
  const reader = new Reader(value, where)
  return {
    name: reader.text('name'),
    verdict: reader.choice('verdict', ['ok', 'violation', 'unknown']),
    text: reader.text('text'),
    ...(reader.has('figures') ? { figures: reader.figures('figures') } : {}),
    ...(reader.has('events') ? { events: reader.list('events', line) } : {}),
    ...(reader.has('key') ? { key: reader.text('key') } : {}),
    ...(reader.has('explanation') ? { explanation: explanation(reader.inner('explanation')) } : {}),
  }
}

function explanation(reader: Reader): OrderExplanation {
  return {
    ...(reader.has('line') ? { line: reader.line('line') } : {}),
    orders: reader.list('orders', (value, where) => {
      const order = new Reader(value, where)
      return {
        lines: order.list('lines', line),
        states: order.list('states', text),
        stuck: order.list('stuck', (entry, place) => {
          const stuck = new Reader(entry, place)
          return { line: stuck.line('line'), why: stuck.text('why') }
        }),
      }
    }),
  }
}

function availability(reader: Reader): Availability {
  const rto = reader.inner('rto')
  return {
    calls: reader.number('calls'),
    ok: reader.number('ok'),
    failed: reader.number('failed'),
    unknown: reader.number('unknown'),
    calmSuccessRate: reader.figure('calmSuccessRate'),
    rto: { p50: rto.figure('p50'), p99: rto.figure('p99'), max: rto.figure('max') },
    acknowledged: reader.number('acknowledged'),
    lost: reader.number('lost'),
  }
}

function leftOut(value: unknown, where: string): RunRecord['leftOut'][number] {
  const reader = new Reader(value, where)
  return { nemesis: reader.text('nemesis'), reason: reader.text('reason') }
}

/**
 * A record out of what JSON.parse made of it. Throws QUORATE_USAGE that names the field which is
 * missing or wrong. Fields that this version doesn't know are passed over.
 */
export function readRecord(value: unknown): RunRecord {
  const reader = new Reader(value, '')
  const schema = reader.number('schema')
  if (schema !== 1) {
    throw new QuorateError(
      'QUORATE_USAGE',
      `schema is ${String(schema)}; this version reads schema 1. Use the version that wrote it.`,
    )
  }
  return {
    schema,
    version: reader.text('version'),
    node: reader.text('node'),
    startedAt: reader.text('startedAt'),
    seed: reader.number('seed'),
    nodes: reader.number('nodes'),
    clients: reader.number('clients'),
    rate: reader.number('rate'),
    seconds: reader.number('seconds'),
    workload: reader.text('workload'),
    nemeses: reader.list('nemeses', text),
    leftOut: reader.list('leftOut', leftOut),
    backend: reader.text('backend'),
    faults: reader.list('faults', faultSpan),
    availability: availability(reader.inner('availability')),
    ...(reader.has('snapshots') ? { snapshots: reader.number('snapshots') } : {}),
    checks: reader.list('checks', checkResult),
    verdict: reader.choice('verdict', ['ok', 'violation', 'unknown', 'failed']),
    reasons: reader.list('reasons', text),
    command: reader.text('command'),
    interrupted: reader.boolean('interrupted'),
  }
}
