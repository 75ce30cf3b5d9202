/** Where a node keeps what, as docs/storage-format.md has it, and what of it may be damaged. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterNode } from '../../cluster/cluster.ts'
import { usedSectors, type Target } from './damage.ts'

/** What a flush of the log begins with; a flush begins at a multiple of a sector. */
const flushMagic = Buffer.from('QFL1', 'latin1')

/** The directory of the log and the state of a node. */
export function groupDirectory(node: ClusterNode): string {
  return join(node.dataDirectory, 'groups', '0')
}

/**
 * The segments of a node's log that can be damaged such that it is bound to be noticed.
 *
 * The last flush is spared. One of which sectors are missing can't be told from one that a crash
 * tore, and that was never acknowledged: a node rightly cuts it off. To do that to a flush that was
 * acknowledged is to break the one promise that a disk must keep, and no store of this kind can keep
 * an acknowledged write when as many disks as hold it break theirs.
 */
export function damageableSegments(node: ClusterNode): Target[] {
  const directory = join(groupDirectory(node), 'wal')
  return names(directory, /^\d+\.wal$/)
    .map((name) => segmentTarget(join(directory, name)))
    .filter((target) => target.sectors.length > 0)
}

function segmentTarget(path: string): Target {
  const used = usedSectors(path, flushMagic.length)
  const last = used.findLastIndex(({ head }) => head.equals(flushMagic))
  return { path, sectors: used.slice(0, Math.max(0, last)).map(({ sector }) => sector) }
}

/** The two slots of the file in which a node's vote is kept beside the log, each by itself. */
export function voteSlots(node: ClusterNode): Target[] {
  const path = join(groupDirectory(node), 'vote')
  if (!existsSync(path)) return []
  return usedSectors(path, 0).map(({ sector }) => ({ path, sectors: [sector] }))
}

/** The directories of a node's state: one, and for a moment two. */
export function stateDirectories(node: ClusterNode): string[] {
  return names(groupDirectory(node), /^state-\d+$/).map((name) => join(groupDirectory(node), name))
}

/**
 * The files of a node's state that count when it is opened: tables, the manifest, and the name of
 * the manifest. LevelDB's own log is removed at a start, and is left out.
 */
export function stateFiles(node: ClusterNode): Target[] {
  return stateDirectories(node)
    .flatMap((directory) =>
      names(directory, /^(?:\d+\.ldb|MANIFEST-\d+|CURRENT)$/).map((name) => join(directory, name)),
    )
    .map((path) => ({ path, sectors: usedSectors(path, 0).map(({ sector }) => sector) }))
    .filter((target) => target.sectors.length > 0)
}

function names(directory: string, pattern: RegExp): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => pattern.test(name))
    .sort()
}
