/**
 * A register per key, at first `null`: `read`, `write v`, `cas [from, to]`.
 *
 * A `fail` of a `cas` is an answer: the state was not `from`. A `cas` that nobody was answered is
 * legal everywhere, and takes effect only where the state is `from`. Other calls that failed had no
 * effect and say nothing, and so do reads that nobody was answered.
 */
import type { Operation } from '../../history/index.ts'
import { canonical } from '../canonical.ts'
import { illegal, legal, ownKey, type Model, type Step } from '../model.ts'
import { withoutUnobserved } from './unobserved.ts'

/** The value in canonical JSON. */
type State = string

/** The model; see the head of the file. */
export const casRegister: Model<State> = {
  name: 'cas-register',
  initial: 'null',
  step,
  stateKey: (state) => state,
  describe: (state) => state,
  counts: ({ f, outcome }) => outcome === 'ok' || (outcome === 'fail' ? f === 'cas' : f !== 'read'),
  reads: ({ f, outcome }) => f === 'read' || outcome === 'fail',
  keys: ownKey,
  refuse,
  prune(operations) {
    // One that failed saw a state that the write may have hidden.
    if (operations.some(({ outcome }) => outcome === 'fail')) return operations
    return withoutUnobserved(operations, {
      effectOf: (open) => canonical(open.f === 'cas' ? fromTo(open.input)?.[1] : open.input),
      observedBy: (operation) => {
        if (operation.f === 'read') return [canonical(operation.output)]
        return operation.f === 'cas' ? [canonical(fromTo(operation.input)?.[0])] : []
      },
    })
  },
}

function step(state: State, { f, input, output, outcome }: Operation): Step<State> {
  if (f === 'read') return canonical(output) === state ? legal(state) : illegal
  if (f === 'write') return legal(canonical(input))
  const [from, to] = fromTo(input) ?? []
  const matches = canonical(from) === state
  if (outcome === 'fail') return matches ? illegal : legal(state)
  if (matches) return legal(canonical(to))
  return outcome === 'ok' ? illegal : legal(state)
}

/** The two values of a cas; undefined: it has not two. */
export function fromTo(input: unknown): readonly [unknown, unknown] | undefined {
  if (!Array.isArray(input) || input.length !== 2) return undefined
  const [from, to]: readonly unknown[] = input
  return [from, to]
}

function refuse({ f, input }: Operation): string | undefined {
  if (f === 'read' || f === 'write') return undefined
  if (f !== 'cas') return `cas-register has read, write and cas, not ${f}`
  return fromTo(input) === undefined ? 'the value of a cas is [from, to]' : undefined
}
