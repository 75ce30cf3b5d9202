/** Giving up work that takes long. */
import { QuorateError } from '../errors.ts'

/** Whose work can be given up. */
export interface Abortable {
  /** Looked at between frames, and last before a node exists: it ends with `QUORATE_ABORTED`. */
  readonly signal?: AbortSignal | undefined
}

/** Throws `QUORATE_ABORTED` once the work is given up: nothing that was done so far counts. */
export function checkNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return
  throw new QuorateError('QUORATE_ABORTED', 'given up by its signal', { cause: signal.reason })
}
