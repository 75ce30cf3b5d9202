/**
 * What checks are told, in the step in which it happens. The world calls; a check that finds
 * something wrong throws a `Violation`, which ends the lifetime.
 */
import type { AppliedEntry } from '../../../src/state/index.ts'
import type { Entry, Message, Raft, RaftStatus, Ready } from '../../../src/raft/index.ts'
import type { DurableLog } from '../disk/durable-log.ts'
import type { Call, Outcome } from '../workload/history.ts'
import type { NodeSettings } from '../../../src/node/options.ts'
import type { StateFrame } from '../../../src/transport/index.ts'

/** Which of a lifetime's ends it is. */
export type ViolationKind = 'safety' | 'liveness' | 'crash'

/** Something that must never be, was. */
export class Violation extends Error {
  readonly check: string
  readonly kind: ViolationKind

  constructor(check: string, message: string, kind: ViolationKind = 'safety', cause?: unknown) {
    super(`${check}: ${message}`, { cause })
    this.check = check
    this.kind = kind
  }
}

/** A machine that a node runs on, as checks see it. */
export interface NodeView {
  readonly id: string
  /** Every member, this one included. */
  readonly members: readonly string[]
  /** What is durable on its disk, whatever the node believes. */
  readonly durable: DurableLog
  /** The core of the present life; undefined while no node runs. */
  readonly raft: Raft | undefined
  /** Lives so far. */
  readonly lives: number
  /** Bytes of its log or vote were damaged: it may refuse to start, for ever. */
  readonly damaged: boolean
  /** Its data directory was made anew under its old name: checks hear nothing of it any more. */
  readonly wiped: boolean
  readonly settings: NodeSettings
  /**
   * The entry up to which the live state on its disk holds the log, durably; undefined where it was
   * damaged: then it is made anew, from a log or by a snapshot.
   */
  readonly durableState?: (() => number | undefined) | undefined
}

/** What a check may look at at any time. */
export interface WorldView {
  readonly nodes: readonly NodeView[]
  /** True time, ms. */
  readonly now: number
  /** Throws where there is no such node. */
  node(id: string): NodeView
}

/** Why a life of a node ended. */
export type LifeEnd =
  | { readonly type: 'killed' }
  | { readonly type: 'powerCut' }
  | { readonly type: 'closed' }
  /** It ended itself, or did not start. */
  | { readonly type: 'failed'; readonly error: unknown }

/** One frame of a snapshot on its way. */
export type SnapshotPiece = Extract<StateFrame, { readonly type: 'snapshotFrame' }>

/** A check listens to what it needs. `now` is `world.now`. */
export interface Check {
  /** `S1` to `S13`, `L1` to `L5`. */
  readonly name: string
  /** A node opened its data directory and knows this. */
  onStart?(node: NodeView, status: RaftStatus): void
  onEnd?(node: NodeView, end: LifeEnd): void
  /** The node took this from its core. */
  onReady?(node: NodeView, ready: Ready): void
  /** The node told its core that this Ready is durable. */
  onAdvance?(node: NodeView, ready: Ready): void
  /** A message leaves the process; whether it arrives is another matter. */
  onSend?(node: NodeView, message: Message): void
  /** The node sends this piece of a snapshot. */
  onSnapshotFrame?(node: NodeView, to: string, frame: SnapshotPiece): void
  /** A message is handed to the core. */
  onStep?(node: NodeView, message: Message): void
  /** A read was asked of this node's core; `id` names it on this node in this life. */
  onReadIndex?(node: NodeView, id: number): void
  /** Its outcome: an index, or undefined where it was refused. */
  onReadState?(node: NodeView, id: number, index: number | undefined): void
  /** Entries were applied, in order, with these answers. `effects`: the digest after the last. */
  onApplied?(
    node: NodeView,
    entries: readonly Entry[],
    applied: readonly AppliedEntry[],
    effects: string,
  ): void
  /** Something became durable on the node's disk: `node.durable` has just changed. */
  onDurable?(node: NodeView): void
  /** A client's call begins and ends. */
  onCall?(call: Call): void
  onReturn?(call: Call, outcome: Outcome): void
  /** After the last heal, once everybody is idle. */
  atEnd?(): void
}
