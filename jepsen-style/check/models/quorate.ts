/**
 * One key of the store: a row with a value and the revision that wrote it, or none.
 *
 * - `read` → the value, or null without a row; with `revision` where the row's was answered.
 * - `write v`, `delete` (its value: whether a row existed) → `revision`, that of the effect. A
 *   delete that found no row has no effect: its `revision` is the store's at that moment.
 * - `cas [from, to]`, by value (null: no row), and `cas {"ifRevision": n, "to": v}`, by revision
 *   (0: no row) → `revision` of the effect. `fail`, without `error` or with `QUORATE_CONFLICT`, says
 *   that the condition did not hold; its `revision` is then the row's (0: none).
 *
 * Revisions count the effects of the whole store, so that along the order of one key's effects
 * they rise. The revision of an effect that nobody was answered is not known until someone reads
 * it: the state holds what is known so far.
 */
import { unreachable } from '../unreachable.ts'
import type { Operation } from '../../history/index.ts'
import { illegal, legal, ownKey, type Model, type Step } from '../model.ts'
import { absent, isConflict, quorateCall, type QuorateCall } from './quorate-operation.ts'
import { withoutUnobserved } from './unobserved.ts'

interface State {
  /** In canonical JSON. */
  readonly value: string
  /** Of the row; 0 without one; undefined: not known, and at least `floor`. */
  readonly row: number | undefined
  /** Where `row` is not known: revisions from `floor` on that it cannot be; rising. */
  readonly not?: readonly number[]
  /** The next effect has a greater revision. Invariant: row ≤ floor where it is known. */
  readonly floor: number
}

/** The model; see the head of the file. */
export const quorate: Model<State> = {
  name: 'quorate',
  initial: { value: absent, row: 0, floor: 0 },
  step,
  stateKey: ({ value, row, floor, not = [] }) => `${row ?? '?'} ${floor} ${not.join(',')} ${value}`,
  describe: ({ value, row, floor }) =>
    value === absent ? 'no row' : `${value} at revision ${row ?? `${floor} or later`}`,
  counts: (operation) =>
    operation.outcome === 'ok' ||
    isConflict(operation) ||
    (operation.outcome === 'info' && operation.f !== 'read'),
  reads: ({ f, outcome, output }) =>
    f === 'read' || outcome === 'fail' || (f === 'delete' && outcome === 'ok' && output === false),
  // Only of what surely had an effect: a delete without one tells another's revision.
  rank: ({ f, outcome, output, revision }) =>
    outcome === 'ok' && (f === 'write' || f === 'cas' || (f === 'delete' && output === true))
      ? revision
      : undefined,
  keys: ownKey,
  refuse: (operation) => {
    const call = quorateCall(operation)
    return typeof call === 'string' ? call : undefined
  },
  prune,
}

function step(state: State, operation: Operation): Step<State> {
  const call = quorateCall(operation)
  if (typeof call === 'string') return illegal
  const { outcome, revision } = operation
  switch (call.type) {
    case 'read':
      return call.value === state.value ? seeRow(state, revision) : illegal
    case 'write':
      return effect(state, call.value, operation)
    case 'delete':
      return remove(state, call.existed, operation)
    case 'casValue': {
      const holds = call.from === state.value
      if (outcome === 'fail') return holds ? illegal : seeRow(state, revision)
      if (holds) return effect(state, call.to, operation)
      return outcome === 'ok' ? illegal : legal(state)
    }
    case 'casRevision':
      return byRevision(state, call, operation)
    default:
      return unreachable(call)
  }
}

/** Something told the revision of the row (0: none; undefined: it did not). */
function seeRow(state: State, row: number | undefined): Step<State> {
  // A read of nothing has no row to tell a revision of.
  if (row === undefined || state.value === absent) {
    return row === undefined || row === 0 ? legal(state) : illegal
  }
  if (state.row !== undefined) return row === state.row ? legal(state) : illegal
  const possible = row >= state.floor && state.not?.includes(row) !== true
  return possible ? legal({ value: state.value, row, floor: row }) : illegal
}

function effect(state: State, value: string, { outcome, revision }: Operation): Step<State> {
  if (outcome === 'info' || revision === undefined) {
    const floor = state.floor + 1
    return legal({ value, row: value === absent ? 0 : undefined, floor })
  }
  if (revision <= state.floor) return illegal
  return legal({ value, row: value === absent ? 0 : revision, floor: revision })
}

function remove(state: State, existed: boolean | undefined, operation: Operation): Step<State> {
  const exists = state.value !== absent
  if (existed !== undefined && existed !== exists) return illegal
  if (exists) return effect(state, absent, operation)
  const { outcome, revision } = operation
  if (outcome === 'info' || revision === undefined) return legal(state)
  // The store's revision at this moment: what comes is later.
  return revision < state.floor ? illegal : legal({ ...state, floor: revision })
}

type ByRevision = Extract<QuorateCall, { readonly type: 'casRevision' }>

function byRevision(state: State, call: ByRevision, operation: Operation): Step<State> {
  const { outcome, revision } = operation
  if (outcome === 'fail') {
    if (revision === undefined) return seeOther(state, call.ifRevision)
    return revision === call.ifRevision ? illegal : seeRow(state, revision)
  }
  const seen = seeCondition(state, call.ifRevision)
  if (!seen.legal) return outcome === 'ok' ? illegal : legal(state)
  return effect(seen.next, call.to, operation)
}

/** The row has another revision than this one (0: there is a row): nobody said which. */
function seeOther(state: State, revision: number): Step<State> {
  const { row, floor, not = [] } = state
  if (row === revision) return illegal
  // Kept for the answer that will tell the revision of the row.
  if (row !== undefined || revision < floor || not.includes(revision)) return legal(state)
  return legal({ ...state, not: [...not, revision].sort((a, b) => a - b) })
}

/** The condition held: so the row has, or turns out to have, this revision (0: there is none). */
function seeCondition(state: State, ifRevision: number): Step<State> {
  if ((ifRevision === 0) !== (state.value === absent)) return illegal
  return seeRow(state, ifRevision)
}

/**
 * Where the effect of an open call can have hidden a state from an answer, nothing is left out
 * (`unobserved.ts`): such answers are conflicts and conditions that do not name the revision of a
 * row whose value someone was told, and deletes that tell whether there was a row.
 */
function prune(operations: readonly Operation[]): readonly Operation[] {
  if (operations.every(({ outcome }) => outcome !== 'info')) return operations
  const known = new Set<number | undefined>([0])
  for (const { f, outcome, revision } of operations) {
    if (outcome === 'ok' && f !== 'delete') known.add(revision)
  }
  const hides = operations.some((operation) => {
    const call = quorateCall(operation)
    if (typeof call === 'string') return true
    if (operation.outcome === 'fail') {
      return operation.revision === undefined || !known.has(operation.revision)
    }
    if (call.type === 'delete') return operation.outcome === 'ok' && call.existed === true
    return call.type === 'casRevision' && !known.has(call.ifRevision)
  })
  return hides ? operations : withoutUnobserved(operations, { effectOf, observedBy })
}

function effectOf(open: Operation): string | undefined {
  const call = quorateCall(open)
  if (typeof call === 'string' || call.type === 'read' || call.type === 'delete') return undefined
  return call.type === 'write' ? call.value : call.to
}

function observedBy(operation: Operation): readonly string[] {
  const call = quorateCall(operation)
  if (typeof call === 'string') return []
  if (call.type === 'read') return [call.value]
  return call.type === 'casValue' ? [call.from] : []
}
