/**
 * A group of nodes that moves only when told to: the wire, the disks and the ticks are in the
 * test's hand. Scripts and scenario tests run on it.
 */
import type { Entry, Fetch, HardState, Message, ReadState } from '../../../src/raft/index.ts'
import type {
  ConfigChange,
  ConfigurationAt,
  EntryId,
  SnapshotOffer,
} from '../../../src/raft/index.ts'
import type { ProposeConfigResult } from '../../../src/raft/index.ts'
import type { RaftConfig, RaftLimits, RaftStatus, Ready } from '../../../src/raft/index.ts'
import type { TransferResult, TransferStart } from '../../../src/raft/index.ts'
import {
  Raft,
  decodeConfiguration,
  emptyConfiguration,
  firstConfiguration,
} from '../../../src/raft/index.ts'
import { describeMessage, describeReady } from './describe.ts'
import { MemoryDisk, bytes, entriesOfTerms } from './disk.ts'
import { ScriptedRandom } from './scripted-random.ts'

/** The shortest election timeout of these groups, in ticks; node k's is longer by k. */
export const electionTicks = 10
export const heartbeatTicks = 3

/** How a node starts. */
export interface NodeStart {
  readonly hardState?: Partial<HardState>
  /** Terms of the entries in its log. */
  readonly terms?: readonly number[]
  /** At least that of the base. */
  readonly appliedIndex?: number
  /** Its log begins behind this; `terms` are those of the entries after it. */
  readonly base?: EntryId
  /** How much of the log is in memory. */
  readonly tailMax?: number
  /** Whether it knows nothing of the group at first: it is to be added. */
  readonly newcomer?: boolean
  /** As a leader. */
  readonly commitNotice?: RaftConfig['commitNotice']
}

/** One node with its disk. */
export class TestNode {
  readonly id: string
  readonly disk = new MemoryDisk()
  readonly random: ScriptedRandom
  tailMax = Infinity
  commitNotice: RaftConfig['commitNotice']
  appliedIndex = 0
  /** With a slow disk, persists wait for `sync`. */
  isSlow = false
  /** Whether fetches wait for `answerFetches`. */
  holdsFetches = false
  /** Whether handed-out entries wait for `applyAll`. */
  holdsApply = false
  persisting: Ready | undefined
  fetches: Fetch[] = []
  readonly applied: Entry[] = []
  readonly reads: ReadState[] = []
  readonly transfers: TransferResult[] = []
  /** Whether a Ready said that it was removed. */
  isRemoved = false
  isNewcomer = false
  /** The newest configuration that it applied. */
  inState: ConfigurationAt | undefined
  /** Whether it lost its log and was not readmitted since: on disk. */
  isRecovering = false
  /** Whether it takes its time to make that durable. */
  holdsReadmission = false
  /** Followers that it was told to have a snapshot ready for. */
  readonly wanted = new Set<string>()
  /** The snapshot that it was told to fetch. */
  offered: SnapshotOffer | undefined
  #raft: Raft | undefined

  constructor(id: string, timeoutOffset: number) {
    this.id = id
    this.random = new ScriptedRandom(timeoutOffset)
  }

  get raft(): Raft {
    if (this.#raft === undefined) throw new Error(`${this.id} is down`)
    return this.#raft
  }

  get isUp(): boolean {
    return this.#raft !== undefined
  }

  get status(): RaftStatus {
    return this.raft.status()
  }

  start(members: readonly string[], limits: Partial<RaftLimits>): void {
    this.#raft = new Raft({
      id: this.id,
      configuration: this.inState ?? {
        index: 0,
        configuration: this.isNewcomer ? emptyConfiguration : firstConfiguration(members),
      },
      stateMissing: this.appliedIndex < this.disk.base.index,
      recovering: this.isRecovering,
      configEntries: this.disk.entries.filter(({ kind }) => kind === 'config'),
      random: this.random,
      hardState: this.disk.hardState,
      log: this.disk.recover(this.tailMax),
      appliedIndex: this.appliedIndex,
      electionTicksMin: electionTicks,
      electionTicksMax: electionTicks * 2,
      heartbeatTicks,
      ...(this.commitNotice === undefined ? {} : { commitNotice: this.commitNotice }),
      limits,
    })
  }

  stop(): void {
    this.#raft = undefined
    this.persisting = undefined
    this.fetches = []
    this.offered = undefined
    this.wanted.clear()
  }
}

/** The group; see the head of the file. */
export class Group {
  readonly nodes = new Map<string, TestNode>()
  readonly limits: Partial<RaftLimits>
  /** Messages on their way. */
  wire: Message[] = []
  /** `from>to` of links that lose everything. */
  readonly cut = new Set<string>()
  /** What happened since it was last taken. */
  trace: string[] = []

  constructor(starts: readonly NodeStart[], limits: Partial<RaftLimits> = {}) {
    this.limits = limits
    for (const [at, start] of starts.entries()) {
      const node = new TestNode(`n${at + 1}`, at)
      const { hardState = {}, terms = [], base = node.disk.base, tailMax = Infinity } = start
      const { appliedIndex = base.index } = start
      node.disk.base = base
      node.disk.entries = entriesOfTerms(terms, base.index + 1)
      node.disk.hardState = {
        currentTerm: Math.max(base.term, ...terms),
        votedFor: undefined,
        commitIndex: 0,
        ...hardState,
      }
      node.appliedIndex = appliedIndex
      node.tailMax = tailMax
      node.commitNotice = start.commitNotice
      node.isNewcomer = start.newcomer ?? false
      this.nodes.set(node.id, node)
    }
    for (const node of this.nodes.values()) node.start(this.founders, limits)
  }

  /** The members of the first configuration. */
  get founders(): string[] {
    return this.ids.filter((id) => !this.node(id).isNewcomer)
  }

  get ids(): string[] {
    return [...this.nodes.keys()]
  }

  node(id: string): TestNode {
    const node = this.nodes.get(id)
    if (node === undefined) throw new Error(`no node ${id}`)
    return node
  }

  takeTrace(): string[] {
    const { trace } = this
    this.trace = []
    return trace
  }

  tick(id: string, times = 1): void {
    for (let n = 0; n < times; n++) {
      this.node(id).raft.tick()
      this.work(id)
    }
  }

  /** Lets a node's election timer run out. */
  campaign(id: string): void {
    const node = this.node(id)
    this.tick(id, electionTicks + node.random.draw)
  }

  /** Makes a node the leader of a calm group, everything delivered. */
  elect(id: string): void {
    // Followers stick to the leader that they heard: a restart lets them forget it.
    for (const other of this.nodes.values()) {
      if (other.id === id || !other.isUp) continue
      if (other.status.role === 'follower' && other.status.leader !== undefined) {
        this.restart(other.id)
      }
    }
    for (let n = 0; n < 3 && this.node(id).status.role !== 'leader'; n++) {
      this.campaign(id)
      this.deliver()
    }
    if (this.node(id).status.role !== 'leader') throw new Error(`${id} was not elected`)
  }

  propose(id: string, ...words: string[]): ReturnType<Raft['propose']> {
    const result = this.node(id).raft.propose(words.map(bytes))
    this.work(id)
    return result
  }

  read(id: string): ReturnType<Raft['readIndex']> {
    const result = this.node(id).raft.readIndex()
    this.work(id)
    return result
  }

  change(id: string, change: ConfigChange): ProposeConfigResult {
    const result = this.node(id).raft.proposeConfig(change)
    this.work(id)
    return result
  }

  transfer(id: string, to?: string): TransferStart {
    const result = this.node(id).raft.transferLeadership(to)
    this.work(id)
    return result
  }

  /** A node lets go of its log up to an index that it has applied. */
  compact(id: string, index: number): void {
    const node = this.node(id)
    node.raft.compacted(node.disk.compact(index))
    this.work(id)
  }

  /** A node offers a snapshot of what it has applied. Says whether that is of use. */
  offer(id: string, to: string): boolean {
    const { raft, disk, appliedIndex: index } = this.node(id)
    const term = disk.at(index)?.term ?? disk.base.term
    const isUseful = raft.offerSnapshot(to, { term, index })
    this.work(id)
    return isUseful
  }

  /** A node has fetched what it was offered, and starts again on it. */
  install(id: string): boolean {
    const node = this.node(id)
    const { offered } = node
    if (offered === undefined || !node.raft.isSnapshotUseful(offered.snapshot)) return false
    const { snapshot, from } = offered
    node.stop()
    node.appliedIndex = snapshot.index
    node.inState = this.node(from).inState
    if (!node.disk.holds(snapshot)) node.disk.reset(snapshot)
    this.restart(id)
    return true
  }

  /** A node starts again without its state. */
  loseState(id: string): void {
    const node = this.node(id)
    node.appliedIndex = 0
    node.inState = undefined
    this.restart(id)
  }

  /** A node starts again without its log, but for what its state holds. */
  loseLog(id: string): void {
    const node = this.node(id)
    const index = node.appliedIndex
    node.disk.reset({ term: node.disk.at(index)?.term ?? node.disk.base.term, index })
    node.isRecovering = true
    this.restart(id)
  }

  /** A node that was told that it is readmitted has made that durable. */
  readmitted(id: string): void {
    const node = this.node(id)
    node.isRecovering = false
    node.raft.readmitted()
  }

  step(message: Message): void {
    const node = this.node(message.to)
    if (!node.isUp) return
    node.raft.step(message)
    this.work(node.id)
  }

  /** Delivers what is on the wire and `matches`, and what that leads to, in order. */
  deliver(matches: (message: Message) => boolean = () => true, countMax = 10_000): number {
    let count = 0
    for (; count < countMax; count++) {
      const at = this.wire.findIndex(matches)
      const [message] = at === -1 ? [] : this.wire.splice(at, 1)
      if (message === undefined) return count
      const isCut = this.cut.has(`${message.from}>${message.to}`)
      const note = isCut || !this.node(message.to).isUp ? ' (lost)' : ''
      this.trace.push(`  ${describeMessage(message)}${note}`)
      if (note === '') this.step(message)
    }
    return count
  }

  drop(matches: (message: Message) => boolean): number {
    const before = this.wire.length
    this.wire = this.wire.filter((message) => !matches(message))
    return before - this.wire.length
  }

  /** Cuts a node off in both directions. */
  isolate(id: string): void {
    for (const other of this.ids) {
      if (other === id) continue
      this.cut.add(`${id}>${other}`)
      this.cut.add(`${other}>${id}`)
    }
  }

  heal(): void {
    this.cut.clear()
  }

  crash(id: string): void {
    this.node(id).stop()
  }

  restart(id: string): void {
    const node = this.node(id)
    node.stop()
    node.start(this.founders, this.limits)
    this.work(id)
  }

  /** Completes the persist that a slow disk holds. */
  sync(id: string): void {
    const node = this.node(id)
    const ready = node.persisting
    if (ready === undefined) throw new Error(`${id} persists nothing`)
    this.#persist(node, ready)
    this.work(id)
  }

  answerFetches(id: string): void {
    const node = this.node(id)
    for (const fetch of node.fetches.splice(0)) {
      const to = fetch.purpose === 'apply' ? fetch.to : Infinity
      node.raft.fetched(fetch, node.disk.read(fetch.from, to, fetch.bytesMax))
    }
    this.work(id)
  }

  /** Does all that a node's Readies ask for. */
  work(id: string): void {
    const node = this.node(id)
    for (let rounds = 0; node.raft.hasReady(); rounds++) {
      if (rounds > 1000) throw new Error(`${id} never rests`)
      const ready = node.raft.ready()
      this.trace.push(...describeReady(id, ready))
      this.wire.push(...ready.messages)
      node.reads.push(...ready.readStates)
      node.transfers.push(...(ready.transfers ?? []))
      if (ready.removed !== undefined) node.isRemoved = true
      if (ready.mustSync) {
        node.persisting = ready
        if (!node.isSlow) this.#persist(node, ready)
      }
      if (ready.readmitted !== undefined && !node.holdsReadmission) this.readmitted(id)
      for (const to of ready.snapshotsWanted) node.wanted.add(to)
      if (ready.snapshotOffered !== undefined) node.offered = ready.snapshotOffered
      for (const { kind, index, data } of ready.committedEntries) {
        const configuration = kind === 'config' ? decodeConfiguration(data) : undefined
        if (configuration !== undefined) node.inState = { index, configuration }
      }
      node.applied.push(...ready.committedEntries)
      const last = ready.committedEntries.at(-1)?.index
      if (last !== undefined && !node.holdsApply) this.applied(id, last)
      node.fetches.push(...ready.fetches)
      if (!node.holdsFetches && node.fetches.length > 0) this.answerFetches(id)
    }
  }

  applied(id: string, index: number): void {
    this.node(id).appliedIndex = index
    this.node(id).raft.applied(index)
  }

  #persist(node: TestNode, ready: Ready): void {
    node.disk.write(ready)
    node.persisting = undefined
    this.wire.push(...ready.messagesAfterPersist)
    node.raft.advance(ready)
  }
}
