/**
 * Goal: applying never holds up the event loop for longer than one entry takes beyond its budget,
 * keeps the order, and never goes on while the overlay is full.
 * Method: a scripted state machine whose work moves a manual clock, and a clock whose `soon` is
 * run by hand.
 */
import { expect, test } from 'vitest'
import { Applier } from '../../src/node/applier.ts'
import type { Entry } from '../../src/raft/index.ts'
import type { StateMachine } from '../../src/state/index.ts'

function setUp(options: { msPerEntry: number; fullAt?: number }) {
  const { msPerEntry, fullAt } = options
  let now = 0
  const soon: (() => void)[] = []
  const turns: number[][] = []
  const state = {
    appliedIndex: 0,
    overlayFull: false,
    drain: () => {},
    drained: () =>
      new Promise<void>((resolve) => {
        state.drain = resolve
      }),
    apply(entries: readonly Entry[]) {
      if (state.overlayFull) throw new Error('applying waits while the overlay is full')
      now += msPerEntry * entries.length
      state.appliedIndex += entries.length
      state.overlayFull = state.appliedIndex === fullAt
      return entries.map(({ index, term }) => ({ index, term, answers: [] }))
    },
  }
  const applier = new Applier({
    clock: {
      monotonic: () => now,
      wall: () => now,
      timer: () => () => {},
      soon: (callback: () => void) => void soon.push(callback),
    },
    state: state as unknown as StateMachine,
    onApplied: (entries) => turns.push(entries.map(({ index }) => index)),
    onFailure: (error) => {
      throw error
    },
  })
  const push = (count: number, later = false): void =>
    applier.push(
      Array.from({ length: count }, (_, i) => ({
        index: i + 1,
        term: 1,
        kind: 'commands' as const,
        data: new Uint8Array(8),
      })),
      later,
    )
  return { state, soon, turns, push }
}

test('what is quick is applied at once', () => {
  const { turns, soon, push } = setUp({ msPerEntry: 0 })
  push(100)
  expect(turns).toEqual([Array.from({ length: 100 }, (_, i) => i + 1)])
  expect(soon).toEqual([])
})

test('what is to wait waits for the next turn, and so does what comes after it', () => {
  const { turns, soon, push } = setUp({ msPerEntry: 0 })
  push(2, true)
  expect(turns).toEqual([])
  soon.shift()?.()
  expect(turns).toEqual([[1, 2]])
  expect(soon).toEqual([])
})

test('between slow entries the event loop turns, however few bytes they are', () => {
  const { turns, soon, push } = setUp({ msPerEntry: 20 })
  push(3)
  expect(turns).toEqual([[1]])
  soon.shift()?.()
  soon.shift()?.()
  expect(turns).toEqual([[1], [2], [3]])
  expect(soon).toEqual([])
})

test('an overlay that fills within a step ends the step', async () => {
  const { state, turns, soon, push } = setUp({ msPerEntry: 0, fullAt: 2 })
  push(4)
  expect(turns).toEqual([[1, 2]])
  soon.shift()?.()
  expect(turns).toEqual([[1, 2]])
  state.overlayFull = false
  state.drain()
  await Promise.resolve()
  expect(turns).toEqual([
    [1, 2],
    [3, 4],
  ])
})
