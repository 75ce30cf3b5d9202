/**
 * A second check of the store's histories, without a search, and without a line in common with it:
 * the answers carry revisions, and revisions say in which order the writes of the whole store took
 * effect. So the order is known; what is left is to hold it against the answers and against time,
 * in O(n log n) (histories with such a witness are the easy case of Gibbons and Korach 1997).
 *
 * 1. The effects, by revision: those answered, and those that nobody was answered but whose
 *    revision somebody read. No two have the same.
 * 2. Each condition that held, held after the effect before it on its key (`timelines.ts`).
 * 3. A sweep through time. Each operation gets a place on the axis of revisions: an effect its own,
 *    a reading the earliest at which it fits (all later operations gain by that). What begins after
 *    another has ended may not stand before it.
 *
 * Open calls whose revision nobody read may have had an effect that is not in this order. Where only
 * such a one could explain an answer, it is believed, and the check says that it is not complete.
 */
import type { Operation } from '../history/index.ts'
import { absent, isConflict, quorateCall, type QuorateCall } from './models/quorate-operation.ts'
import { Timelines, type Effect, type Wanted } from './timelines.ts'
import { unreachable } from './unreachable.ts'

/** What it found. */
export type RevisionCheck =
  /** `complete`: nothing had to be believed, so that the order of revisions is a proof. */
  | { readonly verdict: 'ok'; readonly complete: boolean }
  | { readonly verdict: 'violation'; readonly text: string; readonly lines: readonly number[] }
  /** Answers lack revisions: it can't be told. */
  | { readonly verdict: 'unknown'; readonly text: string }

/** Checks operations of the `quorate` model, of one key or of many. */
export function checkByRevision(operations: readonly Operation[]): RevisionCheck {
  const calls: Call[] = []
  for (const operation of operations) {
    const call = quorateCall(operation)
    if (typeof call === 'string') return { verdict: 'unknown', text: call }
    if (operation.outcome !== 'fail' || isConflict(operation)) calls.push({ operation, call })
  }
  const vague = calls.find(isVague)
  if (vague !== undefined) {
    const line = vague.operation.invokeLine
    return { verdict: 'unknown', text: `line ${line}: the answer tells no revision` }
  }
  try {
    const sweep = new Sweep(calls)
    sweep.run()
    return { verdict: 'ok', complete: !sweep.believed }
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    const lines = error.operations.flatMap(linesOf).sort((a, b) => a - b)
    return { verdict: 'violation', text: error.message, lines: [...new Set(lines)] }
  }
}

interface Call {
  readonly operation: Operation
  readonly call: QuorateCall
}

/** An effect without a revision, or a delete of which it isn't known whether it had one. */
function isVague({ operation, call }: Call): boolean {
  if (operation.outcome !== 'ok' || call.type === 'read') return false
  if (call.type === 'delete' && call.existed !== true) return call.existed === undefined
  return operation.revision === undefined
}

class Violation extends Error {
  readonly operations: readonly Operation[]

  constructor(message: string, ...operations: readonly Operation[]) {
    super(message)
    this.operations = operations
  }
}

function linesOf({ invokeLine, completionLine }: Operation): number[] {
  return completionLine === undefined ? [invokeLine] : [invokeLine, completionLine]
}

const keyOf = ({ key }: Operation): string => key ?? ''

/** What an effect leaves behind; undefined: the call has none of its own. */
function valueLeft(call: QuorateCall): string | undefined {
  switch (call.type) {
    case 'write':
      return call.value
    case 'delete':
      return call.existed === false ? undefined : absent
    case 'casValue':
    case 'casRevision':
      return call.to
    case 'read':
      return undefined
    default:
      return unreachable(call)
  }
}

/** One check; used once. */
class Sweep {
  /** Whether an answer was believed because of an open call. */
  believed = false
  readonly #calls: readonly Call[]
  readonly #timelines: Timelines
  /** Revisions of effects that one of several open calls had. */
  readonly #unsure = new Set<number>()
  /** Effects by the call that had them. */
  readonly #effects = new Map<Operation, Effect>()
  /** The greatest place of what has ended, and whose it is. */
  #floor = 0
  #floorOf: Operation | undefined
  /** Of a call under way: the floor when it began. */
  readonly #floors = new Map<Operation, { floor: number; by: Operation | undefined }>()

  constructor(calls: readonly Call[]) {
    this.#calls = calls
    const effects = this.#answered()
    const left = this.#resolve(effects)
    this.#timelines = new Timelines([...effects.values()], left)
    for (const effect of effects.values()) {
      if (!this.#unsure.has(effect.revision)) this.#effects.set(effect.operation, effect)
    }
  }

  run(): void {
    for (const { operation, call } of this.#calls) this.#checkCondition(operation, call)
    const moments = this.#calls
      .flatMap((call) => [
        { at: call.operation.begin, call, begins: true },
        { at: call.operation.end, call, begins: false },
      ])
      .filter(({ at }) => at !== Number.POSITIVE_INFINITY)
      .sort((a, b) => a.at - b.at)
    for (const { call, begins } of moments) {
      if (begins) this.#begin(call)
      else this.#end(call)
    }
  }

  /** Effects that were answered, by revision. */
  #answered(): Map<number, Effect> {
    const effects = new Map<number, Effect>()
    for (const { operation, call } of this.#calls) {
      const value = valueLeft(call)
      const { revision } = operation
      if (operation.outcome !== 'ok' || value === undefined || revision === undefined) continue
      const other = effects.get(revision)
      if (other !== undefined) {
        const what = `two effects were answered with revision ${revision}`
        throw new Violation(what, other.operation, operation)
      }
      effects.set(revision, { revision, key: keyOf(operation), value, operation })
    }
    return effects
  }

  /**
   * Open calls whose revision somebody read. Of writes that leave the same value on a key the earlier
   * one gets the lower revision: any other distribution can be exchanged into this one. Where there
   * are conditions, that is not so: then it stays open whose effect it was, and nothing is asked of
   * it. Gives back the open calls that are left.
   */
  #resolve(effects: Map<number, Effect>): Effect[] {
    const open = new Map<string, Operation[]>()
    for (const { operation, call } of this.#calls) {
      const value = valueLeft(call)
      if (operation.outcome !== 'info' || value === undefined) continue
      const at = `${value}\n${keyOf(operation)}`
      const alike = open.get(at)
      if (alike === undefined) open.set(at, [operation])
      else alike.push(operation)
    }
    // Calls stand in the order of their lines, which need not be that of time.
    for (const alike of open.values()) alike.sort((a, b) => a.begin - b.begin)
    const read = this.#calls
      .filter(({ operation, call }) => call.type === 'read' && operation.outcome === 'ok')
      .sort((a, b) => (a.operation.revision ?? 0) - (b.operation.revision ?? 0))
    for (const { operation, call } of read) {
      const { revision } = operation
      if (revision === undefined || revision === 0 || effects.has(revision)) continue
      const value = call.type === 'read' ? call.value : absent
      const writers = open.get(`${value}\n${keyOf(operation)}`) ?? []
      const sure = writers.length === 1 || writers.every(({ f }) => f === 'write')
      const writer = sure ? writers.shift() : writers[0]
      if (writer === undefined) {
        throw new Violation(`${value} at revision ${revision} was read, and not written`, operation)
      }
      effects.set(revision, { revision, key: keyOf(operation), value, operation: writer })
      if (!sure) this.#unsure.add(revision)
    }
    if (this.#unsure.size > 0) this.believed = true
    return [...open].flatMap(([at, operations]) =>
      operations.map((operation) => {
        const value = at.slice(0, at.indexOf('\n'))
        return { revision: Number.NaN, key: keyOf(operation), value, operation }
      }),
    )
  }

  /** The condition of an effect held where the effect stands. */
  #checkCondition(operation: Operation, call: QuorateCall): void {
    const effect = this.#effects.get(operation)
    if (effect === undefined) return
    const wanted = conditionOf(call)
    if (wanted === undefined) return
    const before = this.#timelines.before(effect)
    if (wanted.fits(before)) return
    this.#believe(operation, wanted, effect.revision, `found ${shown(before)}`)
  }

  #begin({ operation }: Call): void {
    this.#floors.set(operation, { floor: this.#floor, by: this.#floorOf })
    const effect = this.#effects.get(operation)
    if (effect === undefined || effect.revision > this.#floor) return
    const what = `took effect at revision ${effect.revision}, but revision ${this.#floor} had been`
    throw new Violation(
      `${nameOf(operation)} ${what} seen before it began`,
      operation,
      ...(this.#floorOf === undefined ? [] : [this.#floorOf]),
    )
  }

  #end({ operation, call }: Call): void {
    const { floor, by } = this.#floors.get(operation) ?? { floor: 0, by: undefined }
    const place = this.#placeOf(operation, call, floor, by)
    if (place <= this.#floor) return
    this.#floor = place
    this.#floorOf = operation
  }

  /** Where it stands: at its effect, or as early as it fits. */
  #placeOf(
    operation: Operation,
    call: QuorateCall,
    floor: number,
    by: Operation | undefined,
  ): number {
    const effect = this.#effects.get(operation)
    if (effect !== undefined) return effect.revision
    const wanted = readingOf(operation, call)
    if (wanted === undefined) return floor
    const told = call.type === 'delete' ? operation.revision : undefined
    if (told !== undefined && told < floor) {
      const what = `was told that the store was at revision ${told}, but ${floor} had been seen`
      throw new Violation(
        `${nameOf(operation)} ${what}`,
        operation,
        ...(by === undefined ? [] : [by]),
      )
    }
    const place = this.#timelines.earliest(keyOf(operation), told ?? floor, wanted)
    if (place !== undefined && place === (told ?? floor)) return place
    // An open call may have made it so before anything that is known did.
    const mayBe = this.#timelines.mayBe(keyOf(operation), wanted, undefined)
    if (place !== undefined && told === undefined && !mayBe) return place
    const since = by === undefined ? '' : `, which ${nameOf(by)} had seen`
    this.#believe(operation, wanted, undefined, `not so from revision ${floor} on${since}`, by)
    return told ?? floor
  }

  /** What it was told can only be so by an open call, if there is one that would do. */
  #believe(
    operation: Operation,
    wanted: Wanted,
    before: number | undefined,
    what: string,
    by?: Operation,
  ): void {
    if (this.#timelines.mayBe(keyOf(operation), wanted, before)) {
      this.believed = true
      return
    }
    const text = `${nameOf(operation)} was told of ${wanted.text}: ${what}`
    throw new Violation(text, operation, ...(by === undefined ? [] : [by]))
  }
}

function nameOf({ f, process, invokeLine }: Operation): string {
  return `${f} of process ${process} (line ${invokeLine})`
}

function shown({ value, revision }: { value: string; revision: number }): string {
  return value === absent ? 'no row' : `${value} at revision ${revision}`
}

/** What an effect found before it; undefined: it did not say. */
function conditionOf(call: QuorateCall): Wanted | undefined {
  switch (call.type) {
    case 'casRevision':
      return rowOf(call.ifRevision)
    case 'casValue':
      return valueOf(call.from)
    case 'delete':
      return { text: 'a row', fits: ({ value }) => value !== absent }
    case 'read':
    case 'write':
      return undefined
    default:
      return unreachable(call)
  }
}

/** What a call without an effect saw; undefined: nothing. */
function readingOf({ outcome, revision }: Operation, call: QuorateCall): Wanted | undefined {
  if (call.type === 'read') {
    if (call.value === absent) return revision === undefined || revision === 0 ? rowOf(0) : never
    if (revision === undefined) return valueOf(call.value)
    const { value } = call
    return { ...rowOf(revision), fits: (row) => row.revision === revision && row.value === value }
  }
  if (call.type === 'delete') return rowOf(0)
  if (outcome !== 'fail') return undefined
  const told = revision === undefined ? undefined : rowOf(revision)
  const text = told?.text ?? 'another row'
  if (call.type === 'casRevision') {
    const { ifRevision } = call
    return {
      text,
      row: told?.row,
      fits: (row) => row.revision !== ifRevision && (told?.fits(row) ?? true),
    }
  }
  if (call.type !== 'casValue') return undefined
  const { from } = call
  return { text, row: told?.row, fits: (row) => row.value !== from && (told?.fits(row) ?? true) }
}

/** A revision for nothing cannot be. */
const never: Wanted = { text: 'no row that has a revision', fits: () => false }

/** The row of this revision; 0: none. */
function rowOf(revision: number): Wanted {
  const text = revision === 0 ? 'no row' : `the row of revision ${revision}`
  return { text, row: revision, fits: (row) => row.revision === revision }
}

function valueOf(wanted: string): Wanted {
  return { text: wanted, fits: ({ value }) => value === wanted }
}
