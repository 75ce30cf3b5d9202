/**
 * What nodes of a simulated group do about their logs and states beside Raft itself: they let go of
 * the front of the log, take snapshots, fetch them from each other over links that break, and start
 * again on them. All of it may end half-way.
 */
import type { ConfigurationAt, EntryId, Raft, Ready } from '../../../src/raft/index.ts'
import type { SeededRandom } from '../../../src/random.ts'
import { randomBetween, randomFraction } from '../../../src/random.ts'
import type { SimNode } from './sim-node.ts'

/** A state: up to which entry, and the configuration in it. The rest does not matter here. */
export interface SimSnapshot {
  readonly id: EntryId
  readonly configuration: ConfigurationAt | undefined
}

/** Chances of a step. */
export interface SnapshotWeather {
  readonly compact: number
  /** Whether compaction spares what followers are offered. */
  readonly spares: boolean
  /** Of a fetch, or of what is ready for it, to break. */
  readonly breaks: number
}

/** See the head of the file. */
export class SimSnapshots {
  readonly counts = { compactions: 0, offered: 0, fetched: 0, broken: 0 }
  readonly #random: SeededRandom
  readonly #weather: SnapshotWeather
  readonly #find: (id: string) => SimNode | undefined

  constructor(
    random: SeededRandom,
    weather: SnapshotWeather,
    find: (id: string) => SimNode | undefined,
  ) {
    this.#random = random
    this.#weather = weather
    this.#find = find
  }

  /** Notes what a Ready asks for. */
  attend(node: SimNode, ready: Ready): void {
    node.wanted.push(...ready.snapshotsWanted)
    if (ready.snapshotOffered === undefined) return
    const { from, snapshot } = ready.snapshotOffered
    node.fetching = { from, id: snapshot, left: randomBetween(this.#random, 1, 25) }
  }

  /** One step of a node; a snapshot that it has fetched is handed back, to start again on. */
  step(
    node: SimNode,
    raft: Raft,
    world: { calm: boolean; quiet: boolean; isCut: (a: string, b: string) => boolean },
  ): SimSnapshot | undefined {
    this.#compact(node, raft, world.quiet)
    this.#serve(node, raft, world.calm)
    return this.#fetch(node, raft, world)
  }

  #chance(probability: number): boolean {
    return randomFraction(this.#random) < probability
  }

  /** The disk goes first; the core hears of it a little later. */
  #compact(node: SimNode, raft: Raft, quiet: boolean): void {
    if (node.compacted !== undefined && this.#chance(0.7)) {
      raft.compacted(node.compacted)
      node.compacted = undefined
    }
    if (quiet || node.lacksState || !this.#chance(this.#weather.compact)) return
    node.appliedDurable = randomBetween(this.#random, node.appliedDurable, node.appliedIndex + 1)
    const { peers } = raft.status()
    const spared = this.#weather.spares ? peers.map((peer) => peer.snapshotIndex ?? Infinity) : []
    const limit = Math.min(node.appliedDurable, ...spared)
    const { index } = node.disk.base
    if (limit <= index) return
    node.compacted = node.disk.compact(randomBetween(this.#random, index + 1, limit + 1))
    this.counts.compactions++
  }

  #serve(node: SimNode, raft: Raft, calm: boolean): void {
    const [to] = node.wanted
    if (to !== undefined && this.#chance(0.3)) {
      node.wanted.shift()
      if (!calm && this.#chance(this.#weather.breaks)) raft.snapshotLost(to)
      else this.#offer(node, raft, to)
    }
    if (calm || !this.#chance(this.#weather.breaks * 0.1)) return
    const [broken] = node.exports.keys()
    if (broken === undefined) return
    node.exports.delete(broken)
    raft.snapshotLost(broken)
  }

  /** Sometimes one that was taken a while ago: it may be too old by now. */
  #offer(node: SimNode, raft: Raft, to: string): void {
    const old = [...node.exports.values()].at(-1)
    const isFresh = old === undefined || this.#chance(0.6)
    const taken = isFresh
      ? { id: node.idAt(node.appliedIndex), configuration: node.configs.at(-1) }
      : old
    if (taken.id.index === 0) throw new Error('a snapshot is wanted of nothing')
    if (!raft.offerSnapshot(to, taken.id)) return
    node.exports.set(to, taken)
    this.counts.offered++
  }

  #fetch(
    node: SimNode,
    raft: Raft,
    { calm, isCut }: { calm: boolean; isCut: (a: string, b: string) => boolean },
  ): SimSnapshot | undefined {
    const { fetching } = node
    if (fetching === undefined || !this.#chance(0.5)) return undefined
    const source = this.#find(fetching.from)
    const taken = [...(source?.exports.values() ?? [])].find(
      ({ id }) => id.index === fetching.id.index && id.term === fetching.id.term,
    )
    const isLost = source?.raft !== undefined && taken === undefined
    if (isLost || (!calm && this.#chance(this.#weather.breaks))) {
      this.counts.broken++
      node.fetching = undefined
      raft.snapshotFailed()
      return undefined
    }
    if (taken === undefined || isCut(fetching.from, node.id)) return undefined
    if (fetching.left-- > 0) return undefined
    node.fetching = undefined
    if (raft.isSnapshotUseful(taken.id)) {
      this.counts.fetched++
      return taken
    }
    raft.snapshotFailed()
    return undefined
  }
}
