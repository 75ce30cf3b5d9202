/**
 * Loaded into a node before all else (`node --import`), this takes the state machine out: a committed
 * entry is answered as applied, and nothing is kept, looked up, digested or written to LevelDB. What
 * is left is the quorum core: client frames, Raft, write-ahead log, peer links, replies. How much of
 * its speed the whole product reaches is a figure of the bench. Never more than that: such a node
 * forgets everything at its end.
 *
 * It is done by replacing methods of the built class, since the product has no switch for it and must
 * not have one. The types below are those of the class, so that a change of it is noticed here.
 */
import type * as Command from '../../src/command/index.ts'
import type * as State from '../../src/state/index.ts'

type StateMachine = State.StateMachine

/** Where a machine that keeps nothing stands. */
interface Standing {
  index: number
  term: number
  revision: number
}

const standings = new WeakMap<StateMachine, Standing>()

function standingOf(machine: StateMachine): Standing {
  const known = standings.get(machine)
  if (known !== undefined) return known
  const standing: Standing = { index: 0, term: 0, revision: 0 }
  standings.set(machine, standing)
  return standing
}

/** The built package, beside its own entry: the very modules that the command line will load. */
async function built<Module>(path: string): Promise<Module> {
  return (await import(new URL(path, import.meta.resolve('quorate')).href)) as Module
}

const state = await built<typeof State>('state/index.js')
const { decodeEntry } = await built<typeof Command>('command/index.js')

const apply: StateMachine['apply'] = function apply(this: StateMachine, entries) {
  const standing = standingOf(this)
  return entries.map(({ index, term, kind, data }) => {
    standing.index = index
    standing.term = term
    const commands = kind === 'commands' ? decodeEntry(data).commands.length : 0
    const answers = Array.from({ length: commands }, () => {
      standing.revision += 1
      return { status: 'applied', revision: standing.revision } as const
    })
    return { index, term, answers }
  })
}

const figures = {
  appliedIndex: (machine) => standingOf(machine).index,
  appliedTerm: (machine) => standingOf(machine).term,
  revision: (machine) => standingOf(machine).revision,
  // The log may be compacted as if all had been written.
  durableIndex: (machine) => standingOf(machine).index,
} satisfies Partial<Record<keyof StateMachine, (machine: StateMachine) => number>>

const { prototype } = state.StateMachine
Object.defineProperty(prototype, 'apply', { value: apply })
for (const [name, figure] of Object.entries(figures)) {
  Object.defineProperty(prototype, name, {
    get(this: StateMachine) {
      return figure(this)
    },
  })
}
