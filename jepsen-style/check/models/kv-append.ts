/**
 * A map of texts, in which a missing key reads as the empty one: `get k`, `put k v`, `append k v`.
 * What failed had no effect and says nothing.
 */
import type { Operation } from '../../history/index.ts'
import { illegal, legal, ownKey, type Model, type Step } from '../model.ts'

type State = string

/** The model; see the head of the file. */
export const kvAppend: Model<State> = {
  name: 'kv-append',
  initial: '',
  step,
  stateKey: (state) => state,
  describe: (state) => JSON.stringify(state),
  counts: ({ f, outcome }) => outcome === 'ok' || (outcome === 'info' && f !== 'get'),
  reads: ({ f }) => f === 'get',
  keys: ownKey,
  refuse,
  narrow,
  prune(operations) {
    // From a `put` or `append` on, until the next `put`, every answer holds its text. So one whose
    // text stands in no answer had no answer after it that could tell; see `unobserved.ts`.
    const seen = operations.filter(({ f }) => f === 'get').map(({ output }) => textOf(output))
    return operations.filter(({ outcome, input }) => {
      const text = textOf(input)
      return outcome === 'ok' || text === '' || seen.some((answer) => answer.includes(text))
    })
  },
}

function step(state: State, { f, input, output }: Operation): Step<State> {
  switch (f) {
    case 'get':
      return textOf(output) === state ? legal(state) : illegal
    case 'put':
      return legal(textOf(input))
    default:
      return legal(state + textOf(input))
  }
}

/**
 * Between two reads nothing says in which order concurrent appends came, and a search that tries
 * them all finds out only at the next read. But where there are only appends, a text never shrinks:
 * every state must be a beginning of the longest text that anyone read, or go on from it. In any
 * other state, that read could come neither later nor before.
 */
function narrow(operations: readonly Operation[]): Model<State> {
  if (operations.some(({ f }) => f === 'put')) return kvAppend
  let longest = ''
  for (const { f, outcome, output } of operations) {
    if (f === 'get' && outcome === 'ok' && textOf(output).length > longest.length) {
      longest = textOf(output)
    }
  }
  return {
    ...kvAppend,
    step: (state, operation) => {
      const found = step(state, operation)
      if (!found.legal || operation.f !== 'append') return found
      const text = found.next
      return longest.startsWith(text) || text.startsWith(longest) ? found : illegal
    },
  }
}

/** A missing key reads as the empty text, and some recorders write null for it. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function refuse({ f, input, output, outcome }: Operation): string | undefined {
  if (f === 'put' || f === 'append') {
    return typeof input === 'string' ? undefined : `the value of ${f} must be a text`
  }
  if (f !== 'get') return `kv-append has get, put and append, not ${f}`
  const wrong = outcome === 'ok' && typeof output !== 'string' && output !== null
  return wrong ? 'the value of a get must be a text' : undefined
}
