/**
 * Goal: our CRC-32 of few bytes is the library's. Method: both on any bytes, in any two pieces, from
 * any seed, on either side of the length from which the library is used.
 */
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32Of } from '../../src/state/crc32.ts'

test('the checksum of any bytes is that of the library', () => {
  const seed = fc.integer({ min: 0, max: 0xffff_ffff })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), seed, (bytes, from) => {
      expect(crc32Of(bytes)).toBe(crc32(bytes))
      expect(crc32Of(bytes, from)).toBe(crc32(bytes, from))
    }),
  )
})

test('that of two pieces, one after the other, is that of the whole', () => {
  const length = fc.nat({ max: 60 })
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 120, maxLength: 120 }),
      length,
      length,
      (bytes, a, b) => {
        const first = crc32Of(bytes, 0, 0, a)
        expect(crc32Of(bytes, first, a, a + b)).toBe(crc32(bytes.subarray(0, a + b)))
      },
    ),
  )
})
