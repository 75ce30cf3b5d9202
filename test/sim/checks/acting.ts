/**
 * Which configurations nodes act on, and when: every check that speaks of a majority asks here whose.
 * Quorums are counted by a rule of their own, written from the paper (section 6) and not from
 * `src/raft`: in a joint configuration a majority of the new voters and one of the old.
 */
import type { Configuration, Raft } from '../../../src/raft/index.ts'
import type { Check, NodeView, WorldView } from '../world/observer.ts'

/** Whose majorities decide. */
export type Voters = Pick<Configuration, 'voters' | 'votersOutgoing'>

/** A configuration that a node acts on, since then. */
export interface Acting {
  readonly index: number
  readonly configuration: Voters & Pick<Configuration, 'learners'>
  readonly since: number
}

/** Whether these are a quorum. */
export function isQuorum(
  { voters, votersOutgoing }: Voters,
  has: (id: string) => boolean,
): boolean {
  const halves = votersOutgoing.length === 0 ? [voters] : [voters, votersOutgoing]
  return halves.every((half) => 2 * half.filter(has).length > half.length)
}

/** Everybody whose vote counts, each once. */
export function votersOf({ voters, votersOutgoing }: Voters): readonly string[] {
  return [...new Set([...voters, ...votersOutgoing])]
}

/** For people. */
export function shownVoters({ voters, votersOutgoing }: Voters): string {
  const old = votersOutgoing.length === 0 ? '' : `, before ${votersOutgoing.join(' ')}`
  return `${voters.join(' ')}${old}`
}

/** So many of each node are kept. */
const keptMax = 64

/** See the head of the file. Told of each event before the checks that ask. */
export class ActingConfigurations implements Check {
  readonly name = 'S8'
  readonly #world: Pick<WorldView, 'now'>
  readonly #byNode = new Map<string, Acting[]>()

  constructor(world: Pick<WorldView, 'now'>) {
    this.#world = world
  }

  onStart(node: NodeView): void {
    this.#see(node)
  }

  onReady(node: NodeView): void {
    this.#see(node)
  }

  onAdvance(node: NodeView): void {
    this.#see(node)
  }

  onSend(node: NodeView): void {
    this.#see(node)
  }

  /** The newest that it was seen to act on. */
  of(id: string): Acting | undefined {
    return this.#byNode.get(id)?.at(-1)
  }

  /** All that it acted on since then, and the one before: what is told now may have been decided by it. */
  since(id: string, time: number): readonly Acting[] {
    const all = this.#byNode.get(id) ?? []
    const first = all.findLastIndex(({ since }) => since < time)
    return all.slice(Math.max(0, Math.min(first, all.length - 2)))
  }

  #see({ id, raft }: NodeView): void {
    if (raft === undefined) return
    const { index, configuration } = configurationOf(raft)
    const known = this.#byNode.get(id)
    if (known?.at(-1)?.configuration === configuration) return
    const seen = { index, configuration, since: this.#world.now }
    if (known === undefined) this.#byNode.set(id, [seen])
    else if (known.push(seen) > keptMax) known.shift()
  }
}

function configurationOf(raft: Raft): { index: number; configuration: Configuration } {
  return raft.configuration
}
