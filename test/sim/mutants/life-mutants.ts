/** Bugs planted in what keeps a cluster alive for years: compaction, snapshots, members, hand-overs. */
import { quick, stormy } from './mutant.ts'
import type { Mutant } from './mutant.ts'

/** Logs that are compacted all the time, and followers that fall behind what is left of them. */
const compacting = {
  ...stormy,
  segmentBytes: 4_096,
  walMaxBytes: 65_536,
  walKeepEntries: 0,
  faultMsMax: 4_000,
  faults: [
    'isolate-leader',
    'partition',
    'kill-leader',
    'kill',
    'power',
    'kill-at-install',
    'flap',
  ],
} as const

/** Members that come and go under the same faults. */
const changing = {
  ...stormy,
  segmentBytes: 4_096,
  walMaxBytes: 65_536,
  walKeepEntries: 0,
  operatorEveryMs: 300,
  spares: 2,
} as const

/** Leaders that fall while a change is under way. */
const falling = { ...changing, faults: ['kill-leader', 'isolate-leader', 'kill'] } as const

/** Leaderships that are handed over all the time, also to who has just been cut off, and for long. */
const handingOver = {
  ...quick,
  nodes: 3,
  operatorEveryMs: 60,
  spares: 0,
  electionMinMs: 600,
  electionMaxMs: 1_200,
  faults: ['partition'],
  faultEveryMsMin: 1_000,
  faultEveryMsMax: 3_000,
  faultMsMin: 8_000,
  faultMsMax: 20_000,
} as const

export const lifeMutants: readonly Mutant[] = [
  {
    name: 'compact-above-durable',
    bug: 'the log is dropped up to what was applied, not to what the state holds durably (nats#7564)',
    edits: [
      {
        file: 'src/node/compactor.ts',
        find: '      await state.barrier()\n',
        replace: '      await Promise.resolve()\n',
      },
      {
        file: 'src/node/compactor.ts',
        find: 'Math.min(state.durableIndex,',
        replace: 'Math.min((state as unknown as { appliedIndex: number }).appliedIndex,',
      },
    ],
    swarm: compacting,
    seconds: 20,
  },
  {
    name: 'base-ignored',
    bug: 'a leader feels on for entries that its log no longer holds, and sends no snapshot',
    edits: [
      {
        file: 'src/raft/snapshots.ts',
        find: '  if (nextIndex > core.log.base.index) peer.becomeProbe(nextIndex)\n',
        replace: '  if (nextIndex > 0 * core.log.base.index) peer.becomeProbe(nextIndex)\n',
      },
      {
        file: 'src/raft/snapshots.ts',
        find: "    if (peer.progress.kind !== 'snapshot' && peer.nextIndex <= base.index) peer.becomeSnapshot()\n",
        replace:
          "    if (peer.progress.kind === 'snapshot' && peer.nextIndex < 0) peer.becomeSnapshot()\n",
      },
    ],
    swarm: compacting,
    seconds: 20,
  },
  {
    name: 'install-before-durable',
    bug: 'a node goes over to a snapshot whose rows are not durable yet (redisraft#43)',
    edits: [
      {
        file: 'src/state/state-import.ts',
        find: '      await this.#database.barrier()\n',
        replace: '',
      },
    ],
    swarm: compacting,
    seconds: 30,
  },
  {
    name: 'log-cut-before-pointer',
    bug: 'the log begins anew behind a snapshot before the pointer names its state (redisraft#43)',
    edits: [
      {
        file: 'src/node/open.ts',
        find: '      await generations.switchTo(generation, snapshot)\n',
        replace:
          '      const early = await LogStore.open(options)\n' +
          '      if (early.recovered.lastIndex < snapshot.index) await early.log.reset(snapshot)\n' +
          '      await early.log.close()\n' +
          '      await generations.switchTo(generation, snapshot)\n',
      },
      {
        file: 'src/node/open.ts',
        find: "import { openDataDirectory, PeerIncarnations, Removed } from '../wal/index.ts'\n",
        replace:
          "import { LogStore, openDataDirectory, PeerIncarnations, Removed } from '../wal/index.ts'\n",
      },
    ],
    swarm: { ...compacting, faults: ['kill-at-install', 'isolate-leader', 'kill', 'power'] },
    seconds: 30,
  },
  {
    name: 'snapshot-without-sessions',
    bug: 'a snapshot lacks the sessions (thesis 6.3)',
    edits: [
      {
        file: 'src/state/state-import.ts',
        find: 'if (key[0] !== keyspaces.applied) await',
        replace: 'if (key[0] !== keyspaces.applied && key[0] !== keyspaces.sessions) await',
      },
    ],
    swarm: compacting,
    seconds: 20,
  },
  {
    name: 'snapshot-without-members',
    bug: 'a snapshot lacks the configuration (redisraft#48)',
    edits: [
      {
        file: 'src/state/state-import.ts',
        find: 'if (key[0] !== keyspaces.applied) await',
        replace: 'if (key[0] !== keyspaces.applied && key[0] !== keyspaces.configuration) await',
      },
    ],
    swarm: changing,
    seconds: 20,
  },
  {
    name: 'snapshot-of-a-moment',
    bug: 'a snapshot says that it stands at an entry before the one that its rows stand at (etcd#13766)',
    edits: [
      {
        file: 'src/state/state-import.ts',
        find: '    put(appliedKey, encodeApplied(standing))\n',
        replace: '    put(appliedKey, encodeApplied({ ...standing, index: standing.index - 1 }))\n',
      },
    ],
    swarm: compacting,
    seconds: 20,
  },
  {
    name: 'snapshot-offered-once',
    bug: 'a snapshot is offered once, and who did not hear of it waits for ever (logcabin#174)',
    edits: [
      {
        file: 'src/raft/snapshots.ts',
        find: '      stage.ticks++\n      if (stage.ticks < core.timing.electionTicksMin) return\n',
        replace: '      if (stage.ticks >= 0) return\n',
      },
    ],
    swarm: { ...compacting, faults: [...compacting.faults, 'loss', 'reset'] },
    seconds: 20,
  },
  {
    name: 'lost-compaction',
    bug: 'after one compaction there is never another one (openraft#1829)',
    edits: [
      {
        file: 'src/node/compactor.ts',
        find: 'this.#notBeforeBytes = log.bytes + stepBytes',
        replace: 'this.#notBeforeBytes = log.bytes + stepBytes * 1_000_000',
      },
    ],
    swarm: { ...compacting, faults: ['reset'] },
    seconds: 60,
  },
  {
    name: 'learner-counted',
    bug: 'a leader counts learners towards a majority',
    edits: [
      {
        file: 'src/raft/replication.ts',
        find: 'const index = jointValue(current, matchIndex)',
        replace:
          'const index = jointValue({ ...current, voters: [...current.voters, ...current.learners] }, matchIndex)',
      },
      {
        file: 'src/raft/replication.ts',
        find: "  assert(isQuorum(current, holds), 'a quorum of voters holds it')\n",
        replace: '  void holds\n',
      },
    ],
    swarm: { ...changing, nodes: 2 },
    seconds: 30,
  },
  {
    name: 'joint-as-union',
    bug: 'votes are tallied on the union of old and new voters (CCF, arXiv 2406.17455)',
    edits: [
      {
        file: 'src/raft/quorum.ts',
        find: 'const outcomes = halves(configuration).map((half) => voteOutcome(half, votes))',
        replace:
          'const outcomes = [voteOutcome([...new Set(halves(configuration).flat())], votes)]',
      },
      {
        file: 'src/raft/quorum.ts',
        find: 'return Math.min(...halves(configuration).map((half) => quorumValue(half.map(valueOf))))',
        replace: 'return quorumValue([...new Set(halves(configuration).flat())].map(valueOf))',
      },
      {
        file: 'src/raft/replication.ts',
        find: "  assert(isQuorum(current, holds), 'a quorum of voters holds it')\n",
        replace: '  void holds\n',
      },
    ],
    swarm: { ...falling, nodes: 2 },
    seconds: 30,
  },
  {
    name: 'members-not-rolled-back',
    bug: 'a configuration stays in force when its entry is cut off (openraft, effective membership)',
    edits: [
      {
        file: 'src/raft/follower.ts',
        find: '    configurations.truncateFrom(first.index)\n',
        replace: '',
      },
    ],
    swarm: falling,
    seconds: 30,
  },
  {
    name: 'pending-change-forgotten',
    bug: 'a new leader does not end the change that it found under way',
    edits: [
      {
        file: 'src/raft/membership.ts',
        find: '  if (isJoint(current)) appendConfiguration(core, role, leaveJoint(current))\n',
        replace:
          '  if (isJoint(current)) {\n' +
          '    if (configurations.index > role.noopIndex) appendConfiguration(core, role, leaveJoint(current))\n' +
          '  }\n',
      },
    ],
    swarm: falling,
    seconds: 30,
  },
  {
    name: 'change-before-commit',
    bug: 'a leader changes members before it has committed in its term (Ongaro, raft-dev 2015)',
    edits: [
      {
        file: 'src/raft/membership.ts',
        find: "  if (commitIndex < role.noopIndex) return refused('noCommitInTerm')\n",
        replace: '',
      },
    ],
    swarm: { ...falling, syncMsMin: 2, syncMsMax: 20 },
    seconds: 60,
  },
  {
    name: 'write-lost-in-transfer',
    bug: 'what was proposed before a hand-over is said not to have happened (hashicorp/raft#487)',
    edits: [
      {
        file: 'src/node/proposals.ts',
        find: "          'the leader stepped down before the write was decided',\n",
        replace:
          "          'the leader stepped down before the write was decided',\n" +
          "          { outcome: 'not-applied' },\n",
      },
    ],
    swarm: { ...quick, nodes: 3, operatorEveryMs: 200, spares: 0, faults: ['delay', 'loss'] },
    seconds: 20,
  },
  {
    name: 'removed-leader-leads',
    bug: 'a leader that removed itself leads on',
    edits: [
      {
        file: 'src/raft/membership.ts',
        find: '  else if (!isVoter(current, core.id)) giveUpAsRemoved(core, role)\n',
        replace:
          '  else if (!isVoter(current, core.id) && commitIndex < 0) giveUpAsRemoved(core, role)\n',
      },
      {
        file: 'src/raft/removal.ts',
        find: '  if (isOut && index <= commitIndex) core',
        replace: "  if (isOut && index <= commitIndex && core.role.kind !== 'leader') core",
      },
    ],
    swarm: changing,
    seconds: 30,
  },
  {
    name: 'transfer-never-ends',
    bug: 'a leader waits for ever for who is to take over, and takes no writes (hashicorp/raft#696)',
    edits: [
      {
        file: 'src/raft/transfer.ts',
        find: '  if (core.ticks - startedAt > core.timing.electionTicksMax) {\n',
        replace: '  if (core.ticks - startedAt > core.timing.electionTicksMax * 1_000_000) {\n',
      },
    ],
    swarm: handingOver,
    seconds: 20,
  },
]
