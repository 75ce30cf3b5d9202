/**
 * The clusters under comparison in one scenario, and the load processes beside them. All of them
 * run all the time, since a cluster that is stopped and resumed would hold an election first; only
 * one is under load at a time, and what the others cost idle is measured and reported.
 */
import { join } from 'node:path'
import type { Measured, Round } from '../report/record.ts'
import { clientName } from '../report/record.ts'
import type { Usage, Watched } from '../measure/sampler.ts'
import { endpointsOf, watchedNodes } from '../sides/side.ts'
import type { Cluster, Endpoints, JobRequest, Load, SideKind } from '../sides/side.ts'
import { present } from '../../src/assert.ts'
import type { JobAnswer } from '../load/job.ts'
import type { Surroundings } from './surroundings.ts'

/** What follows a load (compactions, flushes) should not fall into the other side's turn. */
const settleMs = 500

/** One side on stage. */
export class Actor {
  readonly name: Measured
  readonly cluster: Cluster
  readonly #kind: SideKind
  readonly #world: Surroundings
  #load: Load
  /** Who led when the load generator was started, and is known to it as the first address. */
  #leader: string
  #client: string | undefined

  private constructor(
    name: Measured,
    cluster: Cluster,
    kind: SideKind,
    world: Surroundings,
    { endpoints, leader }: Endpoints,
  ) {
    this.name = name
    this.cluster = cluster
    this.#kind = kind
    this.#world = world
    this.#leader = leader
    this.#load = kind.load(endpoints)
  }

  /** With a load generator for a cluster that serves. */
  static async open(
    name: Measured,
    cluster: Cluster,
    kind: SideKind,
    world: Surroundings,
  ): Promise<Actor> {
    return new Actor(name, cluster, kind, world, await endpointsOf(cluster))
  }

  /** The client library; undefined before the first job. */
  get client(): string | undefined {
    return this.#client
  }

  /** Runs a job with nothing measured beside it. */
  async run(job: JobRequest): Promise<JobAnswer> {
    const answer = await this.#load.run(job)
    this.#client = answer.client
    return answer
  }

  /** Runs a job and watches all processes meanwhile. */
  async measure(job: JobRequest): Promise<Measurement> {
    const isNewClient = await this.#followLeader()
    const watched: readonly Watched[] = [
      ...(await watchedNodes(this.cluster)),
      { name: clientName, pid: present(this.#load.pid, 'a load process runs') },
    ]
    const world = this.#world
    const watch = world.watch(watched)
    const beginMs = world.now() + 1_000 * (job.warmupSeconds ?? 0)
    const endMs = beginMs + 1_000 * (job.seconds ?? 0)
    let answer: JobAnswer | undefined
    let usage: readonly Usage[] = []
    try {
      answer = await this.run(job)
    } finally {
      // Whatever became of the job, the watch ends.
      usage = watch.stop(beginMs, endMs)
    }
    await world.pause(settleMs)
    const running = new Set(this.cluster.nodes.map(({ pid }) => pid))
    for (const { name, pid } of watched.slice(0, -1)) {
      // With a node less each call costs less.
      if (!running.has(pid)) throw new Error(`the ${name} of ${this.name} ended during a round`)
    }
    const leaderChanged = (await this.cluster.leader()).id !== this.#leader
    return {
      round: roundOf(answer, usage),
      histogram: answer.histogram,
      leaderChanged,
      isNewClient,
    }
  }

  /** CPU that the nodes take with nothing to do, in shares of a core. */
  async idle(seconds: number): Promise<readonly { name: string; cpuShare: number }[]> {
    const world = this.#world
    const watch = world.watch(await watchedNodes(this.cluster))
    const beginMs = world.now()
    await world.pause(1_000 * seconds)
    const usage = watch.stop(beginMs, beginMs + 1_000 * seconds)
    return usage.map(({ name, cpuSeconds }) => ({ name, cpuShare: cpuSeconds / seconds }))
  }

  async close(): Promise<void> {
    await this.#load.close()
    await this.cluster.close()
  }

  /** The peer's client goes by the first address alone: another leader needs another start of it. */
  async #followLeader(): Promise<boolean> {
    const { endpoints, leader } = await endpointsOf(this.cluster)
    if (leader === this.#leader) return false
    await this.#load.close()
    this.#load = this.#kind.load(endpoints)
    this.#leader = leader
    return true
  }
}

/** A round with its latencies. */
export interface Measurement {
  readonly round: Round
  readonly histogram: string
  /** Another node led at the end of the round than at its beginning. */
  readonly leaderChanged: boolean
  /** The load generator was started anew before the round, because another node leads than before. */
  readonly isNewClient: boolean
}

function roundOf(answer: JobAnswer, usage: readonly Usage[]): Round {
  const { operations, records, failed, dropped, seconds, errors, p50, p90, p99, max } = answer
  return { operations, records, failed, dropped, seconds, errors, p50, p90, p99, max, usage }
}

/** The sides of a scenario, each with a cluster of its own. */
export class Stage {
  readonly actors: readonly Actor[]
  readonly world: Surroundings

  private constructor(actors: readonly Actor[], world: Surroundings) {
    this.actors = actors
    this.world = world
  }

  /** Starts a fresh cluster of each side below `directory`. */
  static async open(
    kinds: readonly { readonly as: Measured; readonly kind: SideKind }[],
    directory: string,
    world: Surroundings,
  ): Promise<Stage> {
    const actors: Actor[] = []
    try {
      for (const { as, kind } of kinds) {
        const cluster = await kind.start(join(directory, as))
        try {
          actors.push(await Actor.open(as, cluster, kind, world))
        } catch (error) {
          await cluster.close()
          throw error
        }
      }
      return new Stage(actors, world)
    } catch (error) {
      for (const actor of actors) await actor.close()
      throw error
    }
  }

  /** Who plays first changes from round to round, so that no side always follows the other. */
  order(round: number): readonly Actor[] {
    return round % 2 === 0 ? this.actors : this.actors.toReversed()
  }

  async close(): Promise<void> {
    for (const actor of this.actors) await actor.close()
  }
}
