/**
 * How bytes on a disk go wrong without anybody writing them: bits flip, sectors are lost, are as
 * they were, or hold what belongs elsewhere, files are cut or gone (FAST'18, "Protocol-aware
 * recovery"; the corruption modes of `jepsen-io/etcd`).
 *
 * The last durable flush of the log is spared all but flipped bits: there a lost sector looks like
 * a torn write, or like nothing at all, and nobody can tell (`docs/decisions/0004`). Every other
 * place has a witness behind it.
 */
import { randomBetween } from '../../../src/random.ts'
import type { SeededRandom } from '../../../src/random.ts'
import type { MemoryFile } from '../../suites/memory-file.ts'
import { isFile, lookUp } from '../../suites/memory-tree.ts'
import type { Directory } from '../../suites/memory-tree.ts'
import { segmentName } from './durable-wal.ts'
import type { DurableWal } from './durable-wal.ts'
import { sectorBytes } from './wal-bytes.ts'

/** What happens to bytes. `staleSector`: it is as it was before its page was last synced. */
export type DamageKind =
  'flipBit' | 'zeroSector' | 'staleSector' | 'misdirect' | 'garbage' | 'truncate' | 'deleteFile'

/** Whose bytes. */
export type DamageTarget = 'wal' | 'vote' | 'peers' | 'pointer' | 'identity'

/** What was done. `file` is relative to the data directory. */
export interface Damage {
  readonly file: string
  readonly offset: number
}

/** Part of a file. */
export interface Extent {
  readonly file: MemoryFile
  readonly offset: number
  readonly bytes: number
}

/** The disk to damage. */
export interface DamageSite {
  readonly root: Directory
  /** The data directory. */
  readonly path: string
  readonly wal: DurableWal
}

interface Place extends Extent {
  readonly path: string
}

const group = 'groups/0'
const files = {
  vote: `${group}/vote`,
  peers: `${group}/peers.json`,
  pointer: `${group}/current`,
  identity: 'node.json',
} as const
/** Places tried until one is found where damage changes anything. */
const attemptsMax = 16

/** Does it, durably; undefined where there is nothing to damage in this way. */
export function damageDisk(
  site: DamageSite,
  kind: DamageKind,
  target: DamageTarget,
  random: SeededRandom,
): Damage | undefined {
  if (kind === 'deleteFile' || kind === 'truncate') return damageFile(site, kind, target, random)
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const place = kind === 'flipBit' ? anywhere(site, target, random) : within(site, target, random)
    if (place === undefined) return undefined
    const { file, path } = place
    const { bytes, offset } = changed(site, kind, place, random)
    if (bytes === undefined || Buffer.compare(bytes, file.read(offset, bytes.length)) === 0)
      continue
    file.damage(bytes, offset)
    return { file: path, offset }
  }
  return undefined
}

/** What is to be there instead. */
function changed(
  site: DamageSite,
  kind: Exclude<DamageKind, 'truncate' | 'deleteFile'>,
  { file, offset, bytes }: Place,
  random: SeededRandom,
): { bytes: Uint8Array | undefined; offset: number } {
  const at = offset + randomBetween(random, 0, bytes)
  if (kind === 'flipBit') {
    const byte = file.read(at, 1)[0] ?? 0
    return { bytes: Uint8Array.of(byte ^ (1 << randomBetween(random, 0, 8))), offset: at }
  }
  const sector = Math.floor(at / sectorBytes)
  const start = sector * sectorBytes
  // A file may end within its last sector.
  const length = Math.min(sectorBytes, file.size - start)
  return { bytes: instead(site, kind, file, sector, random)?.subarray(0, length), offset: start }
}

function instead(
  site: DamageSite,
  kind: Exclude<DamageKind, 'flipBit' | 'truncate' | 'deleteFile'>,
  file: MemoryFile,
  sector: number,
  random: SeededRandom,
): Uint8Array | undefined {
  if (kind === 'zeroSector') return new Uint8Array(sectorBytes)
  if (kind === 'staleSector') return file.olderSector(sector)
  return kind === 'garbage' ? random.bytes(sectorBytes) : someSector(site, random)
}

function someSector({ wal }: DamageSite, random: SeededRandom): Uint8Array | undefined {
  const flush = any(wal.flushes, random)
  if (flush === undefined) return undefined
  const sector = randomBetween(random, 0, flush.bytes / sectorBytes)
  return flush.file.read(flush.offset + sector * sectorBytes, sectorBytes)
}

/** Anything that is used. */
function anywhere(site: DamageSite, target: DamageTarget, random: SeededRandom) {
  if (target !== 'wal') return smallFile(site, target)
  return inLog(site, site.wal.flushes.length, random)
}

/** Anything that is used and has a witness. */
function within(site: DamageSite, target: DamageTarget, random: SeededRandom) {
  if (target !== 'wal') return smallFile(site, target)
  return inLog(site, site.wal.flushes.length - 1, random)
}

/** One of the first `count` flushes, or now and then the header of its segment. */
function inLog({ wal }: DamageSite, count: number, random: SeededRandom): Place | undefined {
  const flush = any(wal.flushes.slice(0, Math.max(0, count)), random)
  if (flush === undefined) return undefined
  const { file, offset, bytes, segment } = flush
  const path = `${group}/wal/${segmentName(segment)}`
  if (randomBetween(random, 0, 10) === 0) return { file, path, offset: 0, bytes: sectorBytes }
  return { file, path, offset, bytes }
}

function smallFile(site: DamageSite, target: Exclude<DamageTarget, 'wal'>): Place | undefined {
  const path = files[target]
  const file = lookUp(site.root, `${site.path}/${path}`)
  if (file === undefined || !isFile(file) || file.size === 0) return undefined
  return { file, path, offset: 0, bytes: file.size }
}

function damageFile(
  site: DamageSite,
  kind: 'truncate' | 'deleteFile',
  target: DamageTarget,
  random: SeededRandom,
): Damage | undefined {
  const path = target === 'wal' ? segmentPath(site, random) : files[target]
  if (path === undefined) return undefined
  const full = `${site.path}/${path}`
  const parent = lookUp(site.root, full.slice(0, full.lastIndexOf('/')))
  const name = full.slice(full.lastIndexOf('/') + 1)
  if (parent === undefined || isFile(parent)) return undefined
  const file = parent.current.get(name)
  if (file === undefined || !isFile(file) || file.size === 0) return undefined
  if (kind === 'deleteFile') {
    parent.current.delete(name)
    parent.durable.delete(name)
    return { file: path, offset: 0 }
  }
  const offset = randomBetween(random, 0, file.size)
  file.truncate(offset)
  file.sync()
  return { file: path, offset }
}

function segmentPath({ root, path }: DamageSite, random: SeededRandom): string | undefined {
  const wal = lookUp(root, `${path}/${group}/wal`)
  if (wal === undefined || isFile(wal)) return undefined
  const names = [...wal.current.keys()].filter((name) => name.endsWith('.wal')).sort()
  const name = any(names, random)
  return name === undefined ? undefined : `${group}/wal/${name}`
}

function any<T>(items: readonly T[], random: SeededRandom): T | undefined {
  return items[randomBetween(random, 0, items.length)]
}

/** What a read gives where one sector comes as it was before it was last written. */
export function staleCopy(
  file: MemoryFile,
  offset: number,
  length: number,
  spared: Extent | undefined,
): Uint8Array {
  const bytes = file.read(offset, length)
  const first = Math.ceil(offset / sectorBytes)
  for (let sector = first; (sector + 1) * sectorBytes <= offset + bytes.length; sector++) {
    const at = sector * sectorBytes
    const old = file.olderSector(sector)
    const isSpared =
      spared?.file === file && at >= spared.offset && at < spared.offset + spared.bytes
    if (old === undefined || isSpared) continue
    if (Buffer.compare(old, bytes.subarray(at - offset, at - offset + sectorBytes)) === 0) continue
    bytes.set(old, at - offset)
    break
  }
  return bytes
}
