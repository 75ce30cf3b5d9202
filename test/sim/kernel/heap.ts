/** What is to happen, in the order of time; at one moment in the order in which it was planned. */

/** Something planned. `callback` is undefined once it was cancelled. */
export interface Event {
  readonly at: number
  readonly order: number
  callback: (() => void) | undefined
}

/** A binary heap. */
export class EventHeap {
  readonly #events: Event[] = []

  get size(): number {
    return this.#events.length
  }

  peek(): Event | undefined {
    return this.#events[0]
  }

  push(event: Event): void {
    const events = this.#events
    let at = events.length
    events.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = events[above] as Event
      if (!before(event, parent)) break
      events[at] = parent
      at = above
    }
    events[at] = event
  }

  pop(): Event | undefined {
    const events = this.#events
    const first = events[0]
    const last = events.pop()
    if (first === undefined || last === undefined || events.length === 0) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= events.length) break
      const right = below + 1
      if (right < events.length && before(events[right] as Event, events[below] as Event)) {
        below = right
      }
      const child = events[below] as Event
      if (!before(child, last)) break
      events[at] = child
      at = below
    }
    events[at] = last
    return first
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
