/** What a workload is. To write one of your own is described in docs/chaos.md. */
import type { Client } from 'quorate'
import type { HistoryEvent } from '../history/event.ts'

/** A seeded source of chance; all that a workload draws comes from it. */
export interface Chance {
  /** A whole number, `min` ≤ n < `max`. */
  between(min: number, max: number): number
  /** 0 ≤ x < 1. */
  fraction(): number
  pick<T>(values: readonly T[]): T
}

/** A call that a process is about to make, as its `invoke` says it. */
export interface Invocation {
  readonly f: string
  readonly key?: string
  readonly value?: unknown
}

/** How a call ended. `fail` only where it surely had no effect. */
export interface Completion {
  readonly type: 'ok' | 'fail' | 'info'
  readonly value?: unknown
  readonly revision?: number
  readonly error?: string
}

/** What a check found. `unknown` is never a pass. */
export interface CheckResult {
  /** For example `linearizable`, `exactly-once`, `totals`. */
  readonly name: string
  readonly verdict: 'ok' | 'violation' | 'unknown'
  /** One or a few sentences for people: what was checked, or what is wrong and where. */
  readonly text: string
  /** Figures for the report, for example `{ operations: 12000, unread: 0 }`. */
  readonly figures?: Readonly<Record<string, number>>
  /** Of a violation: the lines (`i`) of the events around it, for the report's drawing. */
  readonly events?: readonly number[]
  /** Of a violation of linearizability: the key whose calls have no order. */
  readonly key?: string
  /** Of a violation of linearizability, where it was found out. */
  readonly explanation?: OrderExplanation
}

/** How far an order of the calls goes, and why no further. Calls are named by the line of theirs. */
export interface OrderExplanation {
  /** The line after which no order fits. */
  readonly line?: number | undefined
  /** The longest orders there are, the longest first. */
  readonly orders: readonly {
    readonly lines: readonly number[]
    /** The state after each of them, for people. */
    readonly states: readonly string[]
    /** What could come next, each with why it can't. */
    readonly stuck: readonly { readonly line: number; readonly why: string }[]
  }[]
}

/** What a workload is given when a run begins. */
export interface WorkloadSetting {
  readonly chance: Chance
  /** Processes that will call at once. */
  readonly clients: number
  /**
   * What a call of a slot may take, ms. The slot's client gives up each of its own calls after as
   * long by itself; this is for a call of the workload that makes several of them.
   */
  readonly timeoutOf: (slot: number) => number
  /** Opens a further client of the same cluster; the run closes it. */
  connect(): Promise<Client>
}

/** A workload under way: its calls, and the judgement of what came of them. */
export interface WorkloadRun {
  /** Before any fault: writes what must be there. */
  prepare?(client: Client): Promise<void>
  /** Draws the next call of a process; undefined: none at the moment. `slot` is 0 to clients - 1. */
  next(slot: number): Invocation | undefined
  /** Makes the call; never rejects for what the cluster did. Bounded by the client's time-out. */
  perform(client: Client, invocation: Invocation, slot: number): Promise<Completion>
  /** After all is healed: final reads, made one after the other by one process. */
  finalReads?(): readonly Invocation[]
  /** Judges the whole history. It may hold the events of the nemesis. */
  check(history: readonly HistoryEvent[], final: FinalState): Promise<readonly CheckResult[]>
}

/** What stands in the store in the end, read from each node when all was healed and idle. */
export interface FinalState {
  /** A digest of the state on each node that answered, at one and the same point of the log. */
  readonly digests: Readonly<Record<string, string>>
}

/** A kind of workload. */
export interface Workload {
  readonly name: string
  /** One line for `quorate chaos list`. */
  readonly about: string
  begin(setting: WorkloadSetting): WorkloadRun
}
