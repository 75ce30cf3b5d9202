/**
 * Goal: a linearizable read is served only after its index was confirmed and applied; every read
 * ends exactly once.
 * Method: the waiting list alone, with a scripted core and a state that moves by hand.
 */
import { describe, expect, test } from 'vitest'
import { ReadFloor } from '../../src/node/read-floor.ts'
import { Reads } from '../../src/node/reads.ts'
import { wireError } from '../../src/node/replies.ts'
import type { ReadIndexStart } from '../../src/raft/index.ts'

class Script {
  readonly log: string[] = []
  readonly turns: (() => void)[] = []
  now = 0
  applied = 5
  started = 0
  readableFrom = 0
  start: ReadIndexStart | undefined
  readonly reads: Reads

  constructor(waitingMax = 100) {
    this.reads = new Reads({
      clock: { monotonic: () => this.now, soon: (turn) => void this.turns.push(turn) },
      waitingMax,
      appliedIndex: () => this.applied,
      isReadable: () => this.applied >= this.readableFrom,
      readIndex: () => this.start ?? { type: 'accepted', requestId: ++this.started },
    })
  }

  read(name: string, deadline = 1_000) {
    return {
      deadline,
      serve: () => void this.log.push(`${name} served`),
      fail: (error: { code: string }) => void this.log.push(`${name} ${error.code}`),
    }
  }
}

describe('how far a node must have come', () => {
  const applied = (appliedIndex: number, appliedTerm: number) => ({ appliedIndex, appliedTerm })

  test('after a restart it is what was known to be committed', () => {
    const floor = new ReadFloor(7)
    expect(floor.isReached(applied(6, 9))).toBe(false)
    expect(floor.isReached(applied(7, 1))).toBe(true)
  })

  test('after a lost log it is all that there was, or an entry of a later term', () => {
    const floor = new ReadFloor(Infinity)
    expect(floor.isReached(applied(1_000, 9))).toBe(false)
    floor.restored(110, 3)
    expect(floor.isReached(applied(109, 3))).toBe(false)
    expect(floor.isReached(applied(110, 3))).toBe(true)
    // Entries that were not committed went for those of another leader: the log ends at 101.
    expect(floor.isReached(applied(101, 4))).toBe(true)
  })
})

describe('waiting reads', () => {
  test('reads of one turn share one index and wait for confirmation and application', () => {
    const script = new Script()
    script.reads.addLinearizable(script.read('a'))
    script.reads.addLinearizable(script.read('b'))
    script.reads.startGathered()
    expect(script.started).toBe(1)

    script.reads.onReadState({ requestId: 1, refused: false, readIndex: 7 })
    expect(script.log).toEqual([])
    script.applied = 6
    script.reads.onApplied()
    expect(script.log).toEqual([])
    script.applied = 7
    script.reads.onApplied()
    expect(script.log).toEqual(['a served', 'b served'])
    script.reads.onReadState({ requestId: 1, refused: false, readIndex: 7 })
    expect(script.log).toHaveLength(2)
  })

  test('a read that was made after the round began takes part in the next one only', () => {
    const script = new Script()
    script.reads.addLinearizable(script.read('a'))
    script.reads.startGathered()
    script.reads.addLinearizable(script.read('b'))
    script.reads.onReadState({ requestId: 1, refused: false, readIndex: 5 })
    expect(script.log).toEqual(['a served'])
  })

  test('refused, leaderless, overloaded and late reads fail without effect', () => {
    const script = new Script()
    script.reads.addLinearizable(script.read('refused'))
    script.reads.startGathered()
    script.reads.onReadState({ requestId: 1, refused: true })
    script.start = { type: 'noLeader' }
    script.reads.addLinearizable(script.read('leaderless'))
    script.reads.startGathered()
    script.start = { type: 'overloaded' }
    script.reads.addLinearizable(script.read('overloaded'))
    script.reads.startGathered()
    script.start = undefined
    script.reads.addLinearizable(script.read('late', 1_000))
    script.reads.addLinearizable(script.read('patient', 9_000))
    script.reads.startGathered()
    script.reads.expire(1_000)
    expect(script.log).toEqual([
      'refused QUORATE_NO_QUORUM',
      'leaderless QUORATE_NO_QUORUM',
      'overloaded QUORATE_OVERLOADED',
      'late QUORATE_NO_QUORUM',
    ])
    script.reads.onReadState({ requestId: 2, refused: false, readIndex: 5 })
    expect(script.log.at(-1)).toBe('patient served')
  })

  test('a stale read waits only until the state may be read', () => {
    const script = new Script()
    script.reads.addStale(script.read('now'))
    script.readableFrom = Infinity
    script.reads.addStale(script.read('later'))
    script.applied = 6
    script.reads.onApplied()
    expect(script.log).toEqual(['now served'])
    // What was lost is there again: known while the read waits.
    script.readableFrom = 7
    script.reads.onApplied()
    expect(script.log).toEqual(['now served'])
    script.applied = 7
    script.reads.onApplied()
    expect(script.log).toEqual(['now served', 'later served'])
  })

  test('the cap refuses, and room comes back', () => {
    const script = new Script(2)
    for (const name of ['a', 'b', 'c']) script.reads.addLinearizable(script.read(name))
    expect(script.log).toEqual(['c QUORATE_OVERLOADED'])
    script.reads.startGathered()
    script.reads.onReadState({ requestId: 1, refused: false, readIndex: 1 })
    script.reads.addLinearizable(script.read('d'))
    expect(script.log).toEqual(['c QUORATE_OVERLOADED', 'a served', 'b served'])
  })

  test('many that are due at once leave the loop to others in between', () => {
    const script = new Script()
    const { reads, log, turns } = script
    const read = {
      ...script.read('slow'),
      serve: () => {
        script.now += 3
        log.push('served')
      },
    }
    for (let i = 0; i < 50; i++) reads.addStale(read)
    for (let i = 0; i < 50; i++) reads.addLinearizable(read)
    reads.startGathered()
    reads.onReadState({ requestId: 1, refused: false, readIndex: 1 })
    // However often it is tried in one turn.
    reads.onApplied()
    expect(log).toHaveLength(2)
    for (let turn = 0; turn < 20; turn++) turns.shift()?.()
    expect(log).toHaveLength(2 + 20 * 2)
    reads.failAll(wireError('QUORATE_STOPPING', 'stopping'))
    while (turns.length > 0) turns.shift()?.()
    expect(log.filter((line) => line === 'served')).toHaveLength(42)
    expect(log.filter((line) => line === 'slow QUORATE_STOPPING')).toHaveLength(58)
  })

  test('at the end every read is told', () => {
    const script = new Script()
    script.reads.addLinearizable(script.read('a'))
    script.reads.startGathered()
    script.reads.addLinearizable(script.read('b'))
    script.readableFrom = 99
    script.reads.addStale(script.read('c'))
    script.reads.failAll(wireError('QUORATE_STOPPING', 'stopping'))
    expect(script.log.sort()).toEqual([
      'a QUORATE_STOPPING',
      'b QUORATE_STOPPING',
      'c QUORATE_STOPPING',
    ])
  })
})
