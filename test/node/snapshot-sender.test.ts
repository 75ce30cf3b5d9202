/**
 * Goal: a follower that needs a snapshot gets one, whatever became of an earlier attempt of it.
 * Method: the sender alone, over a view that gives frames as the state's exports do: the next one,
 * or one of the last few again.
 */
import { describe, expect, test } from 'vitest'
import { usageError } from '../../src/errors.ts'
import { silentLogger } from '../../src/logger.ts'
import { CatchingUp } from '../../src/node/catching-up.ts'
import { SnapshotSender } from '../../src/node/snapshot-sender.ts'
import type { EntryId } from '../../src/raft/index.ts'
import type { StateExport } from '../../src/state/index.ts'
import type { SnapshotFrame } from '../../src/transport/index.ts'
import { ManualClock } from '../suites/manual-clock.ts'

const snapshot: EntryId = { term: 3, index: 90 }
const lastFrame = 30

class View {
  readonly snapshot = snapshot
  next = 0
  isClosed = false

  async frame(n: number): Promise<{ bytes: Uint8Array; last: boolean }> {
    await Promise.resolve()
    if (n > this.next || n < this.next - 4) throw usageError(`the next is frame ${this.next}`)
    this.next = Math.max(this.next, n + 1)
    return { bytes: Uint8Array.of(n), last: n === lastFrame }
  }

  async close(): Promise<void> {
    this.isClosed = true
    await Promise.resolve()
  }
}

function setUp() {
  const clock = new ManualClock()
  const views: View[] = []
  const sent: SnapshotFrame[] = []
  const lost: string[] = []
  const needy = new Set(['n2'])
  const link = { isFull: false }
  const log = { lastIndex: 100, matchIndex: 90 }
  const catchingUp = new CatchingUp({
    matchIndexOf: (id) => (needy.has(id) ? undefined : log.matchIndex),
    lastIndex: () => log.lastIndex,
  })
  const sender = new SnapshotSender({
    clock,
    logger: silentLogger,
    open: async () => {
      const view = new View()
      views.push(view)
      await Promise.resolve()
      return view as unknown as StateExport
    },
    offer: () => true,
    lost: (to) => {
      lost.push(to)
    },
    send: (_, frame) => sent.push(frame) > 0 && !link.isFull,
    needs: (to) => needy.has(to),
    catchingUp,
    onFailure: (error) => {
      throw error
    },
  })
  const ask = async (frame: number, from = 'n2'): Promise<SnapshotFrame | undefined> => {
    sender.asked(from, { type: 'snapshotRequest', snapshot, frame })
    await clock.run()
    return sent.at(-1)
  }
  return { clock, sender, views, sent, lost, needy, log, link, ask }
}

describe('a follower that begins anew', () => {
  test('after a crash in the middle, when the view is past its beginning, gets another', async () => {
    const { clock, sender, views, lost, ask } = setUp()
    sender.wanted('n2')
    await clock.run()
    for (let n = 0; n < 9; n++) expect(await ask(n)).toMatchObject({ frame: n })
    expect((await ask(0))?.type).toBe('snapshotUnknown')
    // Nothing else would end the offer of a view that is closed.
    expect(lost).toEqual(['n2'])
    expect(views[0]?.isClosed).toBe(true)
    sender.wanted('n2')
    await clock.run()
    expect(await ask(0)).toMatchObject({ type: 'snapshotFrame', frame: 0 })
    expect(views).toHaveLength(2)
  })

  test('and asks for what is not served at all: the core hears that it is lost', async () => {
    const { sender, lost, needy, ask } = setUp()
    expect((await ask(0))?.type).toBe('snapshotUnknown')
    expect(lost).toEqual(['n2'])
    // It waits its turn: nothing is lost yet.
    sender.wanted('n2')
    sender.asked('n2', { type: 'snapshotRequest', snapshot, frame: 0 })
    expect(lost).toEqual(['n2'])
    needy.clear()
    sender.closeAll()
    await ask(0)
    expect(lost).toEqual(['n2'])
  })
})

describe('a frame that is asked for again', () => {
  test('is on its way for a while, but for the header; then it is sent again', async () => {
    const { clock, sender, sent, ask } = setUp()
    sender.wanted('n2')
    await clock.run()
    await ask(0)
    await ask(0)
    expect(sent).toHaveLength(2)
    const times: number[] = []
    for (let second = 0; second < 9; second++) {
      const before = sent.length
      await ask(1)
      if (sent.length > before) times.push(second)
      await clock.advance(1_000)
    }
    expect(times).toEqual([0, 3, 6])
    expect(await ask(2)).toMatchObject({ frame: 2 })
  })

  test('is sent at once where the link did not take it', async () => {
    const { clock, sender, link, sent, ask } = setUp()
    sender.wanted('n2')
    await clock.run()
    await ask(0)
    link.isFull = true
    await ask(1)
    link.isFull = false
    sent.length = 0
    expect(await ask(1)).toMatchObject({ type: 'snapshotFrame', frame: 1 })
  })
})

describe('followers that wait their turn', () => {
  test('get it, while members that never ask hold all there is', async () => {
    const { clock, sender, views, lost, needy, ask } = setUp()
    for (const gone of ['n3', 'n4']) {
      needy.add(gone)
      sender.wanted(gone)
      await clock.run()
    }
    sender.wanted('n2')
    await clock.run()
    expect((await ask(0))?.type).toBe('snapshotUnknown')
    expect(views).toHaveLength(2)
    await clock.advance(5_001)
    sender.tick(clock.monotonic())
    expect(lost).toEqual(['n3', 'n4'])
    for (const gone of lost) sender.wanted(gone)
    await clock.run()
    expect(await ask(0)).toMatchObject({ type: 'snapshotFrame', frame: 0 })
  })

  test('take nothing from one that asks', async () => {
    const { clock, sender, lost, needy, ask } = setUp()
    sender.wanted('n2')
    await clock.run()
    for (const other of ['n3', 'n4']) {
      needy.add(other)
      sender.wanted(other)
      await clock.run()
    }
    for (let second = 0; second < 20; second++) {
      expect(await ask(second)).toMatchObject({ type: 'snapshotFrame', frame: second })
      await clock.advance(1_000)
      sender.tick(clock.monotonic())
      for (const gone of lost.splice(0)) {
        expect(gone).not.toBe('n2')
        sender.wanted(gone)
      }
    }
  })

  test('are none: then one that is cut off for half a minute goes on where it was', async () => {
    const { clock, sender, lost, ask } = setUp()
    sender.wanted('n2')
    await clock.run()
    expect(await ask(0)).toMatchObject({ type: 'snapshotFrame', frame: 0 })
    await clock.advance(30_000)
    sender.tick(clock.monotonic())
    expect(lost).toEqual([])
    expect(await ask(1)).toMatchObject({ type: 'snapshotFrame', frame: 1 })
  })
})

describe('the log is kept', () => {
  test('for who takes its snapshot, and not for who is merely offered one', async () => {
    const { clock, sender, ask } = setUp()
    sender.wanted('n2')
    await clock.run()
    expect([sender.heldIndex, sender.owedIndex]).toEqual([90, Infinity])
    await ask(0)
    expect([sender.heldIndex, sender.owedIndex]).toEqual([90, 90])
    sender.closeAll()
    expect([sender.heldIndex, sender.owedIndex]).toEqual([Infinity, Infinity])
  })

  test('until who has got its snapshot has caught up', async () => {
    const { clock, sender, needy, log, ask } = setUp()
    sender.wanted('n2')
    await clock.run()
    await ask(0)
    // Its acknowledgement is here, before anything was said of it.
    needy.clear()
    expect(sender.owedIndex).toBe(90)
    sender.tick(clock.monotonic())
    expect([sender.heldIndex, sender.owedIndex]).toEqual([Infinity, 90])
    log.matchIndex = 100
    log.lastIndex = 120
    sender.tick(clock.monotonic() + 2_000)
    expect(sender.owedIndex).toBe(100)
    log.matchIndex = 121
    sender.tick(clock.monotonic() + 2_500)
    expect(sender.owedIndex).toBe(Infinity)
  })

  test('as much of it as its snapshot has bytes, each frame counted once', async () => {
    const { clock, sender, needy, ask } = setUp()
    sender.wanted('n2')
    await clock.run()
    await ask(0)
    expect(sender.owedBytes).toBe(0)
    for (let n = 1; n < 6; n++) await ask(n)
    await clock.advance(4_000)
    await ask(5)
    expect(sender.owedBytes).toBe(5)
    for (let n = 6; n <= lastFrame; n++) await ask(n)
    needy.clear()
    sender.tick(clock.monotonic())
    expect(sender.owedBytes).toBe(lastFrame)
    sender.closeAll()
    expect(sender.owedBytes).toBe(0)
  })

  test('and no longer for one that goes away meanwhile', async () => {
    const { clock, sender, needy, ask } = setUp()
    sender.wanted('n2')
    await clock.run()
    await ask(0)
    needy.clear()
    sender.tick(clock.monotonic())
    needy.add('n2')
    sender.tick(clock.monotonic())
    expect(sender.owedIndex).toBe(Infinity)
  })

  test('for who has all of it and is putting it in place, though others wait', async () => {
    const { clock, sender, lost, needy, ask } = setUp()
    sender.wanted('n2')
    await clock.run()
    for (let n = 0; n <= lastFrame; n++) await ask(n)
    for (const other of ['n3', 'n4', 'n5']) {
      needy.add(other)
      sender.wanted(other)
      await clock.run()
    }
    await clock.advance(20_000)
    sender.tick(clock.monotonic())
    expect(lost).toEqual(['n3', 'n4'])
    expect(sender.owedIndex).toBe(90)
  })
})

describe('followers that got all of it, and were never heard of again', () => {
  const whole = async (ids: readonly string[]) => {
    const parts = setUp()
    const { clock, sender, needy, ask } = parts
    for (const id of ids) {
      needy.add(id)
      sender.wanted(id)
      await clock.run()
      for (let n = 0; n <= lastFrame; n++) await ask(n, id)
    }
    const want = async (id: string): Promise<void> => {
      needy.add(id)
      sender.wanted(id)
      await clock.run()
    }
    return { ...parts, want }
  }

  test('do not keep another one waiting', async () => {
    const { want, ask } = await whole(['n2', 'n3'])
    await want('n4')
    expect(await ask(0, 'n4')).toMatchObject({ type: 'snapshotFrame', frame: 0 })
  })

  test('make room, the one that was silent longest first, once all views are taken', async () => {
    const { clock, sender, lost, views, want, ask } = await whole(['n2', 'n3', 'n4'])
    expect(views).toHaveLength(3)
    await want('n5')
    expect(views).toHaveLength(3)
    await clock.advance(5_001)
    await ask(lastFrame, 'n2')
    sender.tick(clock.monotonic())
    await clock.run()
    expect(lost).toEqual(['n3'])
    expect(await ask(0, 'n5')).toMatchObject({ type: 'snapshotFrame', frame: 0 })
    // Nobody waits any more: who is putting it in place may take its time.
    await clock.advance(20_000)
    sender.tick(clock.monotonic())
    expect(lost).toEqual(['n3'])
  })

  test('give their view once, and the log is kept for them all the same', async () => {
    const { clock, sender, lost, log, needy, want, ask } = await whole(['n2', 'n3', 'n4'])
    await want('n5')
    const gone = new Set<string>()
    let next = 0
    for (let n = 0; n < 30; n++) {
      await clock.advance(500)
      if ((await ask(next, 'n5'))?.type === 'snapshotFrame') next++
      sender.tick(clock.monotonic())
      // As the core does: who lost what it was offered is in want again.
      for (const id of lost.splice(0)) {
        gone.add(id)
        sender.wanted(id)
      }
      await clock.run()
    }
    expect([...gone]).toEqual(['n2'])
    expect(sender.owedIndex).toBe(90)
    needy.delete('n2')
    sender.tick(clock.monotonic())
    log.matchIndex = 95
    expect(sender.owedIndex).toBe(90)
  })
})
