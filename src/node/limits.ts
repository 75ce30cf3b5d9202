/** The named caps of a node's connections. */
import type { Limits } from '../command/index.ts'
import type { ClientLimits } from '../transport/index.ts'

/** What a client is told to keep to. */
export function clientLimits(limits: Limits): ClientLimits {
  return {
    keyBytesMax: limits.keyBytesMax,
    valueBytesMax: limits.valueBytesMax,
    tokenBytesMax: limits.tokenBytesMax,
    batchBytesMax: limits.batchBytesMax,
    // The largest batch and what stands around it.
    frameBytesMax: 2 * limits.batchBytesMax,
    requestsPerFrameMax: 4_096,
  }
}
