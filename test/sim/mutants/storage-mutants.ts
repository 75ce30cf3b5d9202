/** Bugs planted between core and disk: what is durable when, and what a start makes of a disk. */
import { narrow, quick, stormy } from './mutant.ts'
import type { Mutant } from './mutant.ts'

const powerCuts = {
  ...quick,
  nodes: 3,
  segmentBytes: 8_192,
  powerStyle: 'strict',
  faults: ['power', 'power-all', 'kill', 'kill-at-io', 'kill-all'],
} as const

/** With seven nodes three may be damaged. */
const rotting = {
  ...quick,
  nodes: 7,
  segmentBytes: 8_192,
  faults: ['rot', 'kill', 'kill-leader'],
} as const

export const storageMutants: readonly Mutant[] = [
  {
    name: 'ack-before-fsync',
    bug: 'what vouches for the disk leaves before the disk has it (paper, figure 2)',
    edits: [
      {
        file: 'src/node/node.ts',
        find: '      await this.#parts.log.persist(ready)\n',
        replace:
          '      this.#peers.send(ready.messagesAfterPersist)\n      await this.#parts.log.persist(ready)\n',
      },
    ],
    swarm: powerCuts,
    seconds: 15,
  },
  {
    name: 'vote-before-durable',
    bug: 'a vote leaves before it is durable (raft-rs#372)',
    edits: [
      {
        file: 'src/node/node.ts',
        find: '      await this.#parts.log.persist(ready)\n',
        replace:
          "      this.#peers.send(ready.messagesAfterPersist.filter(({ type }) => type === 'requestVoteResult'))\n      await this.#parts.log.persist(ready)\n",
      },
    ],
    swarm: powerCuts,
    seconds: 15,
  },
  {
    name: 'vote-forgotten',
    bug: 'a restart keeps the term and forgets the vote (paper, section 5.2)',
    edits: [
      {
        file: 'src/node/open.ts',
        find: '    hardState: { ...hardState, commitIndex },\n',
        replace: '    hardState: { ...hardState, votedFor: undefined, commitIndex },\n',
      },
    ],
    swarm: powerCuts,
    seconds: 15,
  },
  {
    name: 'log-without-fsync',
    bug: 'the log is written and not synced (nats-server#7564)',
    edits: [
      {
        file: 'src/wal/wal.ts',
        find: '    await file.write([frame], end)\n    await file.sync()\n',
        replace: '    await file.write([frame], end)\n',
      },
    ],
    swarm: powerCuts,
    seconds: 15,
  },
  {
    name: 'fsync-error-ignored',
    bug: 'a failed fsync is taken for one that worked (fsyncgate; Rebello and others, ATC 2020)',
    edits: [
      {
        file: 'src/wal/wal.ts',
        find: '    await file.write([frame], end)\n    await file.sync()\n',
        replace: '    await file.write([frame], end)\n    await file.sync().catch(() => {})\n',
      },
    ],
    swarm: { ...powerCuts, faults: ['disk-error', 'power', 'power-all'] },
    seconds: 30,
  },
  {
    name: 'directory-not-synced',
    bug: 'the name of a new segment is not made durable (etcd#6368, etcd#22340)',
    edits: [
      {
        file: 'src/wal/segment-files.ts',
        find: '    await disk.syncDirectory(directory)\n',
        replace: '',
      },
    ],
    swarm: { ...powerCuts, segmentBytes: 4_096 },
    seconds: 15,
  },
  {
    name: 'start-trusts-cache',
    bug: 'a start builds on what may be in the operating system’s cache alone (ATC 2020)',
    edits: [
      {
        file: 'src/wal/recovery.ts',
        find: '  if (read.lastFlush !== undefined) await rewriteFlush(disk, read.lastFlush)\n',
        replace:
          '  if (read.lastFlush !== undefined && read.lastFlush.bytes < 0) {\n    await rewriteFlush(disk, read.lastFlush)\n  }\n',
      },
    ],
    swarm: powerCuts,
    seconds: 30,
  },
  {
    name: 'torn-anywhere',
    bug: 'the rule for a torn end is applied in the middle as well (FAST 2018; nats-server#7549)',
    edits: [
      {
        file: 'src/wal/scan-segment.ts',
        find: '      await requireZeros(window, offset + header.flushBytes, decoded)\n',
        replace: '',
      },
      {
        file: 'src/wal/scan-segment.ts',
        find: '    await refuseLaterFlush(rest)\n',
        replace: '    if (offset < 0) await refuseLaterFlush(rest)\n',
      },
    ],
    // In long segments most of the log is where a torn end may be. With all nodes down at once,
    // whatever rots is read soon.
    swarm: { ...rotting, segmentBytes: 65_536, faults: ['rot', 'kill-all'] },
    seconds: 15,
  },
  {
    name: 'chain-broken',
    bug: 'a flush does not name the checksum of the one before it, so that the log does not read back',
    edits: [
      {
        file: 'src/wal/wal.ts',
        find: '    const place: FlushPlace = {\n      previousChecksum: this.#chain.previousChecksum,\n',
        replace: '    const place: FlushPlace = {\n      previousChecksum: 0,\n',
      },
      {
        file: 'src/wal/wal.ts',
        find: "    assert(this.#chain.previousChecksum === previousChecksum, 'the seal is the one that was named')\n",
        replace: '',
      },
    ],
    swarm: powerCuts,
    seconds: 10,
  },
  {
    name: 'record-not-checked',
    bug: 'records are read back without a look at their checksums (nats-server#7549)',
    edits: [
      {
        file: 'src/wal/records.ts',
        find: '  if (crc32(bytes.subarray(4, used), seed) !== checksum) {',
        replace: '  if (crc32(bytes.subarray(4, used), seed) !== checksum && offset < 0) {',
      },
    ],
    swarm: rotting,
    seconds: 15,
  },
  {
    name: 'overwritten-entry-read',
    bug: 'the log gives out an entry that was overwritten since (etcd-io/raft, append ABA race)',
    edits: [
      {
        file: 'src/wal/read-entries.ts',
        find: 'if (entry.index !== this.next || entry.term !== this.#termOfNext()) return',
        replace: 'if (entry.index !== this.next || this.#termOfNext() < 0) return',
      },
    ],
    swarm: { ...stormy, caps: narrow },
    seconds: 30,
  },
  {
    name: 'wiped-node-let-in',
    bug: 'a node whose disk was wiped comes back under its old name (fabric#3639, qdrant#1235)',
    edits: [
      {
        file: 'src/node/node.ts',
        find: "return (await this.#parts.incarnations.pin(id, incarnation)) !== 'other'",
        replace: 'return (await this.#parts.incarnations.pin(id, incarnation)) !== undefined',
      },
    ],
    swarm: { ...quick, nodes: 3, faults: ['wipe', 'kill', 'kill-leader', 'isolate-leader'] },
    seconds: 20,
  },
  {
    name: 'leveldb-log-trusted',
    bug: 'LevelDB’s own log is read at a start, and skips what does not check, without an error',
    edits: [
      {
        file: 'test/sim/disk/sim-databases.ts',
        find: '    files.since = []\n    files.flushed = files.written\n',
        replace:
          '    const lost = files.durable.keys.filter((key) => key[0] === 0x10).at(-1)\n' +
          '    if (kept > 0 && lost !== undefined) {\n' +
          '      files.durable = files.durable.with([{ key: lost, value: undefined }])\n' +
          '    }\n' +
          '    files.since = []\n    files.flushed = files.written\n',
      },
    ],
    swarm: { ...powerCuts, caps: { overlayFlushBytes: 512, overlayBytesMax: 4_096 } },
    seconds: 20,
  },
  {
    name: 'stall-judged-first',
    bug: 'after a stall time-outs are judged before sockets are read (etcd#7617)',
    edits: [
      {
        file: 'src/node/ticker.ts',
        find: '      this.#clock.soon(() => this.#deliver())\n',
        replace: '      this.#deliver()\n',
      },
      {
        file: 'src/node/ticker.ts',
        find: 'const ticksPerWakeMax = 3\n',
        replace: 'const ticksPerWakeMax = 1_000\n',
      },
    ],
    // Of two nodes neither can be elected while the other one stands still.
    swarm: { ...quick, nodes: 2, faults: ['stall', 'pause'] },
    seconds: 3,
  },
]
