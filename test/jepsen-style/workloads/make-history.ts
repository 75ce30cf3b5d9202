/** Histories by hand: events in the order of time. */
import {
  operationsOf,
  type EventType,
  type HistoryEvent,
  type Operation,
} from '../../../jepsen-style/history/index.ts'

/** What an event says besides who, how and what. */
export type Rest = Pick<HistoryEvent, 'value' | 'key' | 'revision' | 'error'>

/** Collects events. */
export class MadeHistory {
  readonly events: HistoryEvent[] = []

  event(process: number, type: EventType, f: string, rest: Rest = {}): this {
    this.events.push({ i: this.events.length, process, type, f, ...rest })
    return this
  }

  /** A call that begins and ends with nothing in between. */
  call(f: string, asked: Rest, type: EventType, told: Rest = {}, process = 0): this {
    this.event(process, 'invoke', f, asked)
    return this.event(process, type, f, { ...asked, ...told })
  }

  get operations(): readonly Operation[] {
    return operationsOf(this.events)
  }
}

/** A new one. */
export function made(): MadeHistory {
  return new MadeHistory()
}
