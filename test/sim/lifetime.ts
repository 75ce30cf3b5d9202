/**
 * One lifetime of a cluster, from a seed: a minute of faults, a while in which only a majority is
 * healed and the rest stays broken for ever, then the end, when everything is healed and compared.
 */
import { SeededRandom } from '../../src/random.ts'
import { clientChecks } from './checks/client.ts'
import { CommittedLog } from './checks/committed.ts'
import { judgeEnd } from './checks/end-state.ts'
import { Stability } from './checks/l2-stable.ts'
import { judgeResolved } from './checks/l4-progress.ts'
import type { Replay } from './checks/replay.ts'
import { protocolChecks } from './checks/protocol.ts'
import { Kernel } from './kernel/kernel.ts'
import { Trace } from './kernel/trace.ts'
import { useCodecs } from './network/frames.ts'
import { Crew } from './world/crew.ts'
import { healAll, healCore, mend } from './world/endgame.ts'
import { drawSchedule, Nemesis } from './world/nemesis.ts'
import { Operator } from './world/operator.ts'
import { Violation } from './world/observer.ts'
import type { Check, ViolationKind } from './world/observer.ts'
import { attachProbe, detachProbe } from './world/probe.ts'
import { describeSwarm, drawSwarm } from './world/swarm.ts'
import type { FaultClass, Swarm } from './world/swarm.ts'
import { World } from './world/world.ts'
import { describeMix } from './workload/mix.ts'
import { History } from './workload/history.ts'

/** What a lifetime is told; all but the seed may be left out. */
export interface LifetimeOptions {
  readonly seed: number
  readonly nodes?: number
  /** How long faults come, in simulated seconds. Default 60. */
  readonly seconds?: number
  /** Only these classes of faults. */
  readonly faults?: readonly FaultClass[]
  /** Only the scheduled faults with these numbers. */
  readonly keep?: readonly number[]
  /** Whether frames are made into bytes; default: as the seed says. */
  readonly codecs?: boolean
  /** Options in place of the drawn ones. */
  readonly swarm?: Partial<Swarm>
  /** Called with every line of the trace. */
  readonly trace?: (line: string) => void
}

/** Why a lifetime failed. */
export interface Failure {
  readonly kind: ViolationKind
  readonly check: string
  readonly message: string
  /** Simulated ms. */
  readonly at: number
  readonly stack: string | undefined
}

/** What came of a lifetime. */
export interface LifetimeResult {
  readonly seed: number
  /** Of the whole trace, 16 hex digits. */
  readonly hash: string
  /** The drawn options, for people. */
  readonly description: readonly string[]
  readonly figures: Figures
  /** The numbers of the scheduled faults. */
  readonly faultNumbers: readonly number[]
  readonly failure?: Failure
}

/** How much happened. */
export interface Figures {
  /** Writes acknowledged. */
  readonly acked: number
  /** Faults that began. */
  readonly faults: number
  /** Elections won. */
  readonly elections: number
  /** Logs compacted; snapshots begun to be sent, and taken over. */
  readonly compactions: number
  readonly snapshotsSent: number
  readonly snapshotsInstalled: number
  /** Hand-overs that a leader began; configurations that leaders made. */
  readonly handOvers: number
  readonly configurations: number
  /** Writes that were refused because a disk was nearly full. */
  readonly diskRefusals: number
  readonly simulatedMs: number
  readonly events: number
}

/** The nodes are given a moment before the first fault. */
const calmMs = 1_000
/** From here on a lifetime is a whole one. */
const fullSeconds = 60
/** What a whole one holds at least, and how much longer it may take for that, ms. */
const ackedMin = 200
const electionsMin = 2
const makeUpMs = 60_000
/** No call of the workload has a longer time-out. */
const callMsMax = 10_000

/** What a lifetime will be like, without living it. */
export function swarmOf(options: LifetimeOptions): Swarm {
  const { seed, nodes, faults, codecs, swarm } = options
  return {
    ...drawSwarm(seed),
    ...swarm,
    ...(nodes === undefined ? {} : { nodes }),
    ...(faults === undefined ? {} : { faults }),
    ...(codecs === undefined ? {} : { codecs }),
  }
}

/** Lives it. Synchronous; must not be called from within a promise's callback. */
export function runLifetime(options: LifetimeOptions): LifetimeResult {
  const swarm = swarmOf(options)
  const kernel = new Kernel(new Trace(options.trace))
  const restore = catchRejections(kernel)
  useCodecs(swarm.codecs)
  try {
    return new Lifetime(options, swarm, kernel).run()
  } finally {
    detachProbe()
    useCodecs(false)
    restore()
  }
}

class Lifetime {
  readonly #options: LifetimeOptions
  readonly #kernel: Kernel
  readonly #world: World
  readonly #history: History
  readonly #crew: Crew
  readonly #nemesis: Nemesis
  readonly #operator: Operator
  readonly #random: SeededRandom
  readonly #stability: Stability
  readonly #checks: readonly Check[]
  readonly #replay: Replay
  #faultNumbers: readonly number[] = []
  #diskRefusals = 0

  constructor(options: LifetimeOptions, swarm: Swarm, kernel: Kernel) {
    const { seed } = options
    this.#options = options
    this.#kernel = kernel
    this.#random = new SeededRandom(seed ^ 0x11fe)
    this.#world = new World({ kernel, swarm, seed, log: options.trace })
    this.#history = new History(kernel)
    this.#crew = new Crew(this.#world, this.#history, this.#random.fork())
    this.#nemesis = new Nemesis(this.#world)
    this.#operator = new Operator(this.#world, new SeededRandom(seed ^ 0x09e8))
    this.#stability = new Stability(this.#world)
    const committed = new CommittedLog()
    const client = clientChecks(this.#world, committed)
    this.#checks = [...protocolChecks(this.#world, committed), ...client.checks, this.#stability]
    this.#replay = client.replay
    this.#world.watch(this.#checks)
    this.#history.listen({
      onCall: (call) => this.#tell((check) => check.onCall?.(call)),
      onReturn: (call, outcome) => {
        const isFull = outcome.type === 'failed' && outcome.code === 'QUORATE_DISK_FULL'
        if (isFull) this.#diskRefusals++
        this.#tell((check) => check.onReturn?.(call, outcome))
      },
    })
    this.#world.killClient = (random) => this.#crew.kill(random)
  }

  run(): LifetimeResult {
    const failure = this.#live()
    const kernel = this.#kernel
    kernel.note('end', failure?.check ?? 'ok')
    return {
      seed: this.#options.seed,
      hash: kernel.trace.hash,
      description: [...describeSwarm(this.#world.swarm), ...describeMix(this.#crew.mix)],
      figures: {
        acked: this.#history.figures.acked,
        faults: this.#nemesis.begun,
        ...this.#world.counts,
        diskRefusals: this.#diskRefusals,
        simulatedMs: kernel.now,
        events: kernel.events,
      },
      faultNumbers: this.#faultNumbers,
      ...(failure === undefined ? {} : { failure }),
    }
  }

  #live(): Failure | undefined {
    const kernel = this.#kernel
    try {
      attachProbe(this.#world)
      this.#underFaults()
      this.#afterFaults()
    } catch (error) {
      kernel.crash ??= { error, where: 'the lifetime' }
    }
    const { crash } = kernel
    return crash === undefined ? undefined : failureOf(crash.error, crash.where, kernel.now)
  }

  #afterFaults(): void {
    const endgame = {
      world: this.#world,
      crew: this.#crew,
      operator: this.#operator,
      history: this.#history,
      random: this.#random.fork(),
      stability: this.#stability,
    }
    const kernel = this.#kernel
    if (kernel.crash === undefined) healCore(endgame)
    if (kernel.crash === undefined) judgeResolved(this.#history.open(), kernel.now, () => callMsMax)
    const final = kernel.crash === undefined ? healAll(endgame) : undefined
    if (kernel.crash !== undefined) return
    if (final === undefined) throw new Violation('L4', 'the last reads never ended', 'liveness')
    judgeEnd(this.#replay, final, (id) => this.#world.node(id).databases.rotten)
    for (const check of this.#checks) check.atEnd?.()
  }

  /** A whole lifetime in which too little got through goes on for a while, without new faults. */
  #makeUp(): void {
    const kernel = this.#kernel
    const enough = (): boolean =>
      this.#history.figures.acked >= ackedMin && this.#world.counts.elections >= electionsMin
    if (kernel.crash !== undefined || enough()) return
    this.#world.leader()?.kill()
    for (const machine of this.#world.machines) if (!machine.refused) mend(machine)
    kernel.runUntil(enough, kernel.now + makeUpMs)
  }

  #tell(how: (check: Check) => void): void {
    this.#world.judge(() => this.#checks.forEach(how))
  }

  /** The part that everything else is there for. */
  #underFaults(): void {
    const { seed, keep, seconds = 60 } = this.#options
    const kernel = this.#kernel
    const world = this.#world
    world.start()
    this.#crew.start()
    this.#operator.start()
    const from = kernel.now + calmMs
    const to = from + seconds * 1000
    const schedule = drawSchedule(world, seed, from, to)
    this.#faultNumbers = schedule.map(({ number }) => number)
    this.#nemesis.plan(schedule, keep === undefined ? undefined : new Set(keep))
    kernel.runTo(to)
    if (kernel.crash === undefined) this.#nemesis.healAll()
    if (seconds >= fullSeconds) this.#makeUp()
  }
}

/** A promise that nobody looks at ends a real process; here it ends the lifetime. */
function catchRejections(kernel: Kernel): () => void {
  const onRejection = (error: unknown): void => {
    kernel.crash ??= { error, where: `an unhandled rejection in ${kernel.running ?? 'the world'}` }
  }
  process.on('unhandledRejection', onRejection)
  return () => process.off('unhandledRejection', onRejection)
}

function failureOf(error: unknown, where: string, at: number): Failure {
  if (error instanceof Violation) {
    const { kind, check, message, stack } = error
    const cause = error.cause instanceof Error ? `\n${error.cause.stack ?? ''}` : ''
    return { kind, check, message, at, stack: `${stack ?? ''}${cause}` }
  }
  const message = `${where}: ${String(error)}`
  const stack = error instanceof Error ? error.stack : undefined
  return { kind: 'crash', check: 'crash', message, at, stack }
}
