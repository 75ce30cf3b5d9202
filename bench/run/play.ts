/** Plays one scenario on a stage: its rounds, with the sides taking turns. */
import { unreachable } from '../../src/assert.ts'
import { encodeHistogram, mergeHistograms } from '../load/latencies.ts'
import { gapMsLeast } from '../load/gaps.ts'
import type { Finding, GrowthStep, Round, SideRounds } from '../report/record.ts'
import type { Disturbance, Plan } from '../scenarios.ts'
import type { Gap } from '../load/job.ts'
import type { Cluster, JobRequest } from '../sides/side.ts'
import type { Actor, Measurement, Stage } from './stage.ts'
import type { Surroundings } from './surroundings.ts'

/** How a scenario is played. */
export interface PlayOptions {
  readonly rounds: number
  readonly seconds: number
  readonly warmupSeconds: number
  /** Load on each side before its first round. */
  readonly settleSeconds: number
  /** Arrivals per second of an open loop, where the plan has one. */
  readonly rate?: number
  /** Tells people how it goes. */
  readonly tell: (line: string) => void
  /** Says what readers of the report must know. */
  readonly note: (line: string) => void
}

/** Keys that count up begin so far apart from round to round that they never meet. */
const numbersPerRound = 100_000_000
/** Where keys of the opening job begin, beyond those of any round. */
const openingFrom = 9_000_000_000
const fillCallers = 16
/** Rhythm of a slow follower. */
const stopMs = 200
const goMs = 200
/** How long writes are watched around a kill, and how long before it they begin. */
const watchSeconds = 6
const beforeKillMs = 1_000
/** A gap that reaches this close to the end of the watch was still open. */
const openWithinMs = 250
const failOverCallers = 8
const restartsPerStep = 3

/** Plays it. Resolves with what was found. */
export async function play(plan: Plan, stage: Stage, options: PlayOptions): Promise<Finding> {
  switch (plan.kind) {
    case 'load':
      return await playLoad(plan, stage, options)
    case 'fail-over':
      return await playFailOver(plan.kills, stage, options)
    case 'restart':
      return await playRestart(plan.rows, stage, options)
    case 'growth':
      return await playGrowth(plan, stage, options)
    default:
      return unreachable(plan)
  }
}

async function playLoad(
  plan: Extract<Plan, { kind: 'load' }>,
  stage: Stage,
  options: PlayOptions,
): Promise<Finding> {
  const { job, rows, disturbance } = plan
  const { rounds, rate, tell, note } = options
  for (const actor of stage.actors) {
    if (rows !== undefined) await fill(actor, job, 0, rows)
    if (disturbance === 'follower-down') await actor.cluster.kill(await aFollower(actor.cluster))
  }
  const found = new Map<Actor, { rounds: Round[]; histograms: string[] }>()
  for (const actor of stage.actors) found.set(actor, { rounds: [], histograms: [] })
  for (const actor of stage.actors) await actor.run(opening(request(job, 0, options), options))
  for (let number = 0; number < rounds; number++) {
    for (const actor of stage.order(number)) {
      await using _ = await disturb(disturbance, actor.cluster, stage.world)
      const measurement = await actor.measure(request(job, number, options))
      const { round, histogram } = measurement
      noteLeaders(measurement, `round ${number + 1} of ${actor.name}`, note)
      found.get(actor)?.rounds.push(round)
      found.get(actor)?.histograms.push(histogram)
      tell(`${actor.name} round ${number + 1}: ${inWords(round)}`)
    }
  }
  const sides = [...found].map(([{ name }, { rounds, histograms }]): SideRounds => ({
    side: name,
    rounds,
    histogram: encodeHistogram(mergeHistograms(histograms)),
  }))
  const inFlight = job.inFlight ?? 1
  return { kind: 'load', inFlight, ...(rate === undefined ? {} : { rate }), sides }
}

/** Both make a round say less of the store than the others do. */
function noteLeaders(
  { leaderChanged, isNewClient }: Measurement,
  round: string,
  note: (line: string) => void,
): void {
  if (leaderChanged) note(`the leader changed in ${round}`)
  if (isNewClient) note(`another node leads than before, so the client was new in ${round}`)
}

/** The job of one round: its own numbers and its own seed, the same for all sides. */
function request(job: JobRequest, round: number, options: PlayOptions): JobRequest {
  const { seconds, warmupSeconds, rate } = options
  return {
    ...job,
    seconds: Math.max(seconds, job.seconds ?? 0),
    warmupSeconds,
    ...(rate === undefined ? {} : { rate }),
    from: round * numbersPerRound,
    seed: round + 1,
  }
}

/**
 * A job before the first round: it opens the connections, which takes a while with hundreds of them,
 * and lets compilers and caches settle. A round that did it would measure that.
 */
function opening(job: JobRequest, { settleSeconds }: PlayOptions): JobRequest {
  const { rate: _, ...closed } = job
  return { ...closed, seconds: settleSeconds, warmupSeconds: 0, from: openingFrom }
}

function inWords({ operations, seconds, p50, p99, failed, dropped }: Round): string {
  const rate = Math.round(operations / seconds).toLocaleString('en')
  const lost = failed + dropped === 0 ? '' : `, ${failed} failed, ${dropped} dropped`
  return `${rate}/s, p50 ${(p50 / 1_000).toFixed(2)} ms, p99 ${(p99 / 1_000).toFixed(2)} ms${lost}`
}

async function fill(actor: Actor, job: JobRequest, from: number, to: number): Promise<number> {
  const { prefix = 'bench/a/' } = job.keys ?? {}
  const answer = await actor.run({
    op: 'fill',
    inFlight: fillCallers,
    connections: 1,
    batch: 100,
    from,
    keys: { prefix, count: to - from },
    valueBytes: job.valueBytes ?? 256,
  })
  return answer.seconds
}

async function aFollower(cluster: Cluster): Promise<string> {
  const leader = await cluster.leader()
  const follower = cluster.nodes.find(({ id, pid }) => id !== leader.id && pid !== undefined)
  if (follower === undefined) throw new Error('no follower runs')
  return follower.id
}

/** Keeps a follower stopping and going until disposed of; then it goes. */
async function disturb(
  disturbance: Disturbance | undefined,
  cluster: Cluster,
  world: Surroundings,
): Promise<AsyncDisposable> {
  if (disturbance !== 'follower-slow') return { [Symbol.asyncDispose]: async () => {} }
  const id = await aFollower(cluster)
  let ended = false
  const rhythm = async (): Promise<void> => {
    while (!ended) {
      cluster.signal(id, 'SIGSTOP')
      await world.pause(stopMs)
      cluster.signal(id, 'SIGCONT')
      await world.pause(goMs)
    }
  }
  const running = rhythm()
  return {
    [Symbol.asyncDispose]: async () => {
      ended = true
      await running
    },
  }
}

async function playFailOver(kills: number, stage: Stage, { tell }: PlayOptions): Promise<Finding> {
  const found = new Map<Actor, { gapsMs: number[]; open: number }>()
  for (const actor of stage.actors) found.set(actor, { gapsMs: [], open: 0 })
  for (let number = 0; number < kills; number++) {
    for (const actor of stage.order(number)) {
      const { gapMs, open } = await killLeader(actor, number, stage.world)
      const gaps = found.get(actor)
      gaps?.gapsMs.push(gapMs)
      if (gaps !== undefined && open) gaps.open += 1
      tell(`${actor.name} kill ${number + 1}: ${Math.round(gapMs)} ms without writes`)
    }
  }
  const sides = [...found].map(([{ name }, gaps]) => ({ side: name, ...gaps }))
  return { kind: 'fail-over', sides }
}

/** Kills the leader under writes and brings it back; the time without a successful write. */
async function killLeader(actor: Actor, number: number, world: Surroundings): Promise<GapAround> {
  const beganAt = world.wall()
  const watched = actor.run({
    op: 'write-gap',
    inFlight: failOverCallers,
    connections: 1,
    valueBytes: 64,
    keys: { prefix: 'bench/gap/', count: 1_000 },
    warmupSeconds: 0,
    seconds: watchSeconds,
    seed: number + 1,
  })
  // Handled below; this one only keeps an early failure from counting as unhandled.
  watched.catch(() => {})
  await world.pause(beforeKillMs)
  const leader = await actor.cluster.leader()
  const killedAt = world.wall()
  await actor.cluster.kill(leader.id)
  const { gaps = [], longestGapMs = 0 } = await watched
  await actor.cluster.restart(leader.id)
  return gapAround({ beganAt, killedAt }, gaps, longestGapMs)
}

/** The time without a successful write around a kill. */
export interface GapAround {
  readonly gapMs: number
  /** It was not over when the look ended. */
  readonly open: boolean
}

/**
 * The longest gap that was not over before the kill. Where there is none, no gap was long enough for
 * the list, and the longest of all stands in.
 */
export function gapAround(
  { beganAt, killedAt }: { readonly beganAt: number; readonly killedAt: number },
  gaps: readonly Gap[],
  longestMs: number,
): GapAround {
  const around = gaps.filter(([start, length]) => start + length >= killedAt)
  if (around.length === 0) return { gapMs: Math.min(longestMs, gapMsLeast), open: false }
  const [start, gapMs] = around.reduce((most, gap) => (gap[1] > most[1] ? gap : most))
  const endsAt = beganAt + 1_000 * watchSeconds
  return { gapMs, open: start + gapMs >= endsAt - openWithinMs }
}

async function playRestart(
  rows: number,
  stage: Stage,
  { rounds, tell }: PlayOptions,
): Promise<Finding> {
  const found = new Map<Actor, number[]>()
  for (const actor of stage.actors) {
    await fill(actor, { op: 'fill' }, 0, rows)
    found.set(actor, [])
  }
  for (let number = 0; number < rounds; number++) {
    for (const actor of stage.order(number)) {
      const seconds = await restartFollower(actor.cluster, stage.world)
      found.get(actor)?.push(seconds)
      tell(`${actor.name} restart ${number + 1}: ${seconds.toFixed(2)} s`)
    }
  }
  const sides = [...found].map(([{ name }, seconds]) => ({ side: name, seconds }))
  return { kind: 'restart', rows, sides }
}

/** From the start of a killed follower's process until it serves again, seconds. */
async function restartFollower(cluster: Cluster, world: Surroundings): Promise<number> {
  const id = await aFollower(cluster)
  await cluster.kill(id)
  const beganMs = world.now()
  await cluster.restart(id)
  return (world.now() - beganMs) / 1_000
}

async function playGrowth(
  plan: Extract<Plan, { kind: 'growth' }>,
  stage: Stage,
  options: PlayOptions,
): Promise<Finding> {
  const { rounds, tell, note } = options
  const found = new Map<Actor, GrowthStep[]>()
  for (const actor of stage.actors) found.set(actor, [])
  let stored = 0
  for (const rows of plan.rows) {
    for (const actor of stage.actors) {
      const fillSeconds = await fill(actor, plan.job, stored, rows)
      const job = {
        ...plan.job,
        keys: { prefix: plan.job.keys?.prefix ?? 'bench/a/', count: rows },
      }
      // Else the first step, which the others are compared with, would pay for all compiling.
      if (stored === 0) await actor.run(opening(request(job, 0, options), options))
      const measured: Round[] = []
      for (let number = 0; number < rounds; number++) {
        const measurement = await actor.measure(request(job, number, options))
        noteLeaders(measurement, `round ${number + 1} of ${actor.name} with ${rows} rows`, note)
        const { round } = measurement
        measured.push(round)
        tell(`${actor.name} ${rows} rows, round ${number + 1}: ${inWords(round)}`)
      }
      const restartSeconds: number[] = []
      for (let number = 0; number < restartsPerStep; number++) {
        restartSeconds.push(await restartFollower(actor.cluster, stage.world))
      }
      found.get(actor)?.push({ rows, fillSeconds, rounds: measured, restartSeconds })
    }
    stored = rows
  }
  const sides = [...found].map(([{ name }, steps]) => ({ side: name, steps }))
  return { kind: 'growth', sides }
}
