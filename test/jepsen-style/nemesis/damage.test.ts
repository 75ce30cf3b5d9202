/**
 * Goal: damage always changes a file, only where it may, and an undamaged copy is the file again;
 * the last flush of a log is spared.
 * Method: real files in a temporary directory, drawn contents, every kind over many seeds.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  applyDamage,
  copySparse,
  damageKinds,
  drawsMax,
  planDamage,
  sectorBytes,
  usedSectors,
} from '../../../jepsen-style/nemesis/disk/damage.ts'
import type { Target } from '../../../jepsen-style/nemesis/disk/damage.ts'
import { damageableSegments, stateFiles } from '../../../jepsen-style/nemesis/disk/files.ts'
import { fakeChance, FakeNode } from './fake-cluster.ts'

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-damage-'))
  path = join(directory, 'file')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** A file of drawn bytes with some sectors of zeros; every used sector may be damaged. */
function drawnFile(seed: number): Target {
  const chance = fakeChance(seed)
  const sectors = chance.between(1, 20)
  const bytes = Buffer.alloc(sectors * sectorBytes + chance.between(0, sectorBytes))
  for (let sector = 0; sector < sectors; sector++) {
    if (sector > 0 && chance.between(0, 4) === 0) continue
    for (let i = 0; i < sectorBytes; i++) bytes[sector * sectorBytes + i] = chance.between(1, 256)
  }
  writeFileSync(path, bytes)
  return { path, sectors: usedSectors(path, 0).map((used) => used.sector) }
}

describe('damage', () => {
  for (const kind of damageKinds) {
    test(`${kind}: the file is another one afterwards, over 80 files`, () => {
      for (let seed = 0; seed < 80; seed++) {
        const target = drawnFile(seed)
        const before = readFileSync(path)
        applyDamage(path, planDamage(target, kind, fakeChance(seed + 1_000)))
        const after = readFileSync(path)
        expect(after.equals(before), `seed ${seed}`).toBe(false)
        expect(after.length <= before.length).toBe(true)
      }
    })

    test(`${kind}: nothing but the sectors that may be damaged is touched`, () => {
      for (let seed = 0; seed < 80; seed++) {
        const target = drawnFile(seed)
        const last = target.sectors.at(-2)
        if (last === undefined) continue
        const before = readFileSync(path)
        const allowed = { path, sectors: target.sectors.slice(0, -1) }
        applyDamage(path, planDamage(allowed, kind, fakeChance(seed)))
        const after = readFileSync(path)
        const end = (last + 1) * sectorBytes
        if (kind === 'truncate') expect(after.length).toBeLessThan(end)
        else expect(after.subarray(end).equals(before.subarray(end)), `seed ${seed}`).toBe(true)
      }
    })

    test(`${kind}: takes no more draws than it says`, () => {
      for (let seed = 0; seed < 100; seed++) {
        const target = drawnFile(seed)
        const chance = fakeChance(seed)
        let draws = 0
        planDamage(target, kind, {
          fraction: () => (draws++, chance.fraction()),
          between: (min, max) => (draws++, chance.between(min, max)),
          pick: (values) => (draws++, chance.pick(values)),
        })
        expect(draws).toBeLessThanOrEqual(drawsMax)
      }
    })
  }

  test('one bit of a file is flipped, and one alone, where one is drawn', () => {
    writeFileSync(path, Buffer.alloc(sectorBytes, 0xaa))
    const lowest = {
      fraction: () => 0,
      between: (min: number) => min,
      pick: <T>(v: readonly T[]) => v[0]!,
    }
    applyDamage(path, planDamage({ path, sectors: [0] }, 'flip-bits', lowest))
    const after = readFileSync(path)
    expect(after[0]).toBe(0xab)
    expect(after.subarray(1).every((byte) => byte === 0xaa)).toBe(true)
  })

  test('a short file loses its end and grows none', () => {
    writeFileSync(path, 'MANIFEST-000004\n')
    for (let seed = 0; seed < 50; seed++) {
      applyDamage(path, planDamage({ path, sectors: [0] }, 'truncate', fakeChance(seed)))
      expect(statSync(path).size).toBeLessThan(16)
      writeFileSync(path, 'MANIFEST-000004\n')
    }
  })

  test('where there is nothing to damage, it says so', () => {
    writeFileSync(path, '')
    expect(() => planDamage({ path, sectors: [] }, 'truncate', fakeChance(1))).toThrow('nothing')
  })
})

test('a sparse copy has the same bytes and the same length, holes at its end as well', () => {
  const bytes = Buffer.alloc(3 * 1_048_576 + 5)
  bytes.write('in the second of its chunks', 1_048_576 + 77)
  writeFileSync(path, bytes)
  copySparse(path, `${path}.copy`)
  expect(readFileSync(`${path}.copy`).equals(bytes)).toBe(true)
  expect(statSync(`${path}.copy`).blocks * 512).toBeLessThan(2 * 1_048_576)
})

describe('what of a node may be damaged', () => {
  const write = (name: string, bytes: Uint8Array | string): void => {
    const file = join(directory, 'n1', 'groups', '0', name)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, bytes)
  }
  const node = (): FakeNode => new FakeNode('n1', directory, 1)

  test('of a segment: what lies before its last flush', () => {
    const bytes = Buffer.alloc(16 * sectorBytes)
    bytes.write('QUORAWAL')
    bytes.write('QFL1', sectorBytes)
    bytes.write('more of the first flush', 2 * sectorBytes)
    bytes.write('QFL1', 3 * sectorBytes)
    bytes.write('QFL1 within a sector is no flush', 4 * sectorBytes + 1)
    write('wal/0000000001.wal', bytes)
    const [segment, ...more] = damageableSegments(node())
    expect(more).toEqual([])
    expect(segment?.sectors).toEqual([0, 1, 2])
  })

  test('a segment without a flush, and what is no segment, is left out', () => {
    const bytes = Buffer.alloc(4 * sectorBytes)
    bytes.write('QUORAWAL')
    write('wal/0000000002.wal', bytes)
    write('wal/0000000003.wal.tmp', 'QFL1')
    expect(damageableSegments(node())).toEqual([])
  })

  test('of a state: tables, manifest and its name; not LevelDB’s own log', () => {
    for (const name of ['000005.ldb', '000006.log', 'CURRENT', 'LOG', 'LOCK', 'MANIFEST-000004']) {
      write(`state-3/${name}`, name)
    }
    write('state-3/000007.ldb', '')
    const names = stateFiles(node()).map((file) => file.path.split('/').at(-1))
    expect(names).toEqual(['000005.ldb', 'CURRENT', 'MANIFEST-000004'])
  })
})
