/** Bugs planted in the state machine and in how the node answers from it. */
import { quick, stormy } from './mutant.ts'
import type { Mutant } from './mutant.ts'

/** The state goes to its database in many small steps, and is often read back from there. */
const flushing = {
  ...stormy,
  caps: { overlayFlushBytes: 512, overlayBytesMax: 4_096 },
  faults: ['kill', 'kill-leader', 'power', 'isolate-leader', 'reset'],
} as const

export const stateMutants: readonly Mutant[] = [
  {
    name: 'dedup-at-propose-only',
    bug: 'tokens are looked up when a write is proposed, and not when it is applied',
    edits: [
      {
        file: 'src/node/requests.ts',
        find: '      operations = operationCount(decoded)\n',
        replace:
          '      operations = operationCount(decoded)\n' +
          "      if (decoded.kind === 'write' && decoded.identity.kind === 'token') {\n" +
          '        const known = this.#options.state.reader.token(decoded.identity.token)\n' +
          "        if (known.status === 'recorded') {\n" +
          "          const answer = { status: 'duplicate', revision: known.revision } as const\n" +
          '          const { clusterTime } = this.#options.state\n' +
          "          session.reply({ id: request.id, kind: 'answer', answer, clusterTime })\n" +
          '          return undefined\n' +
          '        }\n' +
          '      }\n',
      },
      {
        file: 'src/state/executor.ts',
        find: '    if (row !== undefined) return answerOfKnown(row, hash)\n',
        replace: "    if (row?.kind === 'cancelled') return answerOfKnown(row, hash)\n",
      },
    ],
    swarm: stormy,
    seconds: 30,
  },
  {
    name: 'retry-decided-again',
    bug: 'a retry of a call is decided anew where its answer should be repeated (thesis 6.3)',
    edits: [
      {
        file: 'src/state/sessions.ts',
        find: '    const remembered = session.answers.get(call.sequence)\n',
        replace: '    const remembered = session.answers.get(call.sequence + 1_000_000)\n',
      },
      {
        file: 'src/state/sessions.ts',
        find: "    assert(!session.answers.has(call.sequence), 'a call is decided once')\n",
        replace: '',
      },
    ],
    swarm: stormy,
    seconds: 20,
  },
  {
    name: 'answer-forgotten-early',
    bug: 'the answer of the first outstanding call is forgotten with those before it',
    edits: [
      {
        file: 'src/state/sessions.ts',
        find: '      forgetBelow(session, call.firstOutstanding)\n',
        replace: '      forgetBelow(session, call.firstOutstanding + 1)\n',
      },
    ],
    swarm: {
      ...stormy,
      clients: 5,
      faults: ['reset', 'half-open', 'isolate-leader', 'client-cut'],
    },
    seconds: 60,
  },
  {
    name: 'tokens-left-out',
    bug: 'the batch that is written to the database lacks the tokens (thesis 6.3)',
    edits: [
      {
        file: 'src/state/overlay.ts',
        find: '  for (const { token, row } of frozen.overlay.tokens.values()) {\n',
        replace:
          '  for (const { token, row } of [...frozen.overlay.tokens.values()].slice(0, 0)) {\n',
      },
    ],
    swarm: flushing,
    seconds: 20,
  },
  {
    name: 'sessions-left-out',
    bug: 'the batch that is written to the database lacks the sessions (thesis 6.3)',
    edits: [
      {
        file: 'src/state/overlay.ts',
        find: '    yield sealed(rowKey(keyspaces.sessions, session.name), encoded ?? encodeSession(session))\n',
        replace:
          '    if (frozen.applied.index < 0) {\n' +
          '      yield sealed(rowKey(keyspaces.sessions, session.name), encoded ?? encodeSession(session))\n' +
          '    }\n',
      },
    ],
    swarm: flushing,
    seconds: 20,
  },
  {
    name: 'token-only-in-database',
    bug: 'a token is looked for in the database, and not in what is yet to be written',
    edits: [
      {
        file: 'src/state/row-store.ts',
        find: 'this.#find((overlay) => overlay.tokens.get(name))?.row ?? this.#storedToken(token)',
        replace:
          '(name.length < 0 ? this.#find((overlay) => overlay.tokens.get(name))?.row : undefined) ?? this.#storedToken(token)',
      },
    ],
    swarm: stormy,
    seconds: 20,
  },
  {
    name: 'expiry-by-local-clock',
    bug: 'what has expired is judged by the clock of each machine (thesis 6.3)',
    edits: [
      {
        file: 'src/node/applier.ts',
        find: '    const until = clock.monotonic() + stepMs\n',
        replace:
          "    const until = clock.monotonic() + stepMs\n    Reflect.set(globalThis, 'localWall', clock.wall())\n",
      },
      {
        file: 'src/state/standing.ts',
        find: '    this.tokenHorizon = Math.max(this.tokenHorizon, this.clusterTime - tokenRetentionMs)\n',
        replace:
          "    const now = Math.min(this.clusterTime, Number(Reflect.get(globalThis, 'localWall') ?? 0))\n" +
          '    this.tokenHorizon = Math.max(this.tokenHorizon, now - tokenRetentionMs)\n',
      },
    ],
    swarm: {
      ...stormy,
      tokenRetentionMs: 2_000,
      wallSpreadMs: 60_000,
      faults: ['clock-jump', 'kill'],
    },
    seconds: 30,
  },
  {
    name: 'session-expiry-by-local-clock',
    bug: 'which sessions have ended is judged by the clock of each machine (thesis 6.3)',
    edits: [
      {
        file: 'src/node/applier.ts',
        find: '    const until = clock.monotonic() + stepMs\n',
        replace:
          "    const until = clock.monotonic() + stepMs\n    Reflect.set(globalThis, 'localWall', clock.wall())\n",
      },
      {
        file: 'src/state/standing.ts',
        find: '    this.sessionHorizon = Math.max(this.sessionHorizon, this.clusterTime - sessionExpiryMs)\n',
        replace:
          "    const now = Math.min(this.clusterTime, Number(Reflect.get(globalThis, 'localWall') ?? 0))\n" +
          '    this.sessionHorizon = Math.max(this.sessionHorizon, now - sessionExpiryMs)\n',
      },
    ],
    swarm: {
      ...stormy,
      sessionExpiryMs: 3_000,
      wallSpreadMs: 60_000,
      faults: ['clock-jump', 'kill', 'client-kill'],
    },
    seconds: 30,
  },
  {
    name: 'applied-index-apart',
    bug: 'the applied index is written apart from the data, and before it (etcd#13766)',
    edits: [
      {
        file: 'src/state/row-store.ts',
        find: '    const batch = this.#database.db.batch()\n',
        replace:
          '    await this.#database.db.batch().put(appliedKey, seal(appliedKey, encodeApplied(frozen.applied))).write()\n' +
          '    await this.#database.pause()\n' +
          '    const batch = this.#database.db.batch()\n',
      },
      {
        file: 'src/state/row-store.ts',
        find: "import { keyspaces, parse, readData, readToken, rowKey, unseal } from './layout.ts'\n",
        replace:
          "import { appliedKey, encodeApplied, keyspaces, parse, readData, readToken, rowKey, seal, unseal } from './layout.ts'\n",
      },
    ],
    swarm: { ...flushing, faults: ['kill', 'kill-at-io', 'kill-all', 'power-all'] },
    seconds: 30,
  },
  {
    name: 'waiter-by-index',
    bug: 'a write is answered by whatever was applied at its index (redisraft#52, openraft#1761)',
    edits: [
      {
        file: 'src/node/proposals.ts',
        find: '    if (waiting.term !== entry.term) {\n',
        replace: '    if (waiting.term > entry.term) {\n',
      },
      {
        file: 'src/node/node.ts',
        find: '    else this.#service.leadershipLost()\n',
        replace: '',
      },
    ],
    swarm: stormy,
    seconds: 30,
  },
  {
    name: 'mismatch-as-duplicate',
    bug: 'another payload under a known token passes for the same one',
    edits: [
      {
        file: 'src/state/executor.ts',
        find: '  if (!bytesEqual(row.payloadHash, hash)) {\n',
        replace: '  if (hash.length < 0) {\n',
      },
    ],
    swarm: quick,
    seconds: 20,
  },
  {
    name: 'condition-misjudged',
    bug: 'a condition holds where the record is newer than the caller saw (jetcd 0.8.2)',
    edits: [
      {
        file: 'src/state/executor.ts',
        find: 'each.ifRevision !== undefined && each.ifRevision !== revision',
        replace: 'each.ifRevision !== undefined && each.ifRevision > revision',
      },
    ],
    swarm: quick,
    seconds: 20,
  },
  {
    name: 'frozen-not-read',
    bug: 'point reads pass over what is just being written to the database',
    edits: [
      {
        file: 'src/state/row-store.ts',
        find: '    const change = this.#find((overlay) => overlay.data.get(name))\n',
        replace: '    const change = this.#active.data.get(name)\n',
      },
    ],
    swarm: { ...flushing, faults: ['slow-disk', 'kill'] },
    seconds: 20,
  },
  {
    name: 'scan-not-flushed',
    bug: 'a scan reads the database as it is, without what was applied since',
    edits: [
      {
        file: 'src/state/row-store.ts',
        find: '    if (this.#frozen.length === 0 && this.#flushed.index === index) return this.#pinNow()\n',
        replace: '    if (this.#flushed.index <= index) return this.#pinNow()\n',
      },
    ],
    swarm: quick,
    seconds: 20,
  },
  {
    name: 'read-before-applied',
    bug: 'a read is served before the state has reached its index (etcd#3879)',
    edits: [
      {
        file: 'src/node/reads.ts',
        find: '    this.#waiting.push({ index: state.readIndex, reads })\n',
        replace: '    this.#waiting.push({ index: Math.min(0, state.readIndex), reads })\n',
      },
    ],
    swarm: { ...stormy, syncMsMin: 2, syncMsMax: 20 },
    seconds: 30,
  },
]
