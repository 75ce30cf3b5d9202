/** Bugs planted in the consensus core: elections, replication, commits and reads. */
import { narrow, quick, stormy } from './mutant.ts'
import type { Mutant } from './mutant.ts'

export const raftMutants: readonly Mutant[] = [
  {
    name: 'commit-old-term',
    bug: 'entries of earlier terms are committed by counting (paper, figure 8; PySyncObj#169)',
    edits: [
      {
        file: 'src/raft/replication.ts',
        find: '|| core.log.termAt(index) !== core.currentTerm) return\n',
        replace: ') return\n',
      },
      {
        file: 'src/raft/replication.ts',
        find: "  assert(index >= role.noopIndex, 'entries of the own term begin with the no-op')\n",
        replace: '',
      },
    ],
    swarm: { ...stormy, caps: narrow },
    seconds: 30,
  },
  {
    name: 'no-noop',
    bug: 'a new leader has nothing of its own to commit before a client writes (paper, section 8)',
    edits: [
      {
        file: 'src/raft/transitions.ts',
        find: "  log.append([{ term, index: noopIndex, kind: 'noop', data: new Uint8Array(0) }])\n",
        replace: '',
      },
    ],
    swarm: { ...quick, nodes: 3, faults: ['kill-leader', 'isolate-leader'] },
    seconds: 10,
  },
  {
    name: 'truncate-on-append',
    bug: 'every append replaces the rest of the log, late and repeated ones too (redpanda#17731)',
    edits: [
      {
        file: 'src/raft/follower.ts',
        find: 'const missing = at === -1 ? [] : at === 0 ? entries : entries.slice(at)',
        replace: 'const missing = at === -2 ? [] : entries',
      },
      {
        file: 'src/raft/follower.ts',
        find: "  assert(first.index > core.commitIndex, 'committed entries are never replaced')\n",
        replace: '',
      },
    ],
    swarm: { ...quick, nodes: 3, faults: ['duplicate', 'reorder', 'delay', 'loss'] },
    seconds: 20,
  },
  {
    name: 'commit-last-index',
    bug: 'a follower commits up to its last index, not up to what was sent to it (databend#3914)',
    edits: [
      {
        file: 'src/raft/follower.ts',
        find: 'maybeCommit(core, Math.min(message.leaderCommit, matchIndex))',
        replace: 'maybeCommit(core, Math.min(message.leaderCommit, log.lastIndex))',
      },
    ],
    swarm: { ...stormy, caps: narrow },
    seconds: 30,
  },
  {
    name: 'ack-last-index',
    bug: 'an acknowledgement names the last index, not what was sent (CCF, arXiv 2406.17455)',
    edits: [
      {
        file: 'src/raft/follower.ts',
        find: "'appendEntriesAccepted', ...addressed(core, from), matchIndex })",
        replace: "'appendEntriesAccepted', ...addressed(core, from), matchIndex: log.lastIndex })",
      },
    ],
    swarm: { ...stormy, caps: narrow },
    seconds: 30,
  },
  {
    name: 'heartbeat-commit',
    bug: 'a heartbeat tells a commit index that the follower may not hold (openraft#1500)',
    edits: [
      {
        file: 'src/raft/heartbeat.ts',
        find: 'const leaderCommit = Math.min(core.commitIndex, peer.matchIndex)',
        replace: 'const leaderCommit = core.commitIndex',
      },
    ],
    swarm: stormy,
    seconds: 30,
  },
  {
    name: 'leader-counts-memory',
    bug: 'a leader counts itself before its own fsync (etcd#14370)',
    edits: [
      {
        file: 'src/raft/replication.ts',
        find: 'id === core.id ? core.log.durableIndex : ',
        replace: 'id === core.id ? core.log.lastIndex : ',
      },
    ],
    swarm: {
      ...stormy,
      syncMsMin: 2,
      syncMsMax: 20,
      faults: ['slow-disk', 'kill-leader', 'power'],
    },
    seconds: 15,
  },
  {
    name: 'links-counted',
    bug: 'two links to one node count as two towards a majority of nodes',
    edits: [
      {
        file: 'src/raft/replication.ts',
        find: 'const index = jointValue(current, matchIndex)',
        replace:
          'const both = current.voters.flatMap((id) => (id === core.id ? [id] : [id, id])).map(matchIndex).toSorted((a, b) => b - a)\n  const index = both[Math.floor(current.voters.length / 2)] ?? 0',
      },
      {
        file: 'src/raft/replication.ts',
        find: "  assert(isQuorum(current, holds), 'a quorum of voters holds it')\n",
        replace: '  void holds\n',
      },
    ],
    swarm: { ...stormy, nodes: 5 },
    seconds: 15,
  },
  {
    name: 'vote-for-shorter-log',
    bug: 'logs are compared by their last term alone (paper, section 5.4.1)',
    edits: [
      {
        file: 'src/raft/log.ts',
        find: 'return last.term > own.term || (last.term === own.term && last.index >= own.index)',
        replace: 'return last.term >= own.term',
      },
    ],
    swarm: stormy,
    seconds: 30,
  },
  {
    name: 'pre-vote-unanswered',
    bug: 'a pre-vote of a lower term gets no answer, so that its sender never learns the term (etcd#8243)',
    edits: [
      {
        file: 'src/raft/dispatch.ts',
        find: "    case 'readIndexRequest':\n    case 'removed':\n      return true\n    case 'requestVote':\n      refuseStaleVote",
        replace:
          "    case 'readIndexRequest':\n    case 'removed':\n      return message.type === 'readIndexRequest'\n    case 'requestVote':\n      refuseStaleVote",
      },
    ],
    swarm: { ...stormy, faults: ['kill-at-io', 'kill-all', 'power-all', 'partition', 'one-way'] },
    seconds: 10,
  },
  {
    name: 'stuck-after-loss',
    bug: 'a follower whose message was lost is never felt for again (etcd-io/raft#31, #14633)',
    edits: [
      {
        file: 'src/raft/replication.ts',
        find: '  if (!peer.stalled) return\n',
        replace: '  if (peer.id !== core.id) return\n',
      },
    ],
    swarm: { ...quick, nodes: 3, faults: ['loss', 'reset', 'flap', 'kill'] },
    seconds: 10,
  },
  {
    name: 'read-without-round',
    bug: 'a leader answers reads without asking whether it leads still (Jepsen: etcd, Consul, 2014)',
    edits: [
      {
        file: 'src/raft/reads.ts',
        find: 'ackedRound) < confirming.round) return\n',
        replace: 'ackedRound) < confirming.round - 1_000_000) return\n',
      },
    ],
    swarm: { ...stormy, faults: ['isolate-leader', 'pause', 'kill-leader'] },
    seconds: 30,
  },
  {
    name: 'late-ack-confirms',
    bug: 'a late answer to an earlier round confirms a newer read (etcd-io/raft#397)',
    edits: [
      {
        file: 'src/raft/reads.ts',
        find: 'role.peers.get(message.from)?.ackRound(message.round)',
        replace: 'role.peers.get(message.from)?.ackRound(role.reads.round)',
      },
    ],
    swarm: {
      ...stormy,
      nodes: 5,
      delayMs: 5,
      jitterMs: 20,
      faults: ['isolate-leader', 'delay', 'pause', 'one-way', 'partition'],
    },
    seconds: 60,
  },
  {
    name: 'read-before-noop',
    bug: 'a new leader confirms reads before it has committed in its own term (etcd#7331)',
    edits: [
      {
        file: 'src/raft/reads.ts',
        find: '  if (core.commitIndex < role.noopIndex) return\n',
        replace: '',
      },
      {
        file: 'src/raft/reads.ts',
        find: "  assert(confirming.readIndex >= role.noopIndex, 'reads wait for a commit of the own term')\n",
        replace: '',
      },
    ],
    swarm: { ...stormy, syncMsMin: 2, syncMsMax: 20 },
    seconds: 30,
  },
  {
    name: 'memory-before-disk',
    bug: 'memory lets go of entries that the disk does not have yet (cockroach#63302)',
    edits: [
      {
        file: 'src/raft/log.ts',
        find: 'this.#bytes > this.#bytesMax && this.#firstInMemory <= this.#durableIndex',
        replace: 'this.#bytes > this.#bytesMax && this.#firstInMemory <= this.#lastIndex',
      },
    ],
    swarm: { ...stormy, caps: narrow },
    seconds: 10,
  },
  {
    name: 'joint-read-new-voters',
    bug: 'while joint, the new voters alone confirm reads (CCF, arXiv 2406.17455)',
    edits: [
      {
        file: 'src/raft/reads.ts',
        find: 'if (jointValue(core.configurations.current, ackedRound) < confirming.round) return',
        replace:
          'if (jointValue({ ...core.configurations.current, votersOutgoing: [] }, ackedRound) < confirming.round) return',
      },
    ],
    // Voters are replaced all the time, and the leader is cut off with some of the others: only two
    // majorities that do not meet, the new one's reads and the old one's writes, show it.
    swarm: {
      ...stormy,
      segmentBytes: 4_096,
      walMaxBytes: 65_536,
      walKeepEntries: 0,
      operatorEveryMs: 60,
      spares: 2,
      faults: ['partition', 'isolate-leader', 'bridge', 'flap'],
    },
    seconds: 60,
  },
]
