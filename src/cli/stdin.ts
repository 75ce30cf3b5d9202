/** A value from stdin. */
import { QuorateError } from '../errors.ts'
import { defaultLimits } from '../command/index.ts'
import type { Io } from './io.ts'

/** Reads stdin to its end, but never more than a value may hold: the rest would be refused. */
export async function readStdin(io: Pick<Io, 'stdin'>): Promise<Uint8Array> {
  const { valueBytesMax } = defaultLimits
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of io.stdin()) {
    chunks.push(chunk)
    length += chunk.length
    if (length > valueBytesMax) {
      throw new QuorateError(
        'QUORATE_TOO_LARGE',
        `the value on stdin is larger than ${valueBytesMax} bytes; nothing was stored`,
      )
    }
  }
  return Buffer.concat(chunks, length)
}
