/**
 * What goes wrong with disks and states: they are slow, full, give errors, rot, or are made anew.
 * What may be damaged at all is for the atlas to say.
 */
import { randomBetween, randomFraction } from '../../../src/random.ts'
import type { SeededRandom } from '../../../src/random.ts'
import type { Begun } from './faults.ts'
import type { Machine } from './machine.ts'
import { compacts } from './swarm.ts'
import type { World } from './world.ts'

const nothing = (): void => {}
/** The longest that a disk stands still. */
const stallMsMax = 2_500

function any<T>(random: SeededRandom, items: readonly T[]): T {
  return items[randomBetween(random, 0, items.length)] as T
}

/** A disk that is slow, full, or gives an error. */
export function diskFault(
  world: World,
  random: SeededRandom,
  fault: 'slow-disk' | 'disk-error' | 'disk-full',
  ms: number,
): Begun {
  const machine = any(random, world.machines)
  const { disk, id } = machine
  if (fault === 'slow-disk') return slowDisk(world, random, machine, ms)
  if (fault === 'disk-full') {
    const free = randomBetween(random, 0, 3 * world.swarm.segmentBytes)
    disk.setFree(free)
    return { what: `disk of ${id} has ${free} bytes left`, heal: () => disk.setFree(undefined) }
  }
  const operation = any(random, [
    'read',
    'write',
    'write',
    'sync',
    'sync',
    'syncDirectory',
  ] as const)
  const nth = randomBetween(random, 1, 30)
  const wanted = any(random, ['EIO', 'EIO', 'EIO', 'ENOSPC', 'stale'] as const)
  // An older sector is damage, if only for once: it may make a whole log look shorter.
  const mayBeStale = operation === 'read' && world.atlas.mayDamage(id)
  const error = wanted === 'stale' && !mayBeStale ? 'EIO' : wanted
  if (error === 'stale') machine.damaged = true
  const shortBytes = randomFraction(random) < 0.5 ? randomBetween(random, 0, 2_000) : undefined
  disk.failNext({ operation, nth, error, ...(shortBytes === undefined ? {} : { shortBytes }) })
  return { what: `${error} on ${id} at ${operation} ${nth}`, heal: nothing }
}

/** Syncs take long, or none ends for a while; never so long that a heal would not be felt. */
function slowDisk(world: World, random: SeededRandom, { disk, id }: Machine, ms: number): Begun {
  if (randomFraction(random) < 0.3) {
    const stallMs = Math.min(ms, stallMsMax)
    disk.stallSyncs(stallMs)
    return { what: `no sync on ${id} for ${stallMs} ms`, heal: nothing }
  }
  const factor = Math.min(any(random, [5, 50, 500, 5_000]), stallMsMax / world.swarm.syncMsMax)
  disk.slow(factor)
  return { what: `syncs on ${id} ${factor.toFixed(0)} times slower`, heal: () => disk.slow(1) }
}

/** Bytes of log, vote or identity change, or all of them are gone: only where that is survivable. */
export function damage(
  world: World,
  random: SeededRandom,
  fault: 'rot' | 'wipe',
): Begun | undefined {
  const victims = world.machines.filter((each) => world.atlas.mayDamage(each.id) && !each.wiped)
  if (victims.length === 0) return undefined
  const machine = any(random, victims)
  if (fault === 'wipe') {
    world.wipe(machine)
    return { what: `wipe ${machine.id}`, heal: nothing }
  }
  const target = any(random, ['wal', 'wal', 'wal', 'vote', 'peers', 'pointer', 'identity'] as const)
  const kind = any(random, [
    'flipBit',
    'flipBit',
    'zeroSector',
    'staleSector',
    'misdirect',
    'truncate',
    'deleteFile',
    'garbage',
  ] as const)
  const done = machine.disk.damage(kind, target, random)
  if (done === undefined) return undefined
  world.atlas.record({ machine: machine.id, at: world.now, what: `${kind} in ${done.file}` })
  if (target !== 'pointer' || compacts(world.swarm)) machine.damaged = true
  machine.stateDamaged = true
  return { what: `${kind} in ${done.file} of ${machine.id} at ${done.offset}`, heal: nothing }
}

/**
 * The state is a cache: it may rot anywhere, and is made anew from the log. Where logs are
 * compacted others must still have it: it rots where it may be lost with all the rest.
 */
export function stateRot(world: World, random: SeededRandom): Begun | undefined {
  const isCompacted = compacts(world.swarm)
  const victims = world.machines.filter(({ id }) => !isCompacted || world.atlas.mayDamage(id))
  if (victims.length === 0) return undefined
  const machine = any(random, victims)
  const what = machine.databases.rot(random)
  if (what !== undefined) machine.stateDamaged = true
  // A state that is older than its log begins looks as if the log had lost its front.
  if (what !== undefined && isCompacted) machine.damaged = true
  return what === undefined ? undefined : { what: `${what} on ${machine.id}`, heal: nothing }
}
