/** Small random histories, from a seed: some of real objects, some with answers made up. */
import { operationsOf } from '../../../jepsen-style/history/index.ts'
import type { EventType, HistoryEvent, Operation } from '../../../jepsen-style/history/index.ts'

/** A seeded source; SplitMix with 32 bits. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** 0 ≤ n < sides. */
  roll(sides: number): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) % sides
  }

  chance(percent: number): boolean {
    return this.roll(100) < percent
  }

  pick<T>(values: readonly T[]): T {
    return values[this.roll(values.length)]!
  }
}

/** What a call is, and what an object answers. */
export interface Subject {
  invoke(dice: Dice, seen: readonly number[]): { f: string; key?: string; value?: unknown }
  /** Takes effect and answers. */
  apply(call: { f: string; key?: string; value?: unknown }): Answer
}

export interface Answer {
  readonly type: 'ok' | 'fail'
  readonly value?: unknown
  readonly revision?: number
}

interface Running {
  readonly call: { f: string; key?: string; value?: unknown }
  answer: Answer | undefined
}

/** Plays `calls` calls of `processes` at once against a real object: so it has an order. */
export function play(
  dice: Dice,
  subject: Subject,
  { calls, processes, open = 15 }: { calls: number; processes: number; open?: number },
): HistoryEvent[] {
  const events: HistoryEvent[] = []
  const running = new Map<number, Running>()
  const names = Array.from({ length: processes }, (_, i) => i)
  const seen: number[] = []
  const add = (process: number, type: EventType, call: Running['call'], answer?: Answer): void => {
    const value = type === 'invoke' ? call.value : type === 'info' ? undefined : answer?.value
    events.push({
      i: events.length,
      process,
      type,
      f: call.f,
      ...(value !== undefined && { value }),
      ...(call.key !== undefined && { key: call.key }),
      ...(type !== 'invoke' && answer?.revision !== undefined && { revision: answer.revision }),
    })
  }
  let left = calls
  while (left > 0 || running.size > 0) {
    const slot = dice.roll(processes)
    const process = names[slot]!
    const now = running.get(process)
    if (now === undefined) {
      if (left === 0) {
        if (running.size > 0) {
          finish(dice.pick([...running.keys()]))
        }
        continue
      }
      left--
      const call = subject.invoke(dice, seen)
      running.set(process, { call, answer: undefined })
      add(process, 'invoke', call)
    } else if (now.answer === undefined && dice.chance(60)) {
      now.answer = subject.apply(now.call)
    } else {
      finish(process)
    }
  }
  return events

  function finish(process: number): void {
    const now = running.get(process)!
    running.delete(process)
    const slot = names.indexOf(process)
    if (dice.chance(open)) {
      // Nobody was answered, whether it had its effect or not; sometimes nothing is recorded.
      names[slot] = process + processes
      if (dice.chance(60)) add(process, 'info', now.call)
      return
    }
    now.answer ??= subject.apply(now.call)
    if (now.answer.revision !== undefined) seen.push(now.answer.revision)
    add(process, now.answer.type, now.call, now.answer)
  }
}

/** A register per key. */
export function register(keys: readonly (string | undefined)[], values: number): Subject {
  const state = new Map<string, number | null>()
  return {
    invoke(dice) {
      const key = dice.pick(keys)
      const call = dice.pick([
        { f: 'read' },
        { f: 'write', value: dice.roll(values) },
        { f: 'cas', value: [dice.roll(values), dice.roll(values)] },
      ])
      return key === undefined ? call : { ...call, key }
    },
    apply({ f, key = '', value }) {
      const now = state.get(key) ?? null
      if (f === 'read') return { type: 'ok', value: now }
      if (f === 'write') {
        state.set(key, value as number)
        return { type: 'ok', value }
      }
      const [from, to] = value as [number, number]
      if (from !== now) return { type: 'fail', value }
      state.set(key, to)
      return { type: 'ok', value }
    },
  }
}

/** Texts. */
export function texts(): Subject {
  const state = new Map<string, string>()
  let next = 0
  return {
    invoke(dice) {
      const key = 'k'
      const value = dice.chance(80) ? String(next++) : 'x'
      return dice.pick([
        { f: 'get', key },
        { f: 'append', key, value },
        { f: 'append', key, value },
        { f: 'put', key, value },
      ])
    },
    apply({ f, key = '', value }) {
      const now = state.get(key) ?? ''
      if (f === 'get') return { type: 'ok', value: now }
      state.set(key, f === 'put' ? String(value) : now + String(value))
      return { type: 'ok', value }
    },
  }
}

/** The store: rows with revisions, on these keys. */
export function store(keys: readonly string[], values: number): Subject {
  const rows = new Map<string, { value: number; revision: number }>()
  let revision = 0
  return {
    invoke(dice, seen) {
      const key = dice.pick(keys)
      const value = dice.roll(values)
      const ifRevision = dice.chance(80) && seen.length > 0 ? dice.pick(seen) : 0
      return dice.pick([
        { f: 'read', key },
        { f: 'read', key },
        { f: 'write', key, value },
        { f: 'write', key, value },
        { f: 'delete', key },
        { f: 'cas', key, value: [dice.chance(30) ? null : dice.roll(values), value] },
        { f: 'cas', key, value: { ifRevision, to: value } },
        { f: 'cas', key, value: { ifRevision, to: value } },
      ])
    },
    apply({ f, key = '', value }) {
      const row = rows.get(key)
      const set = (to: number): Answer => {
        rows.set(key, { value: to, revision: ++revision })
        return { type: 'ok', revision }
      }
      if (f === 'read') {
        return { type: 'ok', value: row?.value ?? null, ...(row && { revision: row.revision }) }
      }
      if (f === 'write') return set(value as number)
      if (f === 'delete') {
        if (row === undefined) return { type: 'ok', value: false, revision }
        rows.delete(key)
        return { type: 'ok', value: true, revision: ++revision }
      }
      if (Array.isArray(value)) {
        const [from, to] = value as [number | null, number]
        return from === (row?.value ?? null) ? set(to) : { type: 'fail' }
      }
      const { ifRevision, to } = value as { ifRevision: number; to: number }
      if (ifRevision === (row?.revision ?? 0)) return set(to)
      return { type: 'fail', revision: row?.revision ?? 0 }
    },
  }
}

/** Changes an answer, or moves an end: the result may have an order or not. */
export function mutate(dice: Dice, events: readonly HistoryEvent[]): HistoryEvent[] {
  const ends = events.flatMap(({ type }, at) => (type === 'ok' || type === 'fail' ? [at] : []))
  if (ends.length === 0) return [...events]
  const at = dice.pick(ends)
  const event = events[at]!
  const others = ends.map((end) => events[end]!).filter(({ f }) => f === event.f)
  const other = dice.pick(others)
  const changed = [...events]
  switch (dice.roll(4)) {
    case 0:
      // An answer that another got.
      changed[at] = { ...other, process: event.process, f: event.f }
      if (event.key !== undefined) changed[at] = { ...changed[at], key: event.key }
      break
    case 1:
      if (event.revision !== undefined) {
        changed[at] = { ...event, revision: Math.max(0, event.revision + dice.roll(5) - 2) }
      }
      break
    case 2:
      if (event.f === 'cas') changed[at] = { ...event, type: event.type === 'ok' ? 'fail' : 'ok' }
      break
    default: {
      // The end moves to an earlier place, but not before its own call.
      const begin = events.findIndex(
        ({ process, type }, i) =>
          type === 'invoke' &&
          process === event.process &&
          !events.slice(i + 1, at).some((e) => e.process === process),
      )
      const to = begin + 1 + dice.roll(at - begin)
      changed.splice(at, 1)
      changed.splice(to, 0, event)
    }
  }
  return changed.map((one, i) => ({ ...one, i }))
}

/** The operations of a history. */
export function paired(events: readonly HistoryEvent[]): Operation[] {
  return operationsOf(events)
}
