/** Single cores, without a group around them. */
import type { RaftConfig } from '../../../src/raft/index.ts'
import { Raft, emptyHardState, emptyLog } from '../../../src/raft/index.ts'
import { SeededRandom } from '../../../src/random.ts'

/** Options of n1 of three, with changes. */
export function config(changes: Partial<RaftConfig> = {}): RaftConfig {
  return {
    id: 'n1',
    members: ['n1', 'n2', 'n3'],
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
  const raft = new Raft(config({ members: ['n1'], limits }))
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
