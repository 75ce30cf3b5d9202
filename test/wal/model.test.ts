/**
 * Goal: whatever a leader and its successors write, and whenever power fails, the log holds what
 * was acknowledged, and `read` gives any part of it.
 * Method: random histories (appends, cuts, new terms, restarts, power cuts that keep some of what
 * was not synced) against a plain array; small segments, so that rotation is common.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { SeededRandom } from '../../src/random.ts'
import type { Entry, HardState } from '../../src/raft/types.ts'
import { readOverheadBytes } from '../../src/wal/read-entries.ts'
import { Wal } from '../../src/wal/wal.ts'
import type { KeepUnsynced } from '../suites/memory-disk.ts'
import { entry, hard, newLog, short, walOptions } from './support.ts'

type Step =
  | { readonly type: 'append'; readonly sizes: readonly number[]; readonly back: number }
  | { readonly type: 'term'; readonly vote: boolean }
  | { readonly type: 'commit'; readonly sync: boolean }
  | { readonly type: 'read'; readonly from: number; readonly count: number; readonly bytes: number }
  | { readonly type: 'reopen' }
  | {
      readonly type: 'compact'
      readonly keep: number
      readonly nth: number
      readonly seed: number
    }
  | {
      readonly type: 'crash'
      readonly keep: KeepUnsynced
      readonly nth: number
      readonly seed: number
    }

const size = fc.oneof(fc.nat(80), fc.nat(900), fc.constant(0))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('append' as const),
      sizes: fc.array(size, { minLength: 1, maxLength: 6 }),
      back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(8) }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('term' as const), vote: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('commit' as const), sync: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('read' as const),
      from: fc.nat(60),
      count: fc.nat(30),
      bytes: fc.nat(4000),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'reopen' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('compact' as const),
      keep: fc.nat(6),
      /** 0: it ends. Else the process is killed at that operation. */
      nth: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 6 })),
      seed: fc.nat(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('crash' as const),
      keep: fc.constantFrom<KeepUnsynced>('none', 'all', 'prefix', 'sectors'),
      nth: fc.integer({ min: 1, max: 9 }),
      seed: fc.nat(),
    }),
  },
)

/** What the log must hold. `base`: how many of its first entries may not be asked for any more. */
interface Model {
  log: Entry[]
  hardState: HardState
  base: number
}

function applied(model: Model, batch: { entries: readonly Entry[]; hardState: HardState }): Model {
  const { base } = model
  const first = batch.entries[0]
  const kept = first === undefined ? model.log : model.log.slice(0, first.index - 1)
  return { base, log: [...kept, ...batch.entries], hardState: batch.hardState }
}

function nextBatch(
  model: Omit<Model, 'base'>,
  sizes: readonly number[],
  back: number,
): readonly Entry[] {
  const floor = Math.min(model.hardState.commitIndex, model.log.length)
  const first = Math.max(floor, model.log.length - back) + 1
  // Replacing entries takes a newer leader, whose entries are of its own term.
  return sizes.map((bytes, at) => entry(first + at, model.hardState.currentTerm, bytes))
}

/** Stands for the same log; the commit index is a hint that a crash may take back. */
function same(seen: { read: Entry[]; hardState: HardState }, model: Model): boolean {
  return (
    JSON.stringify(short(seen.read)) === JSON.stringify(short(model.log.slice(model.base))) &&
    seen.hardState.currentTerm === model.hardState.currentTerm &&
    seen.hardState.votedFor === model.hardState.votedFor
  )
}

test('random histories with power cuts agree with a plain array', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const made = await newLog({ segmentBytes: 4096 })
      const { disk } = made
      let wal = made.wal
      let model: Model = { log: [], hardState: hard(1), base: 0 }
      await wal.append({ hardState: model.hardState, entries: [], mustSync: true })
      const reopen = async (candidates: readonly Model[]): Promise<void> => {
        const opened = await Wal.open(walOptions(disk, { segmentBytes: 4096 }))
        wal = opened.wal
        const { hardState, tail, base } = opened.recovered
        const read = await wal.read(base.index + 1, 1e9, 1e9)
        expect(wal.base).toEqual(base)
        expect(base.term).toBe(model.log[base.index - 1]?.term ?? 0)
        expect(await wal.read(Math.max(1, base.index), 1e9, 1e9)).toEqual(
          base.index > 0 ? [] : read,
        )
        expect(short(tail)).toEqual(short(read))
        const found = candidates.find((candidate) => same({ read, hardState }, candidate))
        expect(found).toBeDefined()
        model = { ...(found ?? model), hardState }
      }
      for (const action of steps) {
        const { hardState, log, base } = model
        if (action.type === 'append') {
          // A cut needs a new term, or it would replace an entry by another of the same term.
          const term = hardState.currentTerm + (action.back > 0 ? 1 : 0)
          const next = action.back > 0 ? hard(term, undefined, hardState.commitIndex) : hardState
          const batch = {
            hardState: next,
            entries: nextBatch({ log, hardState: next }, action.sizes, action.back),
            mustSync: true,
          }
          await wal.append(batch)
          model = applied(model, batch)
        } else if (action.type === 'term') {
          const next = hard(
            hardState.currentTerm + 1,
            action.vote ? 'n7' : undefined,
            hardState.commitIndex,
          )
          await wal.append({ hardState: next, entries: [], mustSync: true })
          model = { log, base, hardState: next }
        } else if (action.type === 'commit') {
          const next = {
            ...hardState,
            commitIndex: Math.max(hardState.commitIndex, log.length - 3),
          }
          await wal.append({ hardState: next, entries: [], mustSync: action.sync })
          model = { log, base, hardState: next }
        } else if (action.type === 'read') {
          const from = action.from + 1
          const read = await wal.read(from, from + action.count, action.bytes)
          const expected: Entry[] = []
          let bytes = 0
          for (const item of from <= base ? [] : log.slice(from - 1, from + action.count)) {
            bytes += item.data.length + readOverheadBytes
            if (expected.length > 0 && bytes > action.bytes) break
            expected.push(item)
          }
          expect(short(read)).toEqual(short(expected))
        } else if (action.type === 'reopen') {
          await wal.close()
          await reopen([model])
        } else if (action.type === 'compact') {
          const committed = Math.min(hardState.commitIndex, log.length)
          const upTo = Math.max(0, committed - action.keep)
          if (action.nth > 0) disk.fail({ operation: 'change', nth: action.nth, error: 'kill' })
          const done = await wal.compact(upTo).catch(() => undefined)
          disk.healFaults()
          if (done !== undefined) {
            expect(wal.base).toEqual(done)
            expect(done.index).toBeGreaterThanOrEqual(base)
            expect(done.index).toBeLessThanOrEqual(Math.max(base, upTo))
            expect(done.term).toBe(log[done.index - 1]?.term ?? 0)
            model = { ...model, base: done.index }
          } else {
            disk.crash({ keepUnsynced: 'sectors', random: new SeededRandom(action.seed) })
            const bases = Array.from({ length: Math.max(base, upTo) - base + 1 }, (_, at) => ({
              ...model,
              base: base + at,
            }))
            await reopen(bases)
          }
        } else {
          const batch = { hardState, entries: nextBatch(model, [300, 900, 20], 0), mustSync: true }
          disk.fail({ operation: 'change', nth: action.nth, error: 'kill' })
          const done = await wal.append(batch).then(
            () => true,
            () => false,
          )
          disk.crash({ keepUnsynced: action.keep, random: new SeededRandom(action.seed) })
          await reopen(done ? [applied(model, batch)] : [model, applied(model, batch)])
        }
      }
      await wal.close()
    }),
    { numRuns: 250 },
  )
})
