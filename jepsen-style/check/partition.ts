/**
 * Histories are judged group by group of keys. Linearizability is local (Herlihy and Wing 1990,
 * §3.1): a history is linearizable if and only if it is so for each object, and the search, which
 * grows with the number of calls under way, grows with those on one key alone (Horn and Kröning
 * 2015, P-compositionality). An operation on several keys makes one object of them.
 */
import type { Operation } from '../history/index.ts'
import type { Model } from './model.ts'

/** Operations that are judged together, in the order of their calls. */
export interface Partition {
  /** All its keys, in the order in which they were first met. */
  readonly keys: readonly string[]
  readonly operations: readonly Operation[]
}

/**
 * Splits a history, in the order in which the groups were first met. Operations that do not count,
 * or cannot have been seen by anyone, are left out.
 */
export function partition(model: Model<unknown>, history: readonly Operation[]): Partition[] {
  const sets = new DisjointSets()
  const counted = history.filter((operation) => model.counts(operation))
  const members = counted.map((operation) => sets.join(model.keys(operation)))
  const groups = new Map<number, { keys: string[]; operations: Operation[] }>()
  const groupOf = (root: number): { keys: string[]; operations: Operation[] } => {
    const found = groups.get(root) ?? { keys: [], operations: [] }
    groups.set(root, found)
    return found
  }
  for (const [at, operation] of counted.entries()) {
    groupOf(sets.find(members[at] ?? 0)).operations.push(operation)
  }
  for (const [key, member] of sets.members) groupOf(sets.find(member)).keys.push(key)
  return Array.from(groups.values(), ({ keys, operations }) => ({
    keys,
    operations: model.prune?.(operations) ?? operations,
  }))
}

/** Union-find over keys, with path halving. */
class DisjointSets {
  readonly members = new Map<string, number>()
  readonly #parents: number[] = []

  /** Makes one set of all these keys, and names a member of it. */
  join(keys: readonly string[]): number {
    const [first, ...others] = keys
    if (first === undefined) throw new Error('a model must name a key of every operation')
    const member = this.#member(first)
    for (const key of others) this.#parents[this.find(this.#member(key))] = this.find(member)
    return member
  }

  /** The member that stands for the set. */
  find(member: number): number {
    let at = member
    for (;;) {
      const parent = this.#parents[at] ?? at
      if (parent === at) return at
      const grandparent = this.#parents[parent] ?? parent
      this.#parents[at] = grandparent
      at = grandparent
    }
  }

  #member(key: string): number {
    const known = this.members.get(key)
    if (known !== undefined) return known
    const member = this.#parents.length
    this.#parents.push(member)
    this.members.set(key, member)
    return member
  }
}
