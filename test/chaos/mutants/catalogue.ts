/**
 * The bugs that the harness must see from outside: in what it is told, in what it reads back, and
 * in the digests of the nodes. Where the simulation plants the same bug, its edits are taken.
 */
import { catalogue as simulated } from '../../sim/mutants/catalogue.ts'
import type { Edit } from '../../sim/mutants/mutant.ts'
import type { ChaosMutant } from './mutant.ts'

/** The simulation's mutant; `more`: what lets its bug lie quietly where an assertion would end the node. */
function planted(
  name: string,
  ...more: readonly Edit[]
): { readonly bug: string; readonly edits: readonly Edit[] } {
  const mutant = simulated.find((each) => each.name === name)
  if (mutant === undefined) throw new Error(`the simulation has no mutant ${name}`)
  return { bug: mutant.bug, edits: [...mutant.edits, ...more] }
}

const run = (workload: string, nemesis: string, ...more: readonly string[]): readonly string[] => [
  '--workload',
  workload,
  '--nemesis',
  nemesis,
  '--nodes',
  '3',
  ...more,
]

export const catalogue: readonly ChaosMutant[] = [
  {
    name: 'local-read',
    bug: 'linearizable reads are answered from the local state (Jepsen: etcd, Consul, 2014)',
    edits: [
      {
        file: 'src/node/reads.ts',
        find: '    const started = this.#options.readIndex()\n',
        replace:
          '    if (reads.length > 0) {\n' +
          '      this.#count -= reads.length\n' +
          '      for (const read of reads) read.serve()\n' +
          '      return\n' +
          '    }\n' +
          '    const started = this.#options.readIndex()\n',
      },
    ],
    run: run('register', 'isolate-leader'),
  },
  {
    name: 'commit-alone',
    bug: 'a leader commits what it has itself, without a majority',
    edits: [
      {
        file: 'src/raft/replication.ts',
        find: '  const index = jointValue(current, matchIndex)\n',
        replace:
          '  const index = Math.max(jointValue(current, matchIndex), core.log.durableIndex)\n',
      },
      {
        file: 'src/raft/replication.ts',
        find: "  assert(isQuorum(current, holds), 'a quorum of voters holds it')\n",
        replace: '  if (holds(core.id)) core.flushDue = true\n',
      },
      {
        file: 'src/raft/follower.ts',
        find: "  assert(first.index > core.commitIndex, 'committed entries are never replaced')\n",
        replace: '',
      },
    ],
    run: run('set', 'isolate-leader,kill-leader'),
  },
  {
    name: 'retry-decided-again',
    ...planted('retry-decided-again'),
    run: run('append', 'clients-from-leader,kill-leader,loss'),
  },
  {
    name: 'mismatch-as-duplicate',
    ...planted('mismatch-as-duplicate'),
    run: run('tokens', 'none'),
  },
  {
    name: 'token-not-asked',
    bug: 'a token that is known does not keep its record from being written again',
    edits: [
      {
        file: 'src/state/executor.ts',
        find: '    if (row !== undefined) return answerOfKnown(row, hash)\n',
        replace: "    if (row?.kind === 'cancelled') return answerOfKnown(row, hash)\n",
      },
    ],
    run: run('counter', 'clients-from-leader,isolate-leader,pause-leader'),
  },
  {
    name: 'once-more',
    bug: 'a record that is to be written once is replaced by the next one',
    edits: [
      {
        file: 'src/state/executor.ts',
        find: '    if (row === undefined) return this.#change(operation)\n    const { revision } = row\n',
        replace:
          '    if (row === undefined || row.value.length > 0) return this.#change(operation)\n    const { revision } = row\n',
      },
    ],
    run: run('collector', 'none'),
  },
  {
    name: 'condition-misjudged',
    ...planted('condition-misjudged'),
    run: run('register', 'none'),
  },
  {
    name: 'half-a-batch',
    bug: 'the last operation of a batch of several is left out',
    edits: [
      {
        file: 'src/state/executor.ts',
        find: "      if (each.kind === 'put') this.#store.put(each.key, each.value, revision)\n",
        replace:
          '      if (operations.length > 1 && number === operations.length - 1) continue\n' +
          "      if (each.kind === 'put') this.#store.put(each.key, each.value, revision)\n",
      },
    ],
    run: run('bank', 'none'),
  },
  {
    name: 'scan-not-flushed',
    bug: 'a scan reads the database as it is, without what was applied since',
    edits: [
      {
        file: 'src/state/row-store.ts',
        find: '  async pin(): Promise<Pinned> {\n    this.assertUsable()\n',
        replace:
          '  async pin(asItIs = false): Promise<Pinned> {\n' +
          '    this.assertUsable()\n' +
          '    if (asItIs) return this.#pinNow()\n',
      },
      {
        file: 'src/state/state-reader.ts',
        find: 'await this.#store.pin()',
        replace: 'await this.#store.pin(true)',
      },
    ],
    run: run('scan', 'none'),
  },
  {
    name: 'scan-says-newer',
    bug: 'a scan names the newest revision, and shows the rows of an older one',
    edits: [
      {
        file: 'src/state/row-store.ts',
        find: '  async pin(): Promise<Pinned> {\n    this.assertUsable()\n',
        replace:
          '  async pin(asItIs = false): Promise<Pinned> {\n' +
          '    this.assertUsable()\n' +
          '    if (asItIs) {\n' +
          '      const pinned = this.#pinNow()\n' +
          '      const { revision } = this.#standing\n' +
          '      return { ...pinned, applied: { ...pinned.applied, revision } }\n' +
          '    }\n',
      },
      {
        file: 'src/state/state-reader.ts',
        find: 'await this.#store.pin()',
        replace: 'await this.#store.pin(true)',
      },
    ],
    run: run('scan', 'none'),
  },
  {
    name: 'time-out-as-failure',
    ...planted('time-out-as-failure'),
    run: run('register', 'pause-leader,jitter'),
  },
  {
    name: 'waiter-by-index',
    ...planted('waiter-by-index', {
      file: 'src/node/proposals.ts',
      find:
        "    assert(answers.length === waiting.writes.length, 'every command of an entry has an answer')\n" +
        '    for (const [i, write] of waiting.writes.entries()) {\n' +
        '      const answer = answers[i]\n' +
        "      assert(answer !== undefined, 'answers are dense')\n",
      replace:
        '    for (const [i, write] of waiting.writes.entries()) {\n' +
        '      const answer = answers[i]\n' +
        '      if (answer === undefined) continue\n',
    }),
    run: run('set', 'isolate-leader,partition-halves'),
  },
  {
    name: 'replicas-part',
    bug: 'one node loses a write now and then that the others keep',
    edits: [
      {
        file: 'src/state/row-store.ts',
        find: '    this.#active.put(key, value, revision)\n',
        replace:
          "    const loses = process.argv.some((word) => word.endsWith('n2')) && revision % 50 === 0\n" +
          '    if (!loses) this.#active.put(key, value, revision)\n',
      },
    ],
    run: run('set', 'none'),
  },
  {
    name: 'acknowledged-before-written',
    bug: 'a flush counts as durable before it is written',
    edits: [
      {
        file: 'src/wal/wal.ts',
        find: '    await file.write([frame], end)\n    await file.sync()\n',
        replace:
          '    const late = { bytes: frame.slice(), offset: end }\n' +
          '    setTimeout(() => void file.write([late.bytes], late.offset).catch(() => {}), 300)\n',
      },
    ],
    run: run('set', 'kill-all'),
  },
  {
    name: 'read-without-round',
    ...planted('read-without-round'),
    run: run('register', 'isolate-leader', '--election-timeout-max', '2s', '--every', '1s'),
  },
  {
    name: 'dedup-at-propose-only',
    ...planted('dedup-at-propose-only'),
    run: run('collector', 'none'),
  },
  {
    name: 'snapshot-without-tokens',
    bug: 'a snapshot leaves out which tokens are used',
    edits: [
      {
        file: 'src/state/state-export.ts',
        find: '    else this.#take(chunk)\n',
        replace: '    else this.#take(chunk.filter(([key]) => key[0] !== keyspaces.tokens))\n',
      },
    ],
    run: run('collector', 'left-behind,transfer'),
  },
  {
    name: 'compaction-above-durable',
    bug: 'the log is dropped up to what was applied, whether or not the state is durable',
    edits: [
      {
        file: 'src/node/compactor.ts',
        find: '      await state.barrier()\n',
        replace: '      await Promise.resolve()\n',
      },
      {
        file: 'src/node/compactor.ts',
        find: 'Math.min(state.durableIndex, this.#keepBehind(pressed))',
        replace:
          'Math.min(Math.max(state.durableIndex, log.lastIndex - 100), this.#keepBehind(pressed))',
      },
    ],
    run: run('set', 'kill-all,left-behind'),
    fails: 'not every node served',
  },
  {
    name: 'lost-log-counts',
    bug: 'a node that lost its log votes and is counted at once',
    edits: [
      {
        file: 'src/node/open-log.ts',
        find: '    const isRecovering = (await recovering.read()) !== undefined\n',
        replace: '    const isRecovering = ((await recovering.read())?.since ?? 0) < 0\n',
      },
    ],
    run: run('set', 'damage-wal'),
    fails: 'has not got back what it lost',
  },
]
