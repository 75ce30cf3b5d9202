/**
 * Messages that are none. Each breaks a rule of docs/protocol.md that any receiver checks, so that
 * it must be noticed: a flipped bit inside a value would not be, and is TCP's to find.
 */
import type { Chance } from '../../workloads/workload.ts'
import type { Side } from './splitter.ts'

const payloads: readonly Buffer[] = [
  // The byte that MessagePack never uses.
  Buffer.from([0xc1]),
  // An array that ends before its second element.
  Buffer.from([0x94, 0x03]),
  // A map.
  Buffer.from([0x81, 0x03, 0x03]),
  // A frame of a kind that does not exist.
  Buffer.from([0x91, 0x7f]),
  // Arrays within arrays, deeper than any frame.
  Buffer.from([...Array.from({ length: 40 }, () => 0x91), 0x00]),
  Buffer.alloc(0),
]

/** A whole WebSocket frame with such a message, as this side would send it. */
export function garbageFrame(side: Side, chance: Chance): Buffer {
  const payload = chance.pick(payloads)
  // A final binary frame. Who dials must mask (RFC 6455, 5.3); a mask of zeros changes nothing.
  const header =
    side === 'dialler' ? [0x82, 0x80 | payload.length, 0, 0, 0, 0] : [0x82, payload.length]
  return Buffer.concat([Buffer.from(header), payload])
}
