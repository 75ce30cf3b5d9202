/** Single cores, without a group around them. */
import type { ConfigurationAt, RaftConfig } from '../../../src/raft/index.ts'
import { Raft, emptyHardState, emptyLog, firstConfiguration } from '../../../src/raft/index.ts'
import { SeededRandom } from '../../../src/random.ts'

/** A group's first configuration. */
export function configurationOf(...voters: string[]): ConfigurationAt {
  return { index: 0, configuration: firstConfiguration(voters) }
}

/** Options of n1 of three, with changes. */
export function config(changes: Partial<RaftConfig> = {}): RaftConfig {
  return {
    id: 'n1',
    configuration: configurationOf('n1', 'n2', 'n3'),
    configEntries: [],
    random: new SeededRandom(1),
    hardState: emptyHardState,
    log: emptyLog,
    appliedIndex: 0,
    electionTicksMin: 10,
    electionTicksMax: 20,
    heartbeatTicks: 3,
    ...changes,
  }
}

/** A single node that leads, with nothing left to do. */
export function alone(limits: RaftConfig['limits'] = {}): Raft {
  const raft = new Raft(config({ configuration: configurationOf('n1'), limits }))
  while (raft.status().role !== 'leader') {
    raft.tick()
    drain(raft)
  }
  drain(raft)
  return raft
}

/** Does all that the Readies ask for. */
export function drain(raft: Raft): void {
  while (raft.hasReady()) {
    const ready = raft.ready()
    if (ready.mustSync) raft.advance(ready)
    const last = ready.committedEntries.at(-1)
    if (last !== undefined) raft.applied(last.index)
  }
}
