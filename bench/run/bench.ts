/** A whole run: every scenario on fresh clusters, and what is known of them in the end. */
import { join } from 'node:path'
import { unreachable } from '../../src/assert.ts'
import type { BenchOptions } from '../command.ts'
import { judgeGoals } from '../goals.ts'
import type { Machine } from '../measure/machine.ts'
import { median } from '../measure/statistics.ts'
import {
  benchSchema,
  perSecond,
  type BenchRecord,
  type IdleRecord,
  type Measured,
  type ScenarioRecord,
} from '../report/record.ts'
import type { Plan, Scenario } from '../scenarios.ts'
import type { SideKind } from '../sides/side.ts'
import { play } from './play.ts'
import { Stage } from './stage.ts'
import type { Surroundings } from './surroundings.ts'

/** What a run needs beside its options. */
export interface BenchParts {
  readonly ours: SideKind
  readonly peer: SideKind | undefined
  /** Our nodes without their state machine. */
  readonly core: SideKind
  /** Exists; clusters lie below it. */
  readonly directory: string
  readonly command: string
  readonly notes: readonly string[]
  readonly tell: (line: string) => void
  /** Gets what there is after each scenario, so that an end by force loses one of them at most. */
  readonly keep: (record: BenchRecord) => void
  readonly world: Surroundings
  /** Where it runs, for the report. */
  readonly machine: Machine
}

/** A look at clusters with nothing to do, after a rest since their start. */
const idleRestMs = 1_000
const idleSeconds = 3
const idleSecondsShort = 1

/** Runs it. A scenario that fails is noted, and the others go on. */
export async function runBench(options: BenchOptions, parts: BenchParts): Promise<BenchRecord> {
  const startedAt = new Date(parts.world.wall())
  const notes = [...parts.notes]
  const done: ScenarioRecord[] = []
  const clients = new Map<Measured, string>()
  let idle: readonly IdleRecord[] | undefined
  const record = (): BenchRecord => ({
    schema: benchSchema,
    startedAt: startedAt.toISOString(),
    seconds: Math.round((parts.world.wall() - startedAt.getTime()) / 1_000),
    command: parts.command,
    short: options.short,
    rounds: options.rounds,
    secondsPerRound: options.seconds,
    machine: parts.machine,
    sides: sidesOf(parts, clients),
    idle: idle ?? [],
    scenarios: [...done],
    goals: judgeGoals(done),
    notes: [...notes],
  })
  await using theatre = new Theatre(parts, options)
  for (const scenario of options.scenarios) {
    const { name, title } = scenario
    parts.tell(`== ${name}: ${title}`)
    const plan = fitted(scenario, options)
    const rate = rateOf(plan, done)
    if (rate === 'unknown') {
      notes.push(`${name} was left out: the scenario that gives its rate was not measured.`)
      continue
    }
    try {
      const stage = await theatre.stageFor(name, plan)
      idle ??= await idleOf(stage, options.short ? idleSecondsShort : idleSeconds)
      const { rounds, seconds, warmupSeconds, settleSeconds } = options
      const finding = await play(plan, stage, {
        rounds,
        seconds,
        warmupSeconds,
        settleSeconds,
        tell: parts.tell,
        note: (line) => notes.push(`${name}: ${line}.`),
        ...(rate === undefined ? {} : { rate }),
      })
      done.push({ name, title, finding })
      for (const { name, client } of stage.actors) if (client) clients.set(name, client)
      await theatre.played()
    } catch (error) {
      await theatre.close()
      const why = error instanceof Error ? error.message : String(error)
      parts.tell(`${name} failed: ${why}`)
      notes.push(`${name} failed: ${why}`)
    }
    parts.keep(record())
  }
  return record()
}

/**
 * Gives each scenario fresh clusters. A short run has no time for that: there, plain loads follow one
 * another on the same clusters.
 */
class Theatre implements AsyncDisposable {
  readonly #parts: BenchParts
  readonly #options: BenchOptions
  #stage: Stage | undefined
  #keeps = false

  constructor(parts: BenchParts, options: BenchOptions) {
    this.#parts = parts
    this.#options = options
  }

  /** A stage for a scenario; the one before has been played. */
  async stageFor(name: string, plan: Plan): Promise<Stage> {
    const plain = plan.kind === 'load' && plan.disturbance === undefined && plan.core !== true
    const kept = this.#stage
    if (kept !== undefined && plain) return kept
    await this.close()
    this.#keeps = this.#options.short && plain
    const { directory, world } = this.#parts
    const cast = castOf(plan, this.#parts, this.#options)
    const stage = await Stage.open(cast, join(directory, name), world)
    this.#stage = stage
    return stage
  }

  /** A scenario is over. */
  async played(): Promise<void> {
    if (!this.#keeps) await this.close()
  }

  async close(): Promise<void> {
    const stage = this.#stage
    this.#stage = undefined
    await stage?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Who plays: both sides, unless the scenario is ours alone. */
function castOf(
  plan: Plan,
  { ours, peer, core }: BenchParts,
  { peerGrowth }: BenchOptions,
): readonly { as: Measured; kind: SideKind }[] {
  const cast: { as: Measured; kind: SideKind }[] = [{ as: 'quorate', kind: ours }]
  if (plan.kind === 'load' && plan.core === true) {
    return [...cast, { as: 'core', kind: core }]
  }
  if (peer !== undefined && (plan.kind !== 'growth' || peerGrowth)) {
    cast.push({ as: 'etcd', kind: peer })
  }
  return cast
}

/** The plan within the bounds that were given. */
function fitted({ plan }: Scenario, { kills, rowsMost = Infinity }: BenchOptions): Plan {
  switch (plan.kind) {
    case 'load':
      return plan
    case 'fail-over':
      return { ...plan, kills: kills ?? plan.kills }
    case 'restart':
      return { ...plan, rows: Math.min(plan.rows, rowsMost) }
    case 'growth':
      return { ...plan, rows: [...new Set(plan.rows.map((rows) => Math.min(rows, rowsMost)))] }
    default:
      return unreachable(plan)
  }
}

/** Of an open loop its arrivals: a share of what the peer reached, or of ours where there is none. */
function rateOf(plan: Plan, done: readonly ScenarioRecord[]): number | undefined | 'unknown' {
  if (plan.kind !== 'load' || plan.rate === undefined) return undefined
  const { shareOf, share } = plan.rate
  const finding = done.find(({ name }) => name === shareOf)?.finding
  if (finding?.kind !== 'load') return 'unknown'
  const measured =
    finding.sides.find(({ side }) => side === 'etcd') ??
    finding.sides.find(({ side }) => side === 'quorate')
  if (measured === undefined || measured.rounds.length === 0) return 'unknown'
  return Math.max(1, Math.round(share * median(measured.rounds.map(perSecond))))
}

async function idleOf(stage: Stage, seconds: number): Promise<readonly IdleRecord[]> {
  await stage.world.pause(idleRestMs)
  return await Promise.all(
    stage.actors.map(async (actor) => ({ side: actor.name, usage: await actor.idle(seconds) })),
  )
}

function sidesOf(
  { ours, peer }: BenchParts,
  clients: ReadonlyMap<Measured, string>,
): BenchRecord['sides'] {
  return [ours, peer].flatMap((kind) => {
    if (kind === undefined) return []
    const { name, version, settings } = kind
    const client = clients.get(name)
    return [{ side: name, version, settings, ...(client === undefined ? {} : { client }) }]
  })
}
