/**
 * Goal: log and vote survive a power cut, a kill or a failing disk at any moment, the repair of
 * an earlier one included; and nothing that such a crash can leave is refused as damage. So do
 * compactions and resets: there is the log before or the log after (`redisraft#43`).
 * Method: many seeds; each draws a history of persists on small segments, with compactions beside
 * them and resets between them, in which disk operations fail and power goes, also several times in
 * a row while the log is being opened.
 */
import { expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import { SeededRandom, randomBetween } from '../../src/random.ts'
import type { Entry, EntryId, HardState } from '../../src/raft/types.ts'
import { LogStore } from '../../src/wal/log-store.ts'
import type { Recovered } from '../../src/wal/wal-types.ts'
import type { DiskOperation, KeepUnsynced, MemoryDisk } from '../suites/memory-disk.ts'
import { diskWith, hard, identity, short } from './support.ts'

const seeds = Number(process.env['WAL_SEEDS'] ?? 120)
const firstSeed = Number(process.env['WAL_SEED'] ?? 400)
const directory = 'data/groups/0'
const all = Number.MAX_SAFE_INTEGER

interface Content {
  readonly base: EntryId
  /** The entries behind the base. */
  readonly log: readonly Entry[]
  readonly hardState: HardState
}

class History {
  readonly counts: { opened: number; torn: number; failed: number; based: number; reset: number }
  readonly #random: SeededRandom
  readonly #disk: MemoryDisk
  readonly #segmentBytes: number
  #store: LogStore | undefined
  #content: Content = { base: { index: 0, term: 0 }, log: [], hardState: hard(0) }

  constructor(random: SeededRandom, disk: MemoryDisk, counts: History['counts']) {
    this.#random = random
    this.#disk = disk
    this.#segmentBytes = 512 * this.#draw(4, 24)
    this.counts = counts
  }

  get #options() {
    const [disk, segmentBytes] = [this.#disk, this.#segmentBytes]
    return { disk, directory, identity, segmentBytes }
  }

  #draw(from: number, to: number): number {
    return randomBetween(this.#random, from, to)
  }

  #pick<T>(...items: readonly [T, ...T[]]): T {
    return items[this.#draw(0, items.length)] ?? items[0]
  }

  async run(steps: number): Promise<void> {
    await LogStore.create(this.#options)
    await this.#reopen([this.#content])
    for (let step = 0; step < steps; step++) await this.#step()
    await this.#store?.close()
  }

  async #step(): Promise<void> {
    const before = this.#content
    const fails = this.#draw(0, 3) === 0
    if (this.#draw(0, 12) === 0) return this.#reset(fails)
    const { entries, after } = this.#next()
    if (fails) this.#planFailure(['change', 'write', 'sync'], 9)
    const { hardState } = after
    const persisted = this.#store?.persist({ hardState, entries, mustSync: true })
    const done = persisted?.then(
      () => true,
      () => false,
    )
    const compacted = this.#draw(0, 3) === 0 ? await this.#compact(before) : true
    const persistedToo = await done
    this.#content = persistedToo === true ? after : before
    if (!fails && compacted) return this.#rebase()
    this.#crash()
    await this.#reopen(persistedToo === true ? [after] : [before, after])
  }

  /** Beside a persist. What is committed before it may go. */
  async #compact({ base, log, hardState }: Content): Promise<boolean> {
    const committed = Math.min(hardState.commitIndex, base.index + log.length)
    const upTo = Math.max(base.index, committed - this.#draw(0, 4))
    const compacted = await this.#store?.compact(upTo).catch(() => undefined)
    if (compacted === undefined) return false
    expect(compacted.index).toBeLessThanOrEqual(upTo)
    return true
  }

  /** Takes over the base that a compaction has come to. */
  #rebase(): void {
    this.#content = behind(this.#content, this.#store?.base ?? this.#content.base)
  }

  /** To a base ahead of the log, or in place of an entry of another term that is not committed. */
  async #reset(fails: boolean): Promise<void> {
    const { base, log, hardState } = this.#content
    const floor = Math.max(base.index, Math.min(hardState.commitIndex, base.index + log.length))
    const index = this.#draw(floor + 1, floor + 9)
    const after: Content = {
      base: { index, term: hardState.currentTerm },
      log: [],
      hardState: { ...hardState, commitIndex: index },
    }
    // An entry of that very term there would be kept.
    if (log.some((each) => each.index === index && each.term === hardState.currentTerm)) return
    if (hardState.currentTerm === 0) return
    const before = this.#content
    if (fails) this.#planFailure(['change', 'write', 'sync'], 9)
    const done = await this.#store?.reset(after.base).then(
      () => true,
      () => false,
    )
    if (done === true) {
      this.#content = after
      this.counts.reset++
    }
    if (!fails) return
    this.#crash()
    await this.#reopen(done === true ? [after] : [before, after])
  }

  /** What a node may persist next. */
  #next(): { entries: readonly Entry[]; after: Content } {
    const { base, log, hardState: last } = this.#content
    const end = base.index + log.length
    const newTerm = last.currentTerm === 0 || this.#draw(0, 3) === 0
    const term = newTerm ? last.currentTerm + this.#draw(1, 3) : last.currentTerm
    const vote = newTerm ? this.#pick(undefined, 'n1', 'n2') : (last.votedFor ?? 'n3')
    const commit = Math.max(last.commitIndex, end - this.#draw(0, 4))
    const back = newTerm ? this.#draw(0, 6) : 0
    const first = Math.max(commit, end - back) + 1
    const count = this.#draw(0, 5)
    const entries = Array.from({ length: count }, (_, at) => this.#entry(first + at, term))
    const kept = count === 0 ? log : log.slice(0, first - 1 - base.index)
    const hardState = hard(term, vote, commit)
    return { entries, after: { base, log: [...kept, ...entries], hardState } }
  }

  /** Zeros, one byte in zeros, or dense. A single bit in zeros is refused by design: see format. */
  #entry(index: number, term: number): Entry {
    const data = new Uint8Array(this.#pick(0, this.#draw(0, 900), this.#draw(0, 3000), 2048))
    const kind = this.#draw(0, 3)
    if (kind === 0) data.fill(((index * 7 + term) % 255) | 3)
    if (kind === 1 && data.length > 0) data[this.#draw(0, data.length)] = 0xff
    return { index, term, kind: 'commands', data }
  }

  #planFailure(operations: readonly [DiskOperation | 'change', ...DiskOperation[]], upTo: number) {
    const error = this.#pick('kill' as const, 'EIO' as const, 'ENOSPC' as const)
    const shortBytes = this.#pick(0, this.#draw(0, 3000))
    const operation = this.#pick(...operations)
    this.#disk.fail({ operation, nth: this.#draw(1, upTo + 1), error, shortBytes })
  }

  /** The process goes, and mostly the power with it. */
  #crash(): void {
    const keepUnsynced = this.#pick<KeepUnsynced>('none', 'all', 'prefix', 'sectors', 'sectors')
    if (this.#draw(0, 5) === 0) this.#disk.restart()
    else this.#disk.crash({ keepUnsynced, random: this.#random })
  }

  /** Opens the log, at last. What an opening has shown once, the later ones must show as well. */
  async #reopen(possible: readonly Content[]): Promise<void> {
    let candidates = possible
    for (let left = this.#draw(0, 3); left > 0; left--) {
      this.#planFailure(['change', 'write', 'sync'], 14)
      try {
        const { log, recovered } = await LogStore.open(this.#options)
        candidates = [this.#expectOneOf(candidates, recovered, await readAll(log))]
        await log.close().catch(() => {})
      } catch (error) {
        if (!(error instanceof QuorateError) || error.code !== 'QUORATE_STORAGE') throw error
        this.counts.failed++
      }
      this.#crash()
    }
    const { log, recovered } = await LogStore.open(this.#options)
    this.#store = log
    this.counts.opened++
    if (recovered.tornFlush !== undefined) this.counts.torn++
    const read = await readAll(log)
    this.#content = this.#expectOneOf(candidates, recovered, read)
  }

  /** The log is one of these, or what a compaction that was under way left of one. */
  #expectOneOf(possible: readonly Content[], recovered: Recovered, read: Entry[]): Content {
    const { hardState, base } = recovered
    if (base.index > 0) this.counts.based++
    const candidates = possible
      .filter((each) => holds(each, base))
      .map((each) => behind(each, base))
    expect(candidates.map(({ log }) => short(log))).toContainEqual(short(read))
    const votes = candidates.map((content) => [
      content.hardState.currentTerm,
      content.hardState.votedFor,
    ])
    expect(votes).toContainEqual([hardState.currentTerm, hardState.votedFor])
    return { base, log: read, hardState }
  }
}

/** Whether a log may begin behind `id`. */
function holds({ base, log }: Content, id: EntryId): boolean {
  const term = id.index === base.index ? base.term : log[id.index - base.index - 1]?.term
  return id.index >= base.index && term === id.term
}

function behind(content: Content, base: EntryId): Content {
  return { ...content, base, log: content.log.slice(base.index - content.base.index) }
}

function readAll(log: LogStore): Promise<Entry[]> {
  return log.read(log.base.index + 1, all, all)
}

test(`crashes at any moment lose nothing, seeds ${firstSeed} to ${firstSeed + seeds - 1}`, async () => {
  const counts = { opened: 0, torn: 0, failed: 0, based: 0, reset: 0 }
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    try {
      await new History(new SeededRandom(seed), await diskWith(directory), counts).run(25)
    } catch (error) {
      throw new Error(`WAL_SEED=${seed} WAL_SEEDS=1: ${String(error)}`, { cause: error })
    }
  }

  // A run in which nothing happened would prove nothing.
  expect(counts.opened).toBeGreaterThan(seeds)
  expect(counts.failed).toBeGreaterThan(seeds)
  expect(counts.torn).toBeGreaterThan(seeds / 40)
  expect(counts.based).toBeGreaterThan(seeds)
  expect(counts.reset).toBeGreaterThan(seeds / 2)
})
