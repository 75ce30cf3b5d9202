/**
 * Goal: the checks of LevelDB's files reject what isn't what was written, and accept what a power
 * cut leaves of MANIFEST, as LevelDB does.
 *
 * Method: known checksums; a table and a MANIFEST that a real database wrote, cut at every byte;
 * numbers that don't end. The many kinds of damage to whole databases are in
 * `state-database.test.ts`.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/random.ts'
import { crc32c, unmask } from '../../src/state/crc32c.ts'
import { fastestCrc32c } from '../../src/system/crc32c.ts'
import { checkTable, readManifest } from '../../src/state/index.ts'
import { LevelReader } from '../../src/state/level-bytes.ts'
import { openStateDatabase } from '../../src/system/state-database.ts'
import { isQuorate } from './errors.ts'
import { b } from './support.ts'

async function filesOf(): Promise<{ table: Uint8Array; manifest: Uint8Array }> {
  const directory = await mkdtemp(join(tmpdir(), 'quorate-table-'))
  try {
    const database = await openStateDatabase(directory)
    for (let i = 0; i < 3; i++) {
      await database.db.put(b(`key-${i}`), b('value'))
      await database.barrier()
    }
    await database.close()
    const names = await readdir(directory)
    const read = (pattern: RegExp): Promise<Uint8Array> =>
      readFile(
        join(
          directory,
          names.find((name) => pattern.test(name))!,
        ),
      )
    return { table: await read(/\.ldb$/), manifest: await read(/^MANIFEST/) }
  } finally {
    await rm(directory, { recursive: true })
  }
}

describe('CRC-32C', () => {
  test('has the values that RFC 3720 gives, and the check value', () => {
    expect(crc32c(b('123456789'), 0, 9)).toBe(0xe3069283)
    expect(crc32c(new Uint8Array(32), 0, 32)).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(0xff), 0, 32)).toBe(0x62a8ab43)
    expect(
      crc32c(
        Uint8Array.from({ length: 32 }, (_, i) => i),
        0,
        32,
      ),
    ).toBe(0x46dd794e)
  })

  test('is the same by whatever is fastest on this machine', async () => {
    const fastest = await fastestCrc32c()
    const bytes = new SeededRandom(2).bytes(9_000)
    for (const [start, end] of [
      [0, 0],
      [0, 1],
      [3, 4_099],
      [1, 9_000],
    ] as const) {
      expect(fastest(bytes, start, end)).toBe(crc32c(bytes, start, end))
    }
  })

  test('does not care where in an array the bytes stand', () => {
    const bytes = new SeededRandom(1).bytes(100)
    for (let length = 0; length < 40; length++) {
      for (let start = 0; start < 9; start++) {
        const part = bytes.slice(start, start + length)
        expect(crc32c(bytes, start, start + length)).toBe(crc32c(part, 0, length))
      }
    }
  })

  test('is unmasked as LevelDB masks it', () => {
    for (const crc of [0, 1, 0xe3069283, 0xffff_ffff]) {
      const rotated = ((crc >>> 15) | (crc << 17)) >>> 0
      expect(unmask((rotated + 0xa282ead8) >>> 0)).toBe(crc)
    }
  })
})

describe('files', () => {
  test('a table names its first and last key, and is refused when cut anywhere', async () => {
    const { table } = await filesOf()
    const { smallest, largest } = checkTable('t', table)
    // Eight bytes of sequence number and type follow the key.
    expect(Buffer.from(smallest).subarray(0, 4).toString()).toBe('key-')
    expect(largest.length).toBe(5 + 8)
    for (let length = 0; length < table.length; length++) {
      expect(() => checkTable('t', table.subarray(0, length))).toThrow('damaged')
    }
  })

  test('a MANIFEST that is cut anywhere is older, never different', async () => {
    const { manifest } = await filesOf()
    const whole = [...readManifest('m', manifest).keys()]
    expect(whole).toHaveLength(3)
    const seen = new Set<number>()
    for (let length = 0; length <= manifest.length; length++) {
      let tables: number[]
      try {
        tables = [...readManifest('m', manifest.subarray(0, length)).keys()]
      } catch (error) {
        expect(isQuorate(error, 'QUORATE_CORRUPT')).toBe(true)
        // Only before the first version is complete.
        expect(seen.size).toBe(0)
        continue
      }
      expect(tables).toEqual(whole.slice(0, tables.length))
      seen.add(tables.length)
    }
    expect(Math.max(...seen)).toBe(3)
  })

  test('numbers that do not end, and sizes beyond the end, are refused', () => {
    const reader = (...bytes: number[]): LevelReader =>
      new LevelReader('f', Uint8Array.from(bytes), { start: 0, end: bytes.length, base: 100 })
    const endless = Array.from({ length: 11 }, () => 0xff)
    expect(() => reader(...endless).varint()).toThrow('too long')
    expect(() => reader(0x80).varint()).toThrow('cut short')
    expect(() => reader(5, 1, 2).sized()).toThrow('damaged at byte 101')
    expect(reader(0x96, 0x01).varint()).toBe(150)
    expect(reader(1, 2, 3, 4).u32()).toBe(0x04030201)
  })
})
