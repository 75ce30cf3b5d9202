/**
 * The oracle: tries every order there is, and knows nothing of what the checker knows. Its rules of
 * the objects are written a second time, from what the README of histories and docs say, so that a
 * misunderstanding in a model cannot hide in its own test.
 */
import type { Operation } from '../../../jepsen-style/history/index.ts'

/** Judges a whole order. */
type Judge = (order: readonly Operation[]) => boolean

/**
 * Whether some order of all calls that ended, and of any of the open ones, respects time and is
 * right. Exponential: for a handful of operations.
 */
export function someOrder(operations: readonly Operation[], isRight: Judge): boolean {
  const order: Operation[] = []
  const left = new Set(operations)
  const extend = (): boolean => {
    const must = [...left].filter(({ outcome }) => outcome !== 'info')
    if (must.length === 0 && isRight(order)) return true
    // A copy: what is put back would be met again.
    for (const next of Array.from(left)) {
      if (must.some((other) => other !== next && other.end < next.begin)) continue
      left.delete(next)
      order.push(next)
      // Rules hold of every beginning of a right order.
      const found = isRight(order) && extend()
      order.pop()
      left.add(next)
      if (found) return true
    }
    return false
  }
  return extend()
}

/** What can be learned from: as the README of the histories says. */
function speaks({ f, outcome }: Operation): boolean {
  if (f === 'read' || f === 'get') return outcome === 'ok'
  return outcome !== 'fail' || f === 'cas'
}

/** Registers by key: read, write, cas [from, to]. */
export function registerHasOrder(operations: readonly Operation[]): boolean {
  return someOrder(operations.filter(speaks), (order) => {
    const values = new Map<string, unknown>()
    for (const { f, key = '', input, output, outcome } of order) {
      const value = values.get(key) ?? null
      if (f === 'read' && output !== value) return false
      if (f === 'write') values.set(key, input)
      if (f === 'cas') {
        const [from, to] = input as [unknown, unknown]
        if ((from === value) === (outcome === 'fail')) {
          if (outcome !== 'info') return false
        } else if (outcome === 'ok' && from !== value) {
          return false
        }
        if (from === value) values.set(key, to)
      }
    }
    return true
  })
}

/** Texts by key: get, put, append. */
export function textsHaveOrder(operations: readonly Operation[]): boolean {
  return someOrder(operations.filter(speaks), (order) => {
    const texts = new Map<string, string>()
    for (const { f, key = '', input, output } of order) {
      const text = texts.get(key) ?? ''
      if (f === 'get' && output !== text) return false
      if (f === 'put') texts.set(key, String(input))
      if (f === 'append') texts.set(key, text + String(input))
    }
    return true
  })
}

/**
 * One key of the store. Revisions are not carried along, but solved for: every effect in the order
 * gets one, known or not, and they must rise.
 */
export function storeKeyHasOrder(operations: readonly Operation[]): boolean {
  return someOrder(operations.filter(speaks), storeOrderIsRight)
}

interface Told {
  /** How many effects stood before; and the revision of the last one, or the store's. */
  readonly effects: number
  readonly revision: number
  readonly exact: boolean
}

function storeOrderIsRight(order: readonly Operation[]): boolean {
  let value: unknown = null
  let present = false
  // Revisions of the effects so far, where they were told; the row's is that of the last.
  const effects: (number | undefined)[] = []
  const told: Told[] = []
  const pin = (revision: number | undefined): boolean => {
    if (revision === undefined) return true
    if (!present) return revision === 0
    const last = effects.length - 1
    if (effects[last] !== undefined) return effects[last] === revision
    effects[last] = revision
    return revision > 0
  }
  const write = (to: unknown, operation: Operation): void => {
    effects.push(operation.outcome === 'ok' ? operation.revision : undefined)
    value = to
    present = to !== null
  }
  for (const operation of order) {
    const { f, input, output, outcome, revision } = operation
    if (f === 'read' && (output !== value || !pin(revision))) return false
    if (f === 'write') write(input, operation)
    if (f === 'delete') {
      if (typeof output === 'boolean' && output !== present) return false
      if (present) write(null, operation)
      else if (outcome === 'ok' && revision !== undefined) {
        told.push({ effects: effects.length, revision, exact: false })
      }
    }
    if (f === 'cas') {
      const { holds, to } = condition(input, { value, present, row: effects.at(-1) })
      if (outcome === 'fail') {
        if (holds === true || !pin(revision)) return false
        if (!Array.isArray(input) && revision === (input as { ifRevision: number }).ifRevision) {
          return false
        }
      } else if (holds === false) {
        if (outcome === 'ok') return false
      } else {
        if (!Array.isArray(input) && !pin((input as { ifRevision: number }).ifRevision))
          return false
        write(to, operation)
      }
    }
  }
  return rises(effects, told)
}

/** `undefined`: it holds if the row's revision, which nobody knows, is this one. */
function condition(
  input: unknown,
  row: { value: unknown; present: boolean; row: number | undefined },
): { holds: boolean | undefined; to: unknown } {
  if (Array.isArray(input)) return { holds: input[0] === row.value, to: input[1] }
  const { ifRevision, to } = input as { ifRevision: number; to: unknown }
  if (ifRevision === 0 || !row.present) return { holds: (ifRevision === 0) === !row.present, to }
  return { holds: row.row === undefined ? undefined : row.row === ifRevision, to }
}

/** Whether whole numbers that rise can be found for those that are not known. */
function rises(effects: readonly (number | undefined)[], told: readonly Told[]): boolean {
  let least = 0
  for (let count = 0; count <= effects.length; count++) {
    if (count > 0) {
      const revision = effects[count - 1]
      if (revision !== undefined && revision <= least) return false
      least = revision ?? least + 1
    }
    for (const one of told) {
      if (one.effects !== count) continue
      if (one.revision < least) return false
      least = one.revision
    }
  }
  return true
}
