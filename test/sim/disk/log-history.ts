/**
 * What the tests of the durable log and of damage share: a real log store on a simulated disk, fed
 * with a random history as Raft might make it.
 */
import { randomBetween } from '../../../src/random.ts'
import type { Entry, EntryId, HardState } from '../../../src/raft/index.ts'
import { LogStore } from '../../../src/wal/index.ts'
import type { LogIdentity, Recovered, WalBatch } from '../../../src/wal/index.ts'
import { entryHash } from './entry-hash.ts'
import { TestMachine } from './test-machine.ts'

/** The group's directory on the test machine's disk. */
export const group = '/data/groups/0'

const identity: LogIdentity = {
  clusterId: '0123456789abcdef0123456789abcdef',
  groupId: 0,
  incarnation: 'fedcba9876543210fedcba9876543210',
}

/** An entry by place, term and hash: what a durable log tells. */
export type Told = readonly [index: number, term: number, hash: number]

/** A log store, and what is put into it. */
export class LogHistory {
  readonly machine: TestMachine
  store: LogStore | undefined
  /** Where it was reset to last. */
  base: EntryId = { index: 0, term: 0 }
  /** What the store was given behind that, or recovered; compacted entries included. */
  log: readonly Entry[] = []
  hardState: HardState = { currentTerm: 0, votedFor: undefined, commitIndex: 0 }
  readonly #segmentBytes: number

  constructor(seed: number) {
    this.machine = new TestMachine(seed)
    this.#segmentBytes = 512 * this.draw(8, 64)
  }

  draw(from: number, to: number): number {
    return randomBetween(this.machine.random, from, to)
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.draw(0, items.length)] ?? items[0]
  }

  get #options() {
    const segmentBytes = this.#segmentBytes
    return { disk: this.machine.port, directory: group, identity, segmentBytes }
  }

  /** Makes the log and opens it. */
  async create(): Promise<void> {
    const { machine } = this
    await machine.run(machine.port.makeDirectory(group))
    for (const path of ['/', '/data', '/data/groups']) {
      await machine.run(machine.port.syncDirectory(path))
    }
    await machine.run(LogStore.create(this.#options))
    await this.open()
  }

  /** Opens it; what it recovered is what goes on. */
  async open(): Promise<Recovered> {
    const { machine } = this
    const { log, recovered } = await machine.run(LogStore.open(this.#options))
    this.store = log
    const all = Number.MAX_SAFE_INTEGER
    const { base } = recovered
    const read = await machine.run(log.read(base.index + 1, all, all))
    const compacted = this.#termAt(base.index) === base.term
    if (!compacted) this.base = base
    this.log = compacted ? [...this.log.slice(0, base.index - this.base.index), ...read] : read
    this.hardState = recovered.hardState
    return recovered
  }

  #termAt(index: number): number | undefined {
    if (index === this.base.index) return this.base.term
    return this.log[index - this.base.index - 1]?.term
  }

  get lastIndex(): number {
    return this.base.index + this.log.length
  }

  /** Compacts as far as the commit index, more or less. */
  async compact(): Promise<void> {
    const { machine, store, hardState, lastIndex } = this
    const upTo = Math.max(0, Math.min(hardState.commitIndex, lastIndex) - this.draw(0, 4))
    if (store !== undefined) await machine.run(store.compact(upTo))
  }

  /** A base that the log may be reset to; undefined: none comes to mind. */
  nextBase(): EntryId | undefined {
    const { currentTerm, commitIndex } = this.hardState
    const index = Math.max(commitIndex, this.base.index) + this.draw(1, 9)
    const kept = this.#termAt(index) === currentTerm && index < this.lastIndex
    return kept || currentTerm === 0 ? undefined : { index, term: currentTerm }
  }

  /** Resets the log. */
  async reset(base: EntryId): Promise<void> {
    const { machine, store } = this
    if (store === undefined) return
    await machine.run(store.reset(base))
    Object.assign(this, this.afterReset(base))
  }

  /** What is there once a reset is durable. */
  afterReset(base: EntryId): Pick<LogHistory, 'base' | 'log' | 'hardState'> {
    return { base, log: [], hardState: { ...this.hardState, commitIndex: base.index } }
  }

  /** What comes next: often more entries, now and then a new term and a conflicting tail. */
  next(): WalBatch {
    const { lastIndex, hardState: last } = this
    const newTerm = last.currentTerm === 0 || this.draw(0, 4) === 0
    const currentTerm = newTerm ? last.currentTerm + this.draw(1, 3) : last.currentTerm
    const votedFor = newTerm ? this.pick([undefined, 'n1', 'n2']) : (last.votedFor ?? 'n3')
    const commitIndex = Math.max(last.commitIndex, lastIndex - this.draw(0, 4))
    const back = newTerm ? this.draw(0, 6) : 0
    const first = Math.max(commitIndex, lastIndex - back) + 1
    const entries = Array.from({ length: this.draw(0, 5) }, (_, at): Entry => {
      const kind = this.pick<Entry['kind']>(['noop', 'commands', 'config'])
      const data = this.machine.random.bytes(this.pick([0, this.draw(0, 900), 3000]))
      return { index: first + at, term: currentTerm, kind, data }
    })
    return { hardState: { currentTerm, votedFor, commitIndex }, entries, mustSync: true }
  }

  /** What is there once a batch is durable. */
  after({ entries, hardState = this.hardState }: WalBatch): {
    log: readonly Entry[]
    hardState: HardState
  } {
    const [first] = entries
    const kept =
      first === undefined ? this.log : this.log.slice(0, first.index - 1 - this.base.index)
    return { log: [...kept, ...entries], hardState }
  }

  /** Makes a batch durable. */
  async persist(batch: WalBatch): Promise<void> {
    await this.machine.run(this.store?.persist(batch) ?? Promise.resolve())
    Object.assign(this, this.after(batch))
  }
}

/** A base and the entries behind it, as a durable log tells them. */
export function toldOf({ base, log }: Pick<LogHistory, 'base' | 'log'>): Told[] {
  const entries = log.map((entry): Told => [entry.index, entry.term, entryHash(entry)])
  return [[base.index, base.term, 0], ...entries]
}

/** All that a durable log tells. */
export function durableOf({ machine }: LogHistory): Told[] {
  const { durable } = machine.disk
  const base = durable.base ?? { index: 0, term: 0 }
  const entries = Array.from({ length: durable.lastIndex - base.index }, (_, at): Told => {
    const { index, term, hash } = durable.at(base.index + at + 1) ?? { index: 0, term: 0, hash: 0 }
    return [index, term, hash]
  })
  return [[base.index, base.term, 0], ...entries]
}
