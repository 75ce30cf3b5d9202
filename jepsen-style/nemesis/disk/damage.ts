/**
 * Damage to the bytes of a file, as disks and people do it: bits that flip, a sector that is zero, a
 * chunk that was written to the wrong place, an end that is missing (the kinds of Jepsen's
 * corrupt-file nemesis). What to do is decided from what the file holds; nothing here knows a format.
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs'
import type { Chance } from '../../workloads/workload.ts'

/** What disks write as a whole. */
export const sectorBytes = 512
const chunkBytes = 1_048_576
/** Sectors of a chunk that goes to the wrong place, at most. */
const copySectorsMax = 8
/** Bits that flip, at most. */
const flipsMax = 32
/** Draws that one piece of damage takes at most; see `drawnAhead`. */
export const drawsMax: number = 8 + 2 * flipsMax

/** The kinds of damage. */
export const damageKinds = ['flip-bits', 'zero-sector', 'copy-chunk', 'truncate'] as const
/** One of them. */
export type DamageKind = (typeof damageKinds)[number]

/** A part of a file that gets other bytes, or the end that it loses. */
type Change =
  | { readonly type: 'write'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly type: 'truncate'; readonly length: number }

/** Damage that is decided and not done yet. */
export interface Damage {
  /** For people: `7 bits flipped`. */
  readonly detail: string
  readonly changes: readonly Change[]
}

/** Where a file may be damaged: sectors that hold something, by number, in order. */
export interface Target {
  readonly path: string
  readonly sectors: readonly number[]
}

/**
 * Decides on damage to a file. A kind that would change nothing there (a chunk that has an equal
 * beside it) becomes flipped bits, which always do. Throws where there is no sector to damage.
 */
export function planDamage(target: Target, kind: DamageKind, chance: Chance): Damage {
  const { path, sectors } = target
  const [first] = sectors
  if (first === undefined) throw new RangeError(`there is nothing to damage in ${path}`)
  const file = openSync(path, 'r')
  try {
    switch (kind) {
      case 'flip-bits':
        return flipBits(file, sectors, 1 + chance.between(0, flipsMax), chance)
      case 'zero-sector': {
        const sector = chance.pick(sectors)
        const bytes = new Uint8Array(readSector(file, sector).length)
        const at = sector * sectorBytes
        return {
          detail: `the sector at byte ${at} zeroed`,
          changes: [{ type: 'write', at, bytes }],
        }
      }
      case 'copy-chunk':
        return copyChunk(file, sectors, chance) ?? flipBits(file, sectors, 1, chance)
      case 'truncate': {
        const begin = chance.pick(sectors) * sectorBytes
        const room = Math.min(sectorBytes, fstatSync(file).size - begin)
        const length = begin + chance.between(0, room)
        return { detail: `cut off at byte ${length}`, changes: [{ type: 'truncate', length }] }
      }
      default:
        return unreachable(kind)
    }
  } finally {
    closeSync(file)
  }
}

function flipBits(file: number, sectors: readonly number[], count: number, chance: Chance): Damage {
  const changed = new Map<number, number>()
  for (let i = 0; i < count; i++) {
    const sector = chance.pick(sectors)
    const bytes = readSector(file, sector)
    const bit = chance.between(0, bytes.length * 8)
    const at = sector * sectorBytes + (bit >> 3)
    // Read from the file each time: a byte that is drawn twice does not become what it was.
    changed.set(at, (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7)))
  }
  const changes = [...changed].map(([at, byte]): Change => ({
    type: 'write',
    at,
    bytes: Uint8Array.of(byte),
  }))
  const places = [...changed.keys()].sort((a, b) => a - b)
  const where = places.length === 1 ? `at byte ${places[0]}` : `from byte ${places[0]} on`
  return {
    detail: `${places.length === 1 ? 'one bit' : `${places.length} bits`} flipped ${where}`,
    changes,
  }
}

function copyChunk(file: number, sectors: readonly number[], chance: Chance): Damage | undefined {
  const from = chance.pick(sectors)
  const to = chance.pick(sectors)
  // Not beyond the last sector that may be damaged.
  const room = (sectors.at(-1) ?? 0) - Math.max(from, to) + 1
  const count = Math.min(room, chance.between(1, copySectorsMax + 1))
  const bytes = readRange(file, from * sectorBytes, count * sectorBytes)
  const old = readRange(file, to * sectorBytes, count * sectorBytes)
  if (bytes.length !== old.length || bytes.equals(old)) return undefined
  const at = to * sectorBytes
  return {
    detail: `${bytes.length} bytes from byte ${from * sectorBytes} written over those at ${at}`,
    changes: [{ type: 'write', at, bytes }],
  }
}

/** Does it. */
export function applyDamage(path: string, { changes }: Damage): void {
  const file = openSync(path, 'r+')
  try {
    for (const change of changes) {
      switch (change.type) {
        case 'write':
          writeSync(file, change.bytes, 0, change.bytes.length, change.at)
          break
        case 'truncate':
          ftruncateSync(file, change.length)
          break
        default:
          unreachable(change)
      }
    }
  } finally {
    closeSync(file)
  }
}

/** The sectors of a file that hold anything but zeros, with their first bytes, in order. */
export function usedSectors(
  path: string,
  headBytes: number,
): { readonly sector: number; readonly head: Buffer }[] {
  const used: { sector: number; head: Buffer }[] = []
  forEachChunk(path, (chunk, at) => {
    for (let offset = 0; offset < chunk.length; offset += sectorBytes) {
      const bytes = chunk.subarray(offset, offset + sectorBytes)
      if (isZero(bytes)) continue
      const head = Buffer.from(bytes.subarray(0, headBytes))
      used.push({ sector: (at + offset) / sectorBytes, head })
    }
  })
  return used
}

/** Copies a file and leaves holes where it holds zeros: a log's segments are mostly those. */
export function copySparse(from: string, to: string): void {
  const file = openSync(to, 'w')
  try {
    forEachChunk(from, (chunk, at) => {
      if (!isZero(chunk)) writeSync(file, chunk, 0, chunk.length, at)
    })
    ftruncateSync(file, statSync(from).size)
  } finally {
    closeSync(file)
  }
}

function forEachChunk(path: string, visit: (chunk: Buffer, at: number) => void): void {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(chunkBytes)
    for (let at = 0; ; at += chunkBytes) {
      const length = readSync(file, buffer, 0, chunkBytes, at)
      if (length === 0) return
      visit(buffer.subarray(0, length), at)
    }
  } finally {
    closeSync(file)
  }
}

function readSector(file: number, sector: number): Buffer {
  return readRange(file, sector * sectorBytes, sectorBytes)
}

function readRange(file: number, at: number, length: number): Buffer {
  const buffer = Buffer.alloc(length)
  return buffer.subarray(0, readSync(file, buffer, 0, length, at))
}

const zeros = Buffer.alloc(chunkBytes)

function isZero(bytes: Uint8Array): boolean {
  return zeros.subarray(0, bytes.length).equals(bytes)
}

function unreachable(value: never): never {
  throw new Error(`unknown ${JSON.stringify(value)}`)
}
