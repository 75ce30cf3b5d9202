/**
 * Calls that an `AbortSignal` may give up. One signal often stands over thousands of calls, and
 * the platform warns of a leak from eleven listeners on: so each signal is listened to once.
 */

/** What can be given up. */
export interface Abortable {
  abort(reason: unknown): void
}

interface Watched {
  readonly calls: Set<Abortable>
  readonly listener: () => void
}

export class Aborts {
  readonly #signals = new Map<AbortSignal, Watched>()

  /** From now on until `forget`, the call is given up when the signal says so. */
  watch(signal: AbortSignal, call: Abortable): void {
    const watched = this.#signals.get(signal) ?? this.#listen(signal)
    watched.calls.add(call)
  }

  /** The call has ended. */
  forget(signal: AbortSignal, call: Abortable): void {
    const watched = this.#signals.get(signal)
    if (watched === undefined) return
    watched.calls.delete(call)
    if (watched.calls.size > 0) return
    this.#signals.delete(signal)
    signal.removeEventListener('abort', watched.listener)
  }

  #listen(signal: AbortSignal): Watched {
    const calls = new Set<Abortable>()
    const listener = (): void => {
      for (const call of calls) call.abort(signal.reason)
    }
    const watched = { calls, listener }
    this.#signals.set(signal, watched)
    signal.addEventListener('abort', listener, { once: true })
    return watched
  }
}
