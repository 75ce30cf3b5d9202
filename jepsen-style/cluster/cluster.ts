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
  /** Where its log ends, whether or not that is committed. */
  readonly lastIndex: number
  readonly appliedIndex: number
  readonly revision: number
  readonly ready: boolean
  /** Its log begins behind this index. */
  readonly baseIndex: number
  /** It takes no writes, because its disk is nearly full. */
  readonly diskFull: boolean
  /** What it needs before it counts, or serves, again; undefined: nothing. */
  readonly waitsFor: string | undefined
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
  /** Nodes that joined while it ran, also those that have left again; none of `nodes`. */
  readonly newcomers?: readonly ClusterNode[]
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

/** What a node's process says of flushes that were ordered to be slow. */
export interface FlushAnswer {
  readonly pid: number
  /** Flushes since the order. */
  readonly flushes: number
  /** By how many ms those that have ended were held up, in all. */
  readonly delayedMs: number
}

/** How long a node's flushes of files to its disk take (`fsync`, `fdatasync`). */
export interface NodeFlushes {
  /** Makes one after the other take so many ms longer, over and over; empty: none. */
  slow(delaysMs: readonly number[]): void
  /** The newest answer to the last order; undefined: none yet. */
  answer(): FlushAnswer | undefined
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

/** Who changes what the cluster consists of while it runs, past all links. */
export interface Operator {
  /** Hands the leadership to a node, or to whom the leader finds fittest; resolves with who leads. */
  transfer(to: string | undefined): Promise<string>
  /** Starts a new node under an id that none had, and adds it; resolves once it has a vote. */
  join(): Promise<string>
  /** The same in the place of one that joined; it may be down. */
  replace(id: string): Promise<string>
  /** Removes one that joined; resolves with how its process ended once it is no member. */
  remove(id: string): Promise<string>
  /** SIGKILL of one that joined. */
  kill(id: string): Promise<void>
  /** Removes all that joined, and ends their processes; may be called again after it failed. */
  clear(): Promise<void>
}

/** What only the starter of the nodes can do. */
export interface ClusterTools {
  /** Starts a second process on a node's data directory, with the node's own arguments. */
  startTwice(id: string, withinMs: number): Promise<SecondStart>
  readonly clocks: Offer<NodeClock>
  flushes(id: string): NodeFlushes
  readonly disks: Offer<NodeDisk>
  readonly operator: Operator
  /** Whether the operator has places for nodes that join. */
  readonly canJoin: boolean
}
