/**
 * What each class of faults does to the world. A fault chooses its victims when it begins, because
 * some are chosen by what they are then; it returns how it is undone, or nothing where there was
 * nothing to do.
 */
import { unreachable } from '../../../src/assert.ts'
import { randomBetween, randomFraction } from '../../../src/random.ts'
import type { SeededRandom } from '../../../src/random.ts'
import type { Effect, Rule } from '../network/weather.ts'
import type { Machine } from './machine.ts'
import { bridge, halves, isolated, omission, ring, shuffled } from './partitions.ts'
import type { Cut } from './partitions.ts'
import { damage, diskFault, stateRot } from './disk-faults.ts'
import type { FaultClass } from './swarm.ts'
import type { World } from './world.ts'

/** A fault that has begun. */
export interface Begun {
  /** What it did, for the trace. */
  readonly what: string
  /** Undoes it. */
  readonly heal: () => void
}

const nothing = (): void => {}
/** After a death in the middle of an operation. */
const reviveMs = 400

/** Begins a fault. `ms`: how long it will last. */
export function begin(
  world: World,
  fault: FaultClass,
  random: SeededRandom,
  ms: number,
): Begun | undefined {
  switch (fault) {
    case 'partition':
      return cut(world, random, 'partition', halves(random, sides(world, random)))
    case 'isolate-leader':
      return cut(world, random, fault, isolated(leaderOrAny(world, random).id, world.ids))
    case 'bridge':
      return cut(world, random, fault, bridge(random, world.ids))
    case 'ring':
      return cut(world, random, fault, ring(random, world.ids))
    case 'omission':
      return cut(world, random, fault, omission(random, world.ids))
    case 'one-way':
      return oneWay(world, random)
    case 'client-cut':
      return clientCut(world, random)
    case 'flap':
      return flap(world, random, ms)
    case 'half-open':
    case 'reset':
      return breakLinks(world, random, fault)
    case 'delay':
    case 'loss':
    case 'duplicate':
    case 'reorder':
    case 'bandwidth':
      return badWeather(world, random, fault)
    case 'kill':
    case 'kill-leader':
    case 'kill-all':
    case 'kill-at-io':
    case 'restart':
    case 'kill-at-install':
    case 'power':
    case 'power-all':
    case 'pause':
    case 'stall':
      return processFault(world, random, fault)
    case 'client-kill':
      return world.killClient(random) ? { what: fault, heal: nothing } : undefined
    case 'clock-rate':
    case 'clock-jump':
      return clockFault(world, random, fault)
    case 'slow-disk':
    case 'disk-error':
    case 'disk-full':
      return diskFault(world, random, fault, ms)
    case 'rot':
    case 'wipe':
      return damage(world, random, fault)
    case 'state-rot':
      return stateRot(world, random)
    default:
      return unreachable(fault)
  }
}

function any<T>(random: SeededRandom, items: readonly T[]): T {
  return items[randomBetween(random, 0, items.length)] as T
}

function leaderOrAny(world: World, random: SeededRandom): Machine {
  return world.leader() ?? any(random, world.machines)
}

/** The nodes, and sometimes the clients as well. */
function sides(world: World, random: SeededRandom): readonly string[] {
  return randomFraction(random) < 0.5 ? world.ids : [...world.ids, ...world.clientHosts]
}

function rule(world: World, what: string, effectOf: Rule): Begun {
  world.weather.add(effectOf)
  return { what, heal: () => world.weather.remove(effectOf) }
}

function cut(world: World, random: SeededRandom, what: string, isCut: Cut): Begun | undefined {
  if (world.ids.length < 2) return undefined
  const effect: Effect = { cut: randomFraction(random) < 0.5 ? 'hold' : 'drop' }
  return rule(world, `${what} ${effect.cut}`, (from, to) => (isCut(from, to) ? effect : undefined))
}

function oneWay(world: World, random: SeededRandom): Begun | undefined {
  const [a, b] = shuffled(random, world.ids)
  if (a === undefined || b === undefined) return undefined
  const shape = any(random, ['link', 'deaf', 'mute'] as const)
  const nodes = new Set(world.ids)
  const isCut: Cut = (from, to) => {
    if (!nodes.has(from) || !nodes.has(to)) return false
    if (shape === 'link') return from === a && to === b
    return shape === 'deaf' ? to === a : from === a
  }
  return cut(world, random, `one-way ${shape} ${a}`, isCut)
}

function clientCut(world: World, random: SeededRandom): Begun {
  const target = leaderOrAny(world, random).id
  const everywhere = randomFraction(random) < 0.3
  const clients = new Set(world.clientHosts)
  const effect: Effect = { cut: randomFraction(random) < 0.5 ? 'hold' : 'drop' }
  const begun = rule(world, `clients cut from ${everywhere ? 'all' : target}`, (from, to) => {
    if (clients.has(from)) return everywhere || to === target ? effect : undefined
    if (clients.has(to)) return everywhere || from === target ? effect : undefined
    return undefined
  })
  world.clientCuts++
  const heal = (): void => {
    world.clientCuts--
    begun.heal()
  }
  return { ...begun, heal }
}

/** A cut that comes and goes. */
function flap(world: World, random: SeededRandom, ms: number): Begun | undefined {
  if (world.ids.length < 2) return undefined
  const periodMs = randomBetween(random, 50, 2000)
  const isCut =
    randomFraction(random) < 0.5
      ? isolated(any(random, world.ids), world.ids)
      : halves(random, world.ids)
  const effect: Effect = { cut: randomFraction(random) < 0.5 ? 'hold' : 'drop' }
  const flapping: Rule = (from, to) => (isCut(from, to) ? effect : undefined)
  let over = false
  const times = Math.ceil(ms / periodMs) + 1
  for (let i = 0; i < times; i++) {
    world.kernel.after(i * periodMs, () => {
      if (over) return
      if (i % 2 === 0) world.weather.add(flapping)
      else world.weather.remove(flapping)
    })
  }
  const heal = (): void => {
    over = true
    world.weather.remove(flapping)
  }
  return { what: `flap every ${periodMs} ms`, heal }
}

function breakLinks(
  world: World,
  random: SeededRandom,
  fault: 'half-open' | 'reset',
): Begun | undefined {
  const hosts = shuffled(random, [...world.ids, ...world.clientHosts])
  const one = any(random, world.ids)
  const others = hosts.filter((host) => host !== one).slice(0, randomBetween(random, 1, 4))
  for (const other of others) {
    if (fault === 'reset') world.network.reset(one, other)
    else world.network.halfOpen(other, one)
  }
  return { what: `${fault} ${one} ${others.join(' ')}`, heal: nothing }
}

function badWeather(
  world: World,
  random: SeededRandom,
  fault: 'delay' | 'loss' | 'duplicate' | 'reorder' | 'bandwidth',
): Begun {
  const everywhere = randomFraction(random) < 0.5
  const one = any(random, world.ids)
  const effect = weatherEffect(random, fault)
  const concerned: Rule = (from, to) =>
    everywhere || from === one || to === one ? effect : undefined
  return rule(world, `${fault} ${everywhere ? 'everywhere' : one}`, concerned)
}

function weatherEffect(
  random: SeededRandom,
  fault: 'delay' | 'loss' | 'duplicate' | 'reorder' | 'bandwidth',
): Effect {
  const share = any(random, [0.01, 0.05, 0.2, 0.5])
  switch (fault) {
    case 'delay':
      return { delayMs: any(random, [5, 50, 50, 200]), jitterMs: any(random, [1, 10, 100]) }
    case 'loss':
      return { loss: share }
    case 'duplicate':
      return { duplication: share }
    case 'reorder':
      return { reordering: share }
    case 'bandwidth':
      return { bandwidth: any(random, [10, 125, 1_250]) }
    default:
      return unreachable(fault)
  }
}

function processFault(
  world: World,
  random: SeededRandom,
  fault:
    | 'kill'
    | 'kill-leader'
    | 'kill-all'
    | 'kill-at-io'
    | 'kill-at-install'
    | 'restart'
    | 'power'
    | 'power-all'
    | 'pause'
    | 'stall',
): Begun | undefined {
  const alive = world.machines.filter((machine) => machine.alive)
  const [first] = alive
  if (first === undefined) return undefined
  const one = any(random, alive)
  const keep = any(random, ['none', 'none', 'prefix', 'sectors', 'all'] as const)
  switch (fault) {
    case 'kill':
      return world.takeDown(fault, [one], (machine) => machine.kill())
    case 'kill-leader':
      return world.takeDown(fault, [world.leader() ?? one], (machine) => machine.kill())
    case 'kill-all':
      return world.takeDown(fault, some(random, alive), (machine) => machine.kill())
    case 'kill-at-io':
      return killAtIo(world, one, randomBetween(random, 1, 40))
    case 'kill-at-install':
      return killAtInstall(world, random)
    case 'restart':
      return world.takeDown(fault, restarted(random, alive), (machine) => machine.close())
    case 'power':
      return world.takeDown(fault, [one], (m) => m.powerCut(keep, world.swarm.powerStyle))
    case 'power-all':
      return world.takeDown(fault, alive, (m) => m.powerCut(keep, world.swarm.powerStyle))
    case 'pause':
    case 'stall': {
      const stopped = fault === 'pause' && randomFraction(random) < 0.2 ? alive : [one]
      return pause(world, random, fault, stopped)
    }
    default:
      return unreachable(fault)
  }
}

/** A majority at least. */
function some(random: SeededRandom, machines: readonly Machine[]): readonly Machine[] {
  const least = Math.floor(machines.length / 2) + 1
  return shuffled(random, machines).slice(0, randomBetween(random, least, machines.length + 1))
}

/** One alone, as in a rolling restart, or now and then several. */
function restarted(random: SeededRandom, alive: readonly Machine[]): readonly Machine[] {
  return randomFraction(random) < 0.8 ? [any(random, alive)] : some(random, alive)
}

function pause(
  world: World,
  random: SeededRandom,
  fault: 'pause' | 'stall',
  machines: readonly Machine[],
): Begun {
  const stopped = machines.map((machine) => machine.process)
  for (const process of stopped) process?.stop()
  const heal = (): void => {
    for (const process of stopped) process?.resume()
  }
  // A stall is a long step or a collection: 1 to 5 election timeouts at most.
  if (fault === 'stall') {
    const most = 5 * world.swarm.electionMinMs
    world.kernel.after(randomBetween(random, 20, most), heal)
  }
  return { what: `${fault} ${machines.map(({ id }) => id).join(' ')}`, heal }
}

/** The process dies in the middle of one of its next operations on the disk. */
function killAtIo(world: World, machine: Machine, nth: number): Begun {
  const { process } = machine
  machine.disk.killAt(nth, () => {
    if (machine.process !== process) return
    machine.kill()
    // It may come long after the fault is over: whoever healed that did not find it dead.
    world.kernel.after(reviveMs, () => {
      if (!machine.keptDown) machine.start()
    })
  })
  return { what: `kill ${machine.id} at operation ${nth}`, heal: nothing }
}

/**
 * The next node that takes over a snapshot dies while it fetches that, or in one of the steps in
 * which it goes over to it: pointer, log, the old state's removal (`redisraft#43`).
 */
function killAtInstall(world: World, random: SeededRandom): Begun {
  const stage = any(random, ['begun', 'whole', 'whole'] as const)
  const nth = randomBetween(random, 1, 24)
  const ms = randomBetween(random, 0, 80)
  const losesPower = randomFraction(random) < 0.4
  world.atInstall = (machine, at) => {
    if (at !== stage) return
    world.atInstall = undefined
    world.kernel.note('dies at install', machine.id, stage)
    if (stage === 'whole' && !losesPower) {
      killAtIo(world, machine, nth)
      return
    }
    const { process } = machine
    world.kernel.after(ms, () => {
      if (machine.process !== process) return
      if (losesPower) machine.powerCut('none', world.swarm.powerStyle)
      else machine.kill()
      world.kernel.after(reviveMs, () => {
        if (!machine.keptDown) machine.start()
      })
    })
  }
  return { what: `kill at install, ${stage}`, heal: nothing }
}

function clockFault(world: World, random: SeededRandom, fault: 'clock-rate' | 'clock-jump'): Begun {
  const { clock, id } = any(random, world.machines)
  if (fault === 'clock-rate') {
    const before = clock.rate
    clock.rate = 0.9 + 0.2 * randomFraction(random)
    const heal = (): void => {
      clock.rate = before
    }
    return { what: `${id} runs at ${clock.rate.toFixed(3)}`, heal }
  }
  // 11 ms to 288 s, by powers of a half more, in either direction.
  let jump = 11
  for (let i = randomBetween(random, 0, 26); i > 0; i--) jump = jump * 1.5
  jump = Math.min(288_000, Math.floor(jump)) * (randomFraction(random) < 0.5 ? 1 : -1)
  clock.wallOffset += jump
  return { what: `wall clock of ${id} jumps ${jump} ms`, heal: nothing }
}
