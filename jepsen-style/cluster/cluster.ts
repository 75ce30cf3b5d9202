/** The nodes of a run: real processes, started through the command line. */

/** How the process of a node is doing. */
export type NodeState = 'running' | 'paused' | 'stopped'

/** What a node says of itself on `/status`, as far as the harness needs it. */
export interface NodeReport {
  readonly id: string
  readonly role: string
  readonly term: number
  readonly leader: string | undefined
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly revision: number
  readonly ready: boolean
}

/** One node. */
export interface ClusterNode {
  readonly id: string
  readonly dataDirectory: string
  readonly logFile: string
  state(): NodeState
  /** Of the running process. */
  pid(): number | undefined
  /** How often a process of this node has ended, and how the last one did (`SIGKILL`, `exit code 1`). */
  endings(): { readonly count: number; readonly last: string | undefined }
}

/** A cluster under test. */
export interface Cluster {
  readonly nodes: readonly ClusterNode[]
  node(id: string): ClusterNode
  /** What clients are given: comma-separated addresses of all nodes, by way of the links. */
  readonly endpoints: string
  /** Starts a stopped node; resolves once its process runs, not when it serves. */
  start(id: string): Promise<void>
  /** SIGKILL; resolves when the process has gone. */
  kill(id: string): Promise<void>
  /** SIGTERM, then SIGKILL after a grace; resolves with how it ended. */
  stop(id: string): Promise<string>
  /** SIGSTOP and SIGCONT. */
  pause(id: string): void
  resume(id: string): void
  /** Asks a node itself, past all links; undefined: no answer within `withinMs` (default 500). */
  report(id: string, withinMs?: number): Promise<NodeReport | undefined>
  /** The node that leads in the highest term that any node names; undefined: none at the moment. */
  leader(): Promise<string | undefined>
  /**
   * Waits until every node of these serves and one leads. False: not by the deadline, or one of
   * them does not run, for nothing but `start` makes it run again.
   */
  ready(ids: readonly string[], withinMs: number): Promise<boolean>
  /** What can be done beyond that where the harness started the nodes itself on this machine. */
  readonly tools?: ClusterTools
  /** Stops everything for good. */
  close(): Promise<void>
}

/** How an attempt to start a second process on a node's data directory ended. */
export interface SecondStart {
  /** The exit code; undefined: it was still running at the deadline, and was killed. */
  readonly code: number | undefined
  /** What it wrote to its log, at most its first 64 KiB. */
  readonly log: string
}

/** How a node's wall clock is to differ from the machine's. Monotonic time is never touched. */
export type ClockOrder =
  /** Off by so many ms. */
  | { readonly type: 'offset'; readonly ms: number }
  /** Off by so many ms more with each ms that passes: 0.1 runs a tenth too fast. */
  | { readonly type: 'rate'; readonly rate: number }
  /** Off by so many ms and right again in turn, each for `periodMs`. */
  | { readonly type: 'strobe'; readonly ms: number; readonly periodMs: number }

/** What a node's process says of an order that it follows. */
export interface ClockAnswer {
  readonly pid: number
  /** By how many ms what the process takes for the time has differed most since the order. */
  readonly differenceMs: number
}

/** The wall clock of a node. */
export interface NodeClock {
  /** Orders a difference, also for processes that are started later. */
  set(order: ClockOrder): void
  /** The newest answer to the last order; undefined: none yet. */
  answer(): ClockAnswer | undefined
}

/** A file system of a node's own, whose room can be taken away. */
export interface NodeDisk {
  /** Leaves no more room than the files there have now. */
  fill(): void
  /** Gives the room back. */
  free(): void
}

/** Something that all nodes have, or the reason why none has it. */
export type Offer<T> =
  | { readonly type: 'had'; of(id: string): T }
  | { readonly type: 'missing'; readonly reason: string }

/** What only the starter of the nodes can do. */
export interface ClusterTools {
  /** Starts a second process on a node's data directory, with the node's own arguments. */
  startTwice(id: string, withinMs: number): Promise<SecondStart>
  readonly clocks: Offer<NodeClock>
  readonly disks: Offer<NodeDisk>
}
