/**
 * Goal: `applied + duplicate + mismatch + rejected + undecided = records × replicas` always, with
 * `undecided` 0 unless the run gave up; and where no answer is lost, `applied` is the number of
 * different records, and the store holds just these.
 * Method: a property over random lines, replicas, caps and misbehaviour of the store.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { FakeStore, runCollect, sourceOf, type Behaviour } from './fakes.ts'
import { ManualClock } from '../suites/manual-clock.ts'

const line = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 30 }).map((id) => `{"id":${id}}`) },
  { weight: 1, arbitrary: fc.nat({ max: 30 }).map((id) => `{"id":${id},"other":1}`) },
  { weight: 1, arbitrary: fc.constantFrom('', '{"no":1}', 'nonsense', '{"id":[]}') },
)
const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Behaviour>('answer') },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Behaviour>(
      'loseCall',
      { code: 'QUORATE_OVERLOADED' },
      { code: 'QUORATE_NOT_LEADER' },
      { code: 'QUORATE_STOPPING' },
    ),
  },
)

function isGood(text: string): boolean {
  return text.startsWith('{"id":') && text !== '{"id":[]}'
}

test('the counts add up, and each record is stored once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 8 }),
      fc.array(behaviour, { minLength: 1, maxLength: 50 }),
      fc.boolean(),
      async (lines, replicas, inFlightMax, behaviours, once) => {
        let calls = 0
        const clock = new ManualClock()
        // After the script, everything succeeds: otherwise a run might never end.
        const store = new FakeStore(() => behaviours[calls++] ?? 'answer', clock)

        const report = await runCollect(
          store,
          sourceOf(lines),
          { replicas, inFlightMax, once },
          clock,
        )

        const { applied, duplicate, mismatch, rejected, undecided } = report
        const good = lines.filter(isGood)
        const ids = new Set(good.map((text) => /\d+/.exec(text)?.[0]))
        expect(applied + duplicate + mismatch + rejected).toBe(lines.length * replicas)
        expect({ records: report.records, undecided }).toEqual({
          records: lines.length,
          undecided: 0,
        })
        expect(applied).toBe(ids.size)
        expect(store.rows.size).toBe(ids.size)
        expect(rejected).toBe((lines.length - good.length) * replicas)
        expect(clock.timers).toBe(0)
      },
    ),
    { numRuns: 150 },
  )
})

test('where answers are lost and the run gives up, the counts still add up', async () => {
  const worse = fc.oneof(behaviour, fc.constantFrom<Behaviour>('loseAnswer', 'hang'))
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(worse, { minLength: 1, maxLength: 50 }),
      fc.integer({ min: 1, max: 3_000 }),
      async (lines, replicas, behaviours, giveUpAfterMs) => {
        let calls = 0
        const clock = new ManualClock()
        const store = new FakeStore(() => behaviours[calls++ % 60] ?? 'answer', clock)

        const report = await runCollect(
          store,
          sourceOf(lines),
          { replicas, giveUpAfterMs, inFlightMax: 5 },
          clock,
        )

        const { applied, duplicate, mismatch, rejected, undecided } = report
        expect(applied + duplicate + mismatch + rejected + undecided).toBe(
          report.records * replicas,
        )
        expect(undecided === 0 || report.gaveUp).toBe(true)
        expect(applied).toBeLessThanOrEqual(store.rows.size)
        expect(applied + report.duplicateAfterUnknown + undecided).toBeGreaterThanOrEqual(
          store.rows.size,
        )
        expect(clock.timers).toBe(0)
      },
    ),
    { numRuns: 100 },
  )
})
