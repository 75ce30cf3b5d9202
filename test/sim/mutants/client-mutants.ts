/** Bugs planted in the client: what it may repeat, and what it says of a call's effect. */
import { stormy } from './mutant.ts'
import type { Mutant } from './mutant.ts'

/** Answers get lost, and calls go on elsewhere. */
const lossy = {
  ...stormy,
  faults: [
    'kill-leader',
    'isolate-leader',
    'reset',
    'half-open',
    'client-cut',
    'pause',
    'power-all',
  ],
} as const

export const clientMutants: readonly Mutant[] = [
  {
    name: 'time-out-as-failure',
    bug: 'a call that timed out is said to have had no effect (Jepsen’s third outcome)',
    edits: [
      {
        file: 'src/client/calls.ts',
        find: "    if (call.write && call.phase === 'flight') call.doubt.raise()\n    const error",
        replace: '    const error',
      },
    ],
    swarm: lossy,
    seconds: 60,
  },
  {
    name: 'refusal-hides-unknown',
    bug: 'a later refusal of a call hides that an earlier attempt had no answer',
    edits: [
      {
        file: 'src/client/calls.ts',
        find: "    if (call.write && outcome === 'unknown') call.raiseDoubt(from)\n",
        replace:
          "    if (call.write && outcome === 'unknown') call.raiseDoubt(from)\n    else call.doubt.decided()\n",
      },
    ],
    swarm: lossy,
    seconds: 60,
  },
  {
    name: 'lost-connection-forgotten',
    bug: 'a request whose connection broke is taken for one that never arrived',
    edits: [
      {
        file: 'src/client/calls.ts',
        find: "      if (call.write && call.phase === 'flight') call.raiseDoubt(from)\n      call.phase",
        replace: '      call.phase',
      },
    ],
    swarm: lossy,
    seconds: 60,
  },
  {
    name: 'retry-under-new-session',
    bug: 'a call in doubt is repeated under a new session, where nothing knows it (jetcd 0.8.2)',
    edits: [
      {
        file: 'src/client/numbering.ts',
        find: '    if (call.doubt.any && !mayCross(call.identity, dead)) return false\n',
        replace: "    if (!mayCross('token', dead)) return false\n",
      },
    ],
    swarm: { ...lossy, sessionExpiryMs: 1_000, tokenRetentionMs: 2_000 },
    seconds: 60,
  },
]
