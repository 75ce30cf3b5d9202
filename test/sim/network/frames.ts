/**
 * What stands for `src/transport/msgpack.ts` in the simulation's build: frames that carry their
 * values by reference. A frame has the length that it would have at most as bytes, so that every
 * bound of the transport counts as in earnest, but its bytes are never written.
 *
 * Values are checked by the same hand-written checks as ever, because those work on what
 * `unpackFrame` returns. With `useCodecs(true)` frames are real bytes, decoded by the real decoder.
 */
import {
  badFrame,
  packedBytesMax,
  packFrame as packBytes,
  unpackFrame as unpackBytes,
} from '../../../src/transport/msgpack.ts'
import type { Wire } from '../../../src/transport/msgpack.ts'

export {
  badFrame,
  frameDepthMax,
  frameElementsMax,
  packedBytesMax,
} from '../../../src/transport/msgpack.ts'
export type { Wire } from '../../../src/transport/msgpack.ts'

const zeros = new ArrayBuffer(65_536)
const values = new WeakMap<Uint8Array, Wire>()
const modes = { codecs: false }

/** Whether frames are made into bytes from now on. */
export function useCodecs(codecs: boolean): void {
  modes.codecs = codecs
}

/** A frame that stands for a value. */
export function packFrame(value: Wire): Uint8Array {
  if (modes.codecs) return packBytes(value)
  const length = packedBytesMax(value)
  const frame =
    length <= zeros.byteLength ? new Uint8Array(zeros, 0, length) : new Uint8Array(length)
  values.set(frame, value)
  return frame
}

/** The value that a frame stands for. */
export function unpackFrame(frame: Uint8Array): unknown {
  if (modes.codecs) return unpackBytes(frame)
  const value = values.get(frame)
  if (value === undefined) throw badFrame('it was never packed')
  return value
}
