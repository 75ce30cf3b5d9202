/**
 * After the faults. First a majority alone is healed, and all others stay broken for ever, each in
 * a way of its own: the majority must get on regardless (TigerBeetle's simulator heals such a core,
 * too). Then everything that can be is healed, everybody catches up, and all is compared.
 */
import { unreachable } from '../../../src/assert.ts'
import { randomBetween, randomFraction } from '../../../src/random.ts'
import type { SeededRandom } from '../../../src/random.ts'
import { votersOf } from '../checks/acting.ts'
import { fullCodes } from '../checks/end-state.ts'
import { judgeLeader, leaderBoundMs, leaderOf } from '../checks/l1-leader.ts'
import type { Stability } from '../checks/l2-stable.ts'
import { commitOf, isCaughtUp, judgeCaughtUp } from '../checks/l3-catch-up.ts'
import { judgeProgress, progressBoundMs } from '../checks/l4-progress.ts'
import { Process } from '../kernel/process.ts'
import type { FinalReads } from '../workload/final-reads.ts'
import { finalReads } from '../workload/final-reads.ts'
import type { History } from '../workload/history.ts'
import type { Crew } from './crew.ts'
import { clientPort } from './machine.ts'
import type { Machine } from './machine.ts'
import { Violation } from './observer.ts'
import { isolated, shuffled } from './partitions.ts'
import type { Cut } from './partitions.ts'
import type { Operator } from './operator.ts'
import { compacts } from './swarm.ts'
import type { World } from './world.ts'

/** What the end is played with. */
export interface Endgame {
  readonly world: World
  readonly crew: Crew
  readonly operator: Operator
  readonly history: History
  readonly random: SeededRandom
  readonly stability: Stability
}

/**
 * What it may take, beyond elections, until links stand again: a silent one is given up after 3 s,
 * and the next attempt comes after at most 1.5 s of dialling and 1 s of waiting.
 */
const linksMs = 6_000
/** Every call has its own time-out of at most 10 s, and clocks may be slow by a tenth. */
const callsMs = 14_000
const catchUpMs = 30_000
/** Of the lifetimes that end with a static core; to watch one takes an eighth of their time. */
const stabilityShare = 0.5

/** Plays the first part; returns with the core in order and nobody calling. */
export function healCore(endgame: Endgame): void {
  const { world, crew, random } = endgame
  const { kernel } = world
  const members = settle(endgame)
  if (members === undefined) return
  const core = chooseCore(world, members, random)
  const ids = core.map(({ id }) => id)
  kernel.note('core', ...ids)
  world.weather.clear()
  for (const machine of core) mend(machine)
  const isStatic = breakOthers(world, core, members, random)
  const since = kernel.now
  const leads = (): boolean => leaderOf(world, ids) !== undefined
  if (!kernel.runUntil(leads, since + leaderBoundMs(world, ids, linksMs))) {
    if (kernel.crash === undefined) judgeLeader(world, ids, { since, extraMs: linksMs })
  }
  // Where the core is a bare majority, nothing is committed before its last member has caught up.
  const index = commitOf(world, ids)
  const caughtUp = (): boolean => isCaughtUp(world, ids, index)
  if (!kernel.runUntil(caughtUp, kernel.now + catchUpMs) && kernel.crash === undefined) {
    judgeCaughtUp(world, ids, index)
  }
  if (kernel.crash === undefined) seeProgress(endgame, ids)
  if (kernel.crash === undefined && isStatic && randomFraction(random) < stabilityShare) {
    seeStability(endgame, ids)
    if (kernel.crash === undefined) seeLeaderStall(endgame, ids, members)
  }
  if (kernel.crash !== undefined) return
  crew.stop()
  kernel.runUntil(() => crew.idle, kernel.now + callsMs)
}

/** Heals all that can be healed, waits until everybody has caught up, and reads everything. */
export function healAll(endgame: Endgame): FinalReads | undefined {
  const { world } = endgame
  const { kernel } = world
  world.weather.clear()
  for (const machine of world.machines) if (!machine.refused) mend(machine)
  const live = (): readonly Machine[] => {
    const ids = membersOf(world)
    return world.machines.filter((m) => !m.refused && !m.wiped && ids.includes(m.id))
  }
  const ids = (): readonly string[] => live().map(({ id }) => id)
  const index = commitOf(world, ids())
  const caughtUp = (): boolean =>
    live().every((machine) => machine.serving) &&
    leaderOf(world, ids()) !== undefined &&
    isCaughtUp(world, ids(), index)
  const bound = catchUpMs + leaderBoundMs(world, ids(), linksMs)
  if (!kernel.runUntil(caughtUp, kernel.now + bound)) {
    if (kernel.crash !== undefined) return undefined
    judgeCaughtUp(world, ids(), index)
    const down = live().filter((machine) => !machine.serving)
    const who = down.map(({ id }) => id).join(' ')
    throw new Violation('L3', `after ${bound} ms these do not serve: ${who}`, 'liveness')
  }
  return readEverything(endgame, live())
}

/** Who takes part in the end. */
interface Members {
  readonly voters: readonly string[]
  readonly learners: readonly string[]
}

/**
 * Where members changed: the operator stops, everything is healed, and a change that is under way
 * comes to its end (openraft: none stays joint for ever). Who takes part is known then.
 */
function settle({ world, operator }: Endgame): Members | undefined {
  const { kernel } = world
  operator.stop()
  if (world.counts.configurations === 0) {
    if (!kernel.runUntil(() => operator.idle, kernel.now + callsMs) && kernel.crash === undefined) {
      throw new Violation('L4', 'the operator waits for ever', 'liveness')
    }
    if (world.counts.configurations === 0) return { voters: world.firstIds, learners: [] }
  }
  world.weather.clear()
  for (const machine of world.machines) if (!machine.refused) mend(machine)
  const isSettled = (): boolean => {
    const raft = leaderOf(world, world.ids)?.raft
    return operator.idle && raft?.status().configurationSettled === true
  }
  const bound = catchUpMs + leaderBoundMs(world, world.ids, linksMs)
  if (!kernel.runUntil(isSettled, kernel.now + bound)) {
    if (kernel.crash !== undefined) return undefined
    throw new Violation('L4', `a change of members is not over after ${bound} ms`, 'liveness')
  }
  const settled = leaderOf(world, world.ids)?.raft?.configuration.configuration
  kernel.note('settled', ...(settled?.voters ?? []))
  return settled
}

/** Everybody who takes part now, as the leader has it. */
function membersOf(world: World): readonly string[] {
  const configuration = leaderOf(world, world.ids)?.raft?.configuration.configuration
  if (configuration === undefined) return world.firstIds
  return [...votersOf(configuration), ...configuration.learners]
}

/**
 * Nodes that are whole, a majority at least; and the learners, who may get a vote at any time.
 */
function chooseCore(world: World, members: Members, random: SeededRandom): readonly Machine[] {
  // Who waits for its state does not lead: only who has it can be relied on.
  const hasState = (machine: Machine): boolean => !compacts(world.swarm) || !machine.stateDamaged
  const voters = world.machines.filter(({ id }) => members.voters.includes(id))
  const whole = voters.filter((machine) => !machine.damaged && hasState(machine))
  const majority = Math.floor(voters.length / 2) + 1
  if (whole.length < majority) throw new Error('the atlas keeps a majority whole')
  const size = randomBetween(random, majority, whole.length + 1)
  const learners = world.machines.filter(({ id }) => members.learners.includes(id))
  return [...shuffled(random, whole).slice(0, size), ...learners]
}

/** In order, and running. */
export function mend(machine: Machine): void {
  machine.keptDown = false
  machine.disk.heal()
  machine.resume()
  machine.start()
}

/** Breaks what is not in the core for ever; whether the network is then static. */
function breakOthers(
  world: World,
  core: readonly Machine[],
  { voters }: Members,
  random: SeededRandom,
): boolean {
  let isStatic = true
  for (const machine of world.machines) {
    if (core.includes(machine)) continue
    // One that was removed, and may not know it, disturbs nobody though nothing is wrong with it.
    if (!voters.includes(machine.id) && randomFraction(random) < 0.5) continue
    const ways = ['dead', 'isolated', 'deaf', 'mute', 'flapping', 'stopped'] as const
    const way = ways[randomBetween(random, 0, ways.length)] ?? 'dead'
    world.kernel.note('broken', machine.id, way)
    if (way === 'flapping') isStatic = false
    breakOne(world, machine, way, random)
  }
  return isStatic
}

function breakOne(
  world: World,
  machine: Machine,
  way: 'dead' | 'isolated' | 'deaf' | 'mute' | 'flapping' | 'stopped',
  random: SeededRandom,
): void {
  const { id } = machine
  const nodes = new Set(world.ids)
  const between = (from: string, to: string): boolean => nodes.has(from) && nodes.has(to)
  const mode = randomFraction(random) < 0.5 ? ('hold' as const) : ('drop' as const)
  const cut = (isCut: Cut): void =>
    world.weather.add((from, to) => (isCut(from, to) ? { cut: mode } : undefined))
  machine.resume()
  if (way !== 'dead' && !machine.refused) machine.start()
  switch (way) {
    case 'dead':
      machine.keptDown = true
      machine.kill()
      break
    case 'isolated':
      cut(isolated(id, world.ids))
      break
    case 'deaf':
      cut((from, to) => between(from, to) && to === id)
      break
    case 'mute':
      cut((from, to) => between(from, to) && from === id)
      break
    case 'flapping':
      flapForEver(world, isolated(id, world.ids), randomBetween(random, 100, 2_000))
      break
    case 'stopped':
      machine.keptDown = true
      machine.stop()
      break
    default:
      unreachable(way)
  }
}

function flapForEver(world: World, isCut: Cut, periodMs: number): void {
  let on = false
  world.weather.add((from, to) => (on && isCut(from, to) ? { cut: 'hold' } : undefined))
  const turn = (): void => {
    on = !on
    world.weather.refresh()
    world.kernel.after(periodMs, turn)
  }
  turn()
}

/** L4: a new write goes through soon. */
function seeProgress({ world, history }: Endgame, core: readonly string[]): void {
  const { kernel } = world
  const since = kernel.now
  const before = decidedWrites(history)
  const done = (): boolean => decidedWrites(history) > before
  // The leader may be one of before, over links that are silent and not given up yet.
  if (kernel.runUntil(done, since + linksMs + progressBoundMs(world, core))) return
  if (kernel.crash === undefined) judgeProgress(world, core, { since, decided: 0 })
}

/** Writes that took effect, and those for which the state machine had no room: these commit, too. */
function decidedWrites({ figures: { acked, byOutcome } }: History): number {
  const refused = [...fullCodes].map((code) => byOutcome.get(`${code} not-applied`) ?? 0)
  return refused.reduce((sum, count) => sum + count, acked)
}

/** L2: nothing changes any more, so no leader does. */
function seeStability({ world, stability }: Endgame, core: readonly string[]): void {
  const { kernel, swarm } = world
  kernel.runTo(kernel.now + 2 * swarm.electionMaxMs + linksMs)
  const since = kernel.now
  const rotWasFound = watchRot(world, core)
  kernel.runTo(since + Math.max(3_000, 3 * swarm.electionMaxMs))
  if (kernel.crash === undefined && !rotWasFound()) stability.judge(since)
}

/**
 * Says whether a node has met, since this call, a row that had rotted before. It makes its state
 * anew, and cannot lead meanwhile: that is a change, though nothing was done to it just now.
 */
function watchRot({ machines }: World, core: readonly string[]): () => boolean {
  const rotten = machines.filter(({ id, databases }) => core.includes(id) && databases.rotten)
  return () => rotten.some(({ databases }) => !databases.rotten)
}

/** A leader may stand still for so long in this part of the end: a silent link is given up later. */
const leaderStallMsMax = 2_000

/**
 * L2 again, with a leader that stands still for two election time-outs. The core must be a bare
 * majority, so that nobody can win an election meanwhile: when the leader goes on it finds the
 * answers of its followers in its sockets, and must not judge its quorum before it has read them.
 */
function seeLeaderStall(
  { world, stability }: Endgame,
  core: readonly string[],
  { voters, learners }: Members,
): void {
  const { kernel, swarm } = world
  const stallMs = 2 * swarm.electionMaxMs
  const isBare = learners.length === 0 && core.length === Math.floor(voters.length / 2) + 1
  if (!isBare || stallMs > leaderStallMsMax) return
  const leader = leaderOf(world, core)
  const machine = world.machines.find(({ id }) => id === leader?.id)
  if (machine === undefined) return
  const since = kernel.now
  const rotWasFound = watchRot(world, core)
  kernel.note('leader stalls', machine.id)
  machine.stop()
  kernel.runTo(since + stallMs)
  machine.resume()
  kernel.runTo(kernel.now + 2 * swarm.electionMaxMs)
  if (kernel.crash === undefined && !rotWasFound()) stability.judge(since)
}

function readEverything(endgame: Endgame, live: readonly Machine[]): FinalReads | undefined {
  const { world, history, random } = endgame
  const { kernel, network } = world
  const process = new Process(kernel, 'final', world.clockOf(random.fork()))
  let found: FinalReads | undefined
  process.post('input', () => {
    void finalReads({
      process,
      network: network.port('final', process),
      random: random.fork(),
      endpoints: live.map(({ id }) => `${id}:${clientPort}`),
      history,
      timeout: 10_000,
    }).then(
      (reads) => {
        found = reads
      },
      (error: unknown) => {
        kernel.crash ??= { error, where: 'the final reads' }
      },
    )
  })
  kernel.runUntil(() => found !== undefined, kernel.now + 60_000)
  return found
}
