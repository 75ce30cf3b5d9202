/**
 * Histories: what clients asked, when, and what they were told; and which faults were about.
 * One event a line of JSON; the order of the lines is the real-time order.
 */

/**
 * `invoke` opens a call; `ok` completes it; `fail` says that it surely did not take effect; `info`,
 * or no completion at all, says that nobody knows: the call stays open for ever.
 */
export type EventType = 'invoke' | 'ok' | 'fail' | 'info'

/** The process of the events that tell of faults. */
export const nemesisProcess = 'nemesis'

/** One line of a history. */
export interface HistoryEvent {
  /** Position of the line, from 0. */
  readonly i: number
  /** Who called; a process has one call under way at most, and after an `info` never another. */
  readonly process: number | typeof nemesisProcess
  readonly type: EventType
  /** What was called, or which fault this is. */
  readonly f: string
  /** The call's arguments, or what came of it; of a fault, a `FaultNote`. */
  readonly value?: unknown
  /** What the call was about, where a history is checked key by key. */
  readonly key?: string
  /** Monotonic ms since the run began; absent in histories from elsewhere. */
  readonly time?: number
  /** The revision that a call was answered with. */
  readonly revision?: number
  /** The code of the error with which a call ended. */
  readonly error?: string
}

/** What an event of the nemesis tells: a fault was begun, was seen to work, was healed. */
export interface FaultNote {
  /** The number of the fault within the run, from 1. */
  readonly fault: number
  readonly phase: 'begin' | 'seen' | 'heal'
  /** For people: whom it hit and how, or what showed that it worked. */
  readonly detail: string
}
