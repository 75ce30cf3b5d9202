/** The time of the relays: real in a run, set by hand in their tests. */

export interface RelayClock {
  /** Monotonic, ms. */
  now(): number
  /** Calls `action` once, `ms` from now or later; gives back what takes it away again. */
  after(ms: number, action: () => void): () => void
}

/** The time of this machine. */
export const realClock: RelayClock = {
  now: () => performance.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms)
    return () => clearTimeout(timer)
  },
}
