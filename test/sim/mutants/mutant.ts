/** A planted bug: what is changed, and under which options it is looked for. */
import type { Swarm } from '../world/swarm.ts'

/** A place in a file, and what stands there instead. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string
  /** Occurs there exactly once. */
  readonly find: string
  readonly replace: string
}

/** One planted bug. It exists in a copy of the sources alone. */
export interface Mutant {
  readonly name: string
  /** What is wrong, and where such a bug was seen. */
  readonly bug: string
  readonly edits: readonly Edit[]
  /** In place of what the seeds draw: where the bug shows soon. */
  readonly swarm: Partial<Swarm>
  /** How long faults come, in simulated seconds; a shorter lifetime is a cheaper one. */
  readonly seconds: number
}

/** Quick elections and links, so that much happens in little time. */
export const quick = {
  heartbeatMs: 50,
  electionMinMs: 200,
  electionMaxMs: 400,
  delayMs: 0.5,
  jitterMs: 1,
  clockSpread: 0,
  wallSpreadMs: 10,
  caps: {},
  faultEveryMsMin: 200,
  faultEveryMsMax: 1_200,
  faultMsMin: 100,
  faultMsMax: 2_000,
} as const satisfies Partial<Swarm>

/** Three nodes that are often cut off from each other and often killed. */
export const stormy = {
  ...quick,
  nodes: 3,
  faults: ['isolate-leader', 'partition', 'kill-leader', 'kill', 'pause', 'loss', 'reset', 'flap'],
} as const satisfies Partial<Swarm>

/** Caps of the core so small that nothing travels, or stays in memory, together. */
export const narrow = {
  raft: {
    messageBytesMax: 256,
    inflightMessagesMax: 2,
    inflightEntriesMax: 8,
    inflightBytesMax: 512,
    logBytesMax: 1,
  },
  proposals: { entryBytesMax: 256, operationsPerEntryMax: 1, waitingMax: 1_024 },
} as const
