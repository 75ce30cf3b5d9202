/** What a call must pass before anything is done for it: all of it is refused without effect. */
import { QuorateError, usageError } from '../errors.ts'
import type { CallOptions } from './types.ts'

/** Encoded commands of open calls, all together. */
const bytesMax = 268_435_456
/** The longest budget that a timer can count. */
const timeoutMsMax = 0x7fff_ffff

/** What the client carries already. */
export interface Load {
  readonly closed: boolean
  readonly calls: number
  readonly callsMax: number
  readonly bytes: number
}

/** A call at the door. */
export interface Applicant {
  readonly name: string
  readonly token: Uint8Array | undefined
  readonly options: CallOptions
  readonly load: Load
}

/** Throws unless the call may begin. */
export function admit({ name, token, options, load }: Applicant): void {
  if (load.closed) throw closedError(name, token)
  checkTimeout(options.timeout)
  const { signal } = options
  const carried = token === undefined ? {} : { token }
  if (signal?.aborted === true) {
    const cause: unknown = signal.reason
    const message = `${name}: given up before it began`
    throw new QuorateError('QUORATE_ABORTED', message, { ...carried, cause })
  }
  if (load.calls >= load.callsMax || load.bytes >= bytesMax) {
    const message = `${name}: ${load.calls} calls of ${load.bytes} bytes are open, as many as may be`
    throw new QuorateError('QUORATE_OVERLOADED', message, carried)
  }
}

/** Throws unless it is a budget in ms. */
export function checkTimeout(timeout: number | undefined, name = 'timeout'): void {
  if (timeout === undefined) return
  if (!Number.isFinite(timeout) || timeout <= 0 || timeout > timeoutMsMax) {
    throw usageError(`\`${name}\` is a number of milliseconds above 0`)
  }
}

/** The client was closed before the call. */
export function closedError(name: string, token: Uint8Array | undefined): QuorateError {
  const withToken = token === undefined ? {} : { token }
  return new QuorateError('QUORATE_CLOSED', `${name}: the client is closed`, withToken)
}
