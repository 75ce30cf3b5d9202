/**
 * Goal: an offer of a snapshot that can't be taken up at once is not forgotten, and none is fetched
 * that there is no room for.
 * Method: the receiver alone, over a disk and databases in memory; it is sent frames, or nothing.
 */
import { describe, expect, test } from 'vitest'
import { Generations } from '../../src/node/generations.ts'
import { SnapshotReceiver } from '../../src/node/snapshot-receiver.ts'
import { encodeFrame, encodeHeader, frameKinds } from '../../src/state/snapshot-format.ts'
import { ManualClock } from '../suites/manual-clock.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import { MemoryDisk } from '../suites/memory-disk.ts'
import { Driver, exportFrames, openMachine, put } from '../state/support.ts'

function setUp() {
  const clock = new ManualClock()
  const disk = new MemoryDisk()
  const asked: string[] = []
  const frames: number[] = []
  /** What a database is opened, or a batch written, behind; undefined: nothing. */
  const slow: { opening?: Promise<void>; writing?: Promise<void> } = {}
  const said: string[] = []
  const count = { failed: 0 }
  const room = { freeBytes: 10_000 as number | undefined, isLow: false, isNearlyGone: false }
  const say = (message: string): void => void said.push(message)
  const receiver = new SnapshotReceiver({
    clock,
    logger: { debug: say, info: say, warn: say, error: say },
    room,
    generations: new Generations({
      disk,
      group: '/g',
      openDatabase: async (path) => {
        await disk.makeDirectory(path)
        await slow.opening
        const database = await new MemoryDatabase().open()
        return {
          ...database,
          pause: () => slow.writing ?? Promise.resolve(),
          barrier: async () => {
            await slow.writing
            await database.barrier()
          },
        }
      },
    }),
    send: (to, frame) => {
      if (frame.type === 'snapshotRequest') frames.push(frame.frame)
      return asked.push(to) > 0
    },
    onFailed: () => {
      count.failed++
    },
    isUseful: () => true,
    onReceived: () => {},
  })
  return { clock, disk, asked, frames, slow, said, count, room, receiver }
}

const old = { term: 1, index: 10 }
const newer = { term: 2, index: 12 }

test('another leader offers while a fetch is being begun: the core hears that it was not taken', async () => {
  const { receiver, clock, count, asked } = setUp()
  receiver.offered('n1', old)
  receiver.offered('n1', old)
  expect(count.failed).toBe(0)
  receiver.offered('n2', newer)
  // Told of once: without this it would wait until the old leader has been silent for long.
  expect(count.failed).toBe(1)
  await clock.run()
  receiver.offered('n2', newer)
  await clock.run()
  expect(asked).toEqual(['n1', 'n2'])
  await clock.until(receiver.stop())
})

describe('without room', () => {
  test('none is begun, which is told once, until there is', async () => {
    const { receiver, clock, count, asked, said, room, disk } = setUp()
    room.isLow = true
    for (let i = 0; i < 3; i++) receiver.offered('n1', old)
    await clock.run()
    expect(count.failed).toBe(3)
    expect(asked).toEqual([])
    expect(await clock.until(disk.list('/g'))).toBeUndefined()
    expect(said).toEqual(['there is no room for a snapshot'])
    expect(receiver.progress).toBe('room on its disk for a snapshot at entry 10 from n1')

    room.isLow = false
    receiver.offered('n1', old)
    await clock.run()
    expect(asked).toEqual(['n1'])
    expect(receiver.progress).toBe('a snapshot at entry 10 from n1, frame 0')
    await clock.until(receiver.stop())
  })

  test('who is offered nothing any more does not wait for room', async () => {
    const { receiver, clock, room } = setUp()
    room.isLow = true
    receiver.offered('n1', old)
    await clock.advance(5_000)
    receiver.tick(clock.monotonic())
    expect(receiver.progress).toContain('room')
    await clock.advance(1)
    receiver.tick(clock.monotonic())
    expect(receiver.progress).toBeUndefined()
    await clock.until(receiver.stop())
  })

  test('one under way is left aside, and begun anew only with more room than it needed', async () => {
    const { receiver, clock, asked, room, disk, count } = setUp()
    receiver.offered('n1', old)
    await clock.run()
    const bytes = encodeFrame(frameKinds.header, 0, encodeHeader(old))
    receiver.answered('n1', { type: 'snapshotFrame', snapshot: old, frame: 0, bytes, last: false })
    await clock.run()
    expect(receiver.progress).toContain('frame 1')
    expect(await clock.until(disk.list('/g'))).toEqual(['state-1'])

    Object.assign(room, { freeBytes: 100, isLow: true, isNearlyGone: true })
    receiver.tick(clock.monotonic())
    receiver.tick(clock.monotonic())
    await clock.run()
    expect(await clock.until(disk.list('/g'))).toEqual([])
    expect(count.failed).toBe(1)

    await clock.advance(2_500)
    asked.length = 0
    const needed = 100 + 1.25 * bytes.length
    Object.assign(room, { freeBytes: Math.ceil(needed) - 1, isLow: false, isNearlyGone: false })
    receiver.offered('n1', newer)
    await clock.run()
    expect(asked).toEqual([])
    expect(receiver.progress).toContain('room on its disk')
    room.freeBytes = Math.ceil(needed)
    receiver.offered('n1', newer)
    await clock.run()
    expect(asked).toEqual(['n1'])
    await clock.until(receiver.stop())
  })

  test('attempts that fail for want of it, though there seemed to be enough, come ever more rarely', async () => {
    const { receiver, clock, asked, room } = setUp()
    const begun: number[] = []
    for (let second = 0; second < 3_600; second++) {
      receiver.offered('n1', { term: 1, index: 10 + second })
      await clock.run()
      if (asked.length > 0) {
        begun.push(second)
        // What LevelDB takes besides is not known: the frames that came say nothing of it.
        Object.assign(room, { freeBytes: 100, isLow: true, isNearlyGone: true })
        receiver.tick(clock.monotonic())
        receiver.tick(clock.monotonic())
        await clock.run()
        Object.assign(room, { freeBytes: 10_000, isLow: false, isNearlyGone: false })
        asked.length = 0
      }
      await clock.advance(1_000)
      receiver.tick(clock.monotonic())
    }
    expect(begun.slice(0, 4)).toEqual([0, 2, 10, 42])
    expect(begun.length).toBeLessThan(12)
    // But they go on to come.
    expect(begun.at(-1)).toBeGreaterThan(2_900)
    await clock.until(receiver.stop())
  })

  test('what an attempt needed is no reason to wait for ever: the next snapshot may be small', async () => {
    const { receiver, clock, asked, room } = setUp()
    receiver.offered('n1', old)
    await clock.run()
    Object.assign(room, { freeBytes: 9_000, isLow: true, isNearlyGone: true })
    receiver.tick(clock.monotonic())
    await clock.run()
    asked.length = 0
    Object.assign(room, { freeBytes: 8_999, isLow: false, isNearlyGone: false })
    const begunAfter = async (ms: number): Promise<boolean> => {
      await clock.advance(ms)
      receiver.tick(clock.monotonic())
      receiver.offered('n1', newer)
      await clock.run()
      return asked.length > 0
    }
    expect(await begunAfter(599_000)).toBe(false)
    expect(await begunAfter(1_001)).toBe(true)
    await clock.until(receiver.stop())
  })

  test('where nobody can tell how much there is, it is taken for enough', async () => {
    const { receiver, clock, asked, room } = setUp()
    room.freeBytes = undefined
    receiver.offered('n1', old)
    await clock.run()
    expect(asked).toEqual(['n1'])
    await clock.until(receiver.stop())
  })
})

/** Everything of a state with some rows: a header, rows and the trailer. */
async function snapshotFrames(): Promise<{
  readonly frames: readonly Uint8Array[]
  index: number
}> {
  const machine = await openMachine(await new MemoryDatabase().open())
  const driver = new Driver(machine, 1_700_000_000_000)
  for (let i = 0; i < 200; i++) driver.write(put(`k-${i}`, 'v'))
  const frames = await exportFrames(machine)
  await machine.close()
  return { frames, index: driver.log.length }
}

/** Resolved by hand. */
function gate(): { readonly passed: Promise<void>; open: () => void } {
  let open = (): void => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open: () => open() }
}

describe('a slow disk here', () => {
  async function fetching() {
    const made = setUp()
    const { frames: all, index } = await snapshotFrames()
    const snapshot = { term: 1, index }
    expect(all).toHaveLength(3)
    const give = async (frame: number): Promise<void> => {
      const bytes = all[frame] ?? new Uint8Array()
      const last = frame === all.length - 1
      made.receiver.answered('n1', { type: 'snapshotFrame', snapshot, frame, bytes, last })
      await made.clock.run()
    }
    /** Time passes, and the node's ticks with it. */
    const pass = async (seconds: number): Promise<void> => {
      for (let i = 0; i < 2 * seconds; i++) {
        await made.clock.advance(501)
        made.receiver.tick(made.clock.monotonic())
        await made.clock.run()
      }
    }
    return { ...made, snapshot, give, pass }
  }

  test('does not make the sender believe that this node is gone', async () => {
    const { receiver, clock, frames, slow, snapshot, give, pass, said } = await fetching()
    const opening = gate()
    slow.opening = opening.passed
    receiver.offered('n1', snapshot)
    await clock.run()
    await pass(4)
    expect(frames).toEqual([0, 0, 0, 0])
    opening.open()
    await clock.run()
    await give(0)
    frames.length = 0

    const writing = gate()
    slow.writing = writing.passed
    await give(1)
    // Longer than a sender that is silent gets: what came late has come all the same.
    await pass(40)
    expect(frames.length).toBeGreaterThanOrEqual(20)
    expect(new Set(frames)).toEqual(new Set([1]))
    frames.length = 0
    writing.open()
    await clock.run()
    expect(frames).toEqual([2])
    await pass(1)
    expect(said).not.toContain('a snapshot was not fetched to its end')
    await clock.until(receiver.stop())
  })

  test('while it makes the whole durable: nothing is asked for that there is not', async () => {
    const { receiver, clock, frames, slow, snapshot, give, pass, said } = await fetching()
    receiver.offered('n1', snapshot)
    await clock.run()
    await give(0)
    await give(1)
    const writing = gate()
    slow.writing = writing.passed
    await give(2)
    frames.length = 0
    await pass(10)
    // A frame behind the last one would end the transfer there, and with it the log is let go.
    expect(new Set(frames)).toEqual(new Set([2]))
    writing.open()
    await clock.run()
    expect(said).toContain('a snapshot is whole')
    expect(receiver.progress).toBeUndefined()
    await clock.until(receiver.stop())
  })
})
