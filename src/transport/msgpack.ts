/**
 * Bytes to plain values and back: MessagePack, of which frames use a small part.
 *
 * A frame is made of arrays, unsigned and negative integers, doubles, booleans, nil, strings and
 * byte strings. The decoder underneath knows much more (maps, dates, regular expressions, cyclic
 * references, records for which it generates code), each of them a surface that a stranger could
 * work on. So `checkShape` first walks the bytes, without making anything of them, and lets only
 * what frames are made of pass, with bounds on depth and number.
 */
import { Packr } from 'msgpackr'
import { QuorateError } from '../errors.ts'

/** Arrays within arrays. The deepest frame of ours has 6. */
export const frameDepthMax = 8
/** Values in one frame: bounds the memory that a frame of small values turns into. */
export const frameElementsMax = 262_144

const packr = new Packr({ useRecords: false, mapsAsObjects: false, int64AsType: 'bigint' })

/** What frames are made of. Bytes that were decoded lie within the frame's own memory. */
export type Wire = number | string | boolean | null | Uint8Array | readonly Wire[]

/** The bytes of a frame. */
export function packFrame(value: Wire): Uint8Array {
  return packr.pack(value)
}

/** The value of a frame; anything but one whole value of the allowed kinds is refused. */
export function unpackFrame(frame: Uint8Array): unknown {
  checkShape(frame)
  try {
    return packr.unpack(frame)
  } catch (cause) {
    throw new QuorateError('QUORATE_PROTOCOL', 'a frame that is not MessagePack', { cause })
  }
}

/** The refusal of a frame. */
export function badFrame(what: string): QuorateError {
  return new QuorateError('QUORATE_PROTOCOL', `bad frame: ${what}`)
}

/** An upper bound of the bytes that `packFrame` makes of a value. */
export function packedBytesMax(value: Wire): number {
  if (typeof value === 'number') return 9
  if (typeof value === 'string') return 5 + 3 * value.length
  if (value === null || typeof value === 'boolean') return 1
  if (value instanceof Uint8Array) return 5 + value.length
  let bytes = 5
  for (const element of value) bytes += packedBytesMax(element)
  return bytes
}

/**
 * Walks over one value without recursion: `left[depth]` counts what is still missing of each open
 * array. Each step consumes at least a byte, so it ends after at most `frame.length` steps.
 */
function checkShape(frame: Uint8Array): void {
  const left = new Uint32Array(frameDepthMax + 1)
  let depth = 0
  let elements = 0
  let at = 0
  left[0] = 1
  while (depth > 0 || left[0] > 0) {
    if (left[depth] === 0) {
      depth--
      continue
    }
    left[depth] = (left[depth] ?? 0) - 1
    if (++elements > frameElementsMax) throw badFrame('too many values')
    const token = frame[at++]
    if (token === undefined) throw badFrame('it ends early')
    const size = arraySize(frame, token, at)
    if (size >= 0) {
      at += token < 0xa0 ? 0 : token === 0xdc ? 2 : 4
      // Each element takes a byte at least, so a larger count is a lie; the decoder underneath would
      // reserve memory on the strength of it.
      if (size > frame.length - at) throw badFrame('an array longer than the frame')
      if (++depth > frameDepthMax) throw badFrame('nested too deeply')
      left[depth] = size
    } else {
      at += scalarBytes(frame, token, at)
      if (at > frame.length) throw badFrame('it ends early')
    }
  }
  if (at !== frame.length) throw badFrame('bytes after its end')
}

/** The length of the array that the token begins; -1 where it begins none. */
function arraySize(frame: Uint8Array, token: number, at: number): number {
  if (token >= 0x90 && token <= 0x9f) return token - 0x90
  if (token === 0xdc) return bigEndian(frame, at, 2)
  if (token === 0xdd) return bigEndian(frame, at, 4)
  return -1
}

/** The bytes that follow the token of a value that is not an array. */
function scalarBytes(frame: Uint8Array, token: number, at: number): number {
  if (token < 0x80 || token >= 0xe0) return 0
  if (token >= 0xa0 && token <= 0xbf) return token - 0xa0
  switch (token) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return 0
    case 0xcc: // unsigned, 8 bits
    case 0xd0: // signed
      return 1
    case 0xcd:
    case 0xd1:
      return 2
    case 0xce:
    case 0xd2:
      return 4
    case 0xcb: // double
      return 8
    case 0xc4: // bytes
    case 0xd9: // string
      return 1 + bigEndian(frame, at, 1)
    case 0xc5:
    case 0xda:
      return 2 + bigEndian(frame, at, 2)
    case 0xc6:
    case 0xdb:
      return 4 + bigEndian(frame, at, 4)
    default:
      throw badFrame(`a value of kind 0x${token.toString(16)}`)
  }
}

/** Bytes beyond the end read as zero; the caller's own bounds then refuse the frame. */
function bigEndian(frame: Uint8Array, at: number, bytes: number): number {
  let value = 0
  for (let i = 0; i < bytes; i++) value = value * 256 + (frame[at + i] ?? 0)
  return value
}
