/**
 * What a simulated group checks about membership (S8), by its own count over the disks: who leads
 * was voted for, and what a leader takes for committed is held, by a majority of the voters, and by
 * one of the outgoing voters where there are any; committed configurations follow on each other;
 * and nobody is told to be out who is not.
 */
import type { Configuration, ConfigurationAt, Entry, HardState } from '../../../src/raft/index.ts'
import { decodeConfiguration } from '../../../src/raft/index.ts'

/** S8; see the head of the file. */
export class MembershipChecks {
  readonly #votes = new Set<string>()
  readonly #told = new Map<string, number>()
  /** Committed configurations by index; the first is that of the founders. */
  readonly #committed: ConfigurationAt[]

  constructor(founders: Configuration) {
    this.#committed = [{ index: 0, configuration: founders }]
  }

  /** The newest committed configuration. */
  get newest(): Configuration {
    return this.#last.configuration
  }

  /** Its index. */
  get newestIndex(): number {
    return this.#last.index
  }

  get #last(): ConfigurationAt {
    const last = this.#committed.at(-1)
    if (last === undefined) throw new Error('there is always one')
    return last
  }

  /** A vote is on disk. */
  voted(id: string, { currentTerm, votedFor }: HardState): void {
    if (votedFor !== undefined) this.#votes.add(`${id}@${currentTerm}>${votedFor}`)
  }

  elected(id: string, term: number, { configuration }: ConfigurationAt): void {
    const what = `S8: ${id} leads ${term} by votes that are no quorum of`
    this.#quorum(configuration, (voter) => this.#votes.has(`${voter}@${term}>${id}`), what)
  }

  /** A leader counted an entry of its term as committed. */
  counted(
    leader: string,
    { configuration }: ConfigurationAt,
    holds: (voter: string) => boolean,
  ): void {
    this.#quorum(configuration, holds, `S8: ${leader} commits what is on no quorum of`)
  }

  /** A node applied an entry that nobody had applied before. */
  applied(entry: Entry): void {
    if (entry.kind !== 'config') return
    const configuration = decodeConfiguration(entry.data)
    if (configuration === undefined) throw new Error(`S8: ${entry.index} is no configuration`)
    const before = this.newest
    const joint = configuration.votersOutgoing.length > 0
    const wasJoint = before.votersOutgoing.length > 0
    // Into a joint one with the old voters on one side; out of it with the new ones; else as before.
    const [from, to] = wasJoint
      ? [before.voters, configuration.voters]
      : [before.voters, joint ? configuration.votersOutgoing : configuration.voters]
    if ((wasJoint && joint) || from.join() !== to.join()) {
      throw new Error(`S8: ${describe(configuration)} after ${describe(before)}`)
    }
    this.#committed.push({ index: entry.index, configuration })
  }

  /** A node was told to be out; it is judged in the end, as nobody may have applied that yet. */
  removed(id: string, configIndex: number): void {
    this.#told.set(id, configIndex)
  }

  /** Everything that was told of must have come about. */
  finish(): void {
    for (const [id, configIndex] of this.#told) {
      const told = this.#committed.find(({ index }) => index === configIndex)
      const isOut = told !== undefined && !members(told.configuration).includes(id)
      if (isOut && !members(this.newest).includes(id)) continue
      throw new Error(`S8: ${id} is told to be out by ${configIndex}, which is not so`)
    }
  }

  #quorum(configuration: Configuration, has: (id: string) => boolean, what: string): void {
    for (const half of [configuration.voters, configuration.votersOutgoing]) {
      if (half.length === 0) continue
      if (2 * half.filter(has).length > half.length) continue
      throw new Error(`${what} ${describe(configuration)}`)
    }
  }
}

/** Everybody in a configuration. */
export function members({ voters, votersOutgoing, learners }: Configuration): string[] {
  return [...new Set([...voters, ...votersOutgoing, ...learners])].sort()
}

function describe({ voters, votersOutgoing, learners }: Configuration): string {
  return `[${voters.join(' ')}] [${votersOutgoing.join(' ')}] [${learners.join(' ')}]`
}
