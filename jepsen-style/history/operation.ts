/**
 * Operations: calls with what became of them, made from the events of a history. Checkers work on
 * these, and on their order in time alone.
 */
import { nemesisProcess, type HistoryEvent } from './event.ts'
import { HistoryError } from './history-error.ts'
import { lineOf } from './line.ts'

/** `info` also where no completion was recorded: nobody knows, and the call stays open for ever. */
export type Outcome = 'ok' | 'fail' | 'info'

/** A call, from its beginning to its end. */
export interface Operation {
  readonly process: number
  readonly f: string
  readonly key: string | undefined
  /** The value of the `invoke`. */
  readonly input: unknown
  readonly outcome: Outcome
  /** The value of the completion; undefined where there was none. */
  readonly output: unknown
  /** The revision of the answer. */
  readonly revision: number | undefined
  /** The code of the error with which it ended. */
  readonly error: string | undefined
  /** Lines of the `invoke` and of the completion, for people; the latter undefined without one. */
  readonly invokeLine: number
  readonly completionLine: number | undefined
  /**
   * Places in the order of time, all of them distinct: `a` ended before `b` began if and only if
   * `a.end < b.begin`. The end of a call with outcome `info` is Infinity, whatever was recorded.
   */
  readonly begin: number
  readonly end: number
}

/**
 * Pairs the events of a history. Events of the nemesis are left out.
 *
 * The order of time is the order of the lines, unless every event has a `time`: then it is that of
 * the times, and among equal times calls begin before others end, so that the two count as
 * concurrent. A clock that is too coarse, or two recorders whose lines were merged, may cost the
 * checker a violation, but never make one up (Porcupine orders its events in the same way).
 *
 * Throws `HistoryError` for what no history can hold: a second call of a process before its first
 * has ended, or at a time before that; the end of a call that never began, or of another one, or
 * before it began. A process that calls again after an `info` is accepted: its older call stays open.
 *
 * @param name what errors call the history
 */
export function operationsOf(events: readonly HistoryEvent[], name = 'history'): Operation[] {
  const timed = isTimed(events)
  const order = timed ? placesInTime(events) : undefined
  const open = new Map<number, Begun>()
  /** Where times count: when the last call of a process ended. */
  const ended = new Map<number, number>()
  const operations: Operation[] = []
  for (const [at, event] of events.entries()) {
    if (event.process === nemesisProcess) continue
    const refuse = (what: string): never => {
      const place = { file: name, line: lineOf(event) }
      throw new HistoryError(`process ${event.process}: ${what}`, place)
    }
    const begun = open.get(event.process)
    const place = order?.[at] ?? at
    if (event.type === 'invoke') {
      if (begun !== undefined) refuse(`a second call before its first has ended`)
      if (timed && (event.time ?? 0) < (ended.get(event.process) ?? -Infinity)) {
        refuse(`${event.f} begins at a time before its last call ended`)
      }
      open.set(event.process, { event, process: event.process, place, at: operations.length })
      // Filled in by its end: operations stand in the order of their `invoke`s.
      operations.push(operation({ event, process: event.process, place, at: 0 }, undefined, 0))
      continue
    }
    if (begun === undefined) {
      // A recorder may note that a process crashed which had nothing under way.
      if (event.type === 'info') continue
      refuse(`${event.type} of ${event.f}, which it did not call`)
    } else {
      if (begun.event.f !== event.f) refuse(`${event.type} of ${event.f} ends ${begun.event.f}`)
      if (event.key !== undefined && event.key !== begun.event.key) {
        refuse(`${event.f} of ${event.key} ends one of ${begun.event.key ?? 'no key'}`)
      }
      if (place < begun.place) refuse(`${event.f} ends at a time before it begins`)
      operations[begun.at] = operation(begun, event, place)
      open.delete(event.process)
      // When one ended of which nobody knows the outcome is a guess of the recorder.
      if (event.type !== 'info') ended.set(event.process, event.time ?? 0)
    }
  }
  return operations
}

interface Begun {
  readonly event: HistoryEvent
  readonly process: number
  /** In the order of time. */
  readonly place: number
  /** Among the operations. */
  readonly at: number
}

function operation(begun: Begun, end: HistoryEvent | undefined, endPlace: number): Operation {
  const outcome = end === undefined || end.type === 'invoke' ? 'info' : end.type
  return {
    process: begun.process,
    f: begun.event.f,
    key: begun.event.key,
    input: begun.event.value,
    outcome,
    output: end?.value,
    revision: end?.revision,
    error: end?.error,
    invokeLine: begun.event.i,
    completionLine: end?.i,
    begin: begun.place,
    end: outcome === 'info' ? Number.POSITIVE_INFINITY : endPlace,
  }
}

/** Whether times decide, and not lines; see `operationsOf`. */
function isTimed(events: readonly HistoryEvent[]): boolean {
  return events.every(({ time, process }) => time !== undefined || process === nemesisProcess)
}

/** For each event its place in the order of times. */
function placesInTime(events: readonly HistoryEvent[]): Float64Array {
  const places = new Float64Array(events.length)
  const order = Array.from(events.keys()).sort((a, b) => compareTimes(events, a, b))
  for (const [place, at] of order.entries()) places[at] = place
  return places
}

function compareTimes(events: readonly HistoryEvent[], a: number, b: number): number {
  const first = events[a]
  const second = events[b]
  const byTime = (first?.time ?? 0) - (second?.time ?? 0)
  if (byTime !== 0) return byTime
  const byKind = kindOf(first) - kindOf(second)
  return byKind !== 0 ? byKind : a - b
}

function kindOf(event: HistoryEvent | undefined): number {
  return event?.type === 'invoke' ? 0 : 1
}
