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

function setUp() {
  const clock = new ManualClock()
  const disk = new MemoryDisk()
  const asked: string[] = []
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
        return await new MemoryDatabase().open()
      },
    }),
    send: (to) => asked.push(to) > 0,
    onFailed: () => {
      count.failed++
    },
    isUseful: () => true,
    onReceived: () => {},
  })
  return { clock, disk, asked, said, count, room, receiver }
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

  test('where nobody can tell how much there is, it is taken for enough', async () => {
    const { receiver, clock, asked, room } = setUp()
    room.freeBytes = undefined
    receiver.offered('n1', old)
    await clock.run()
    expect(asked).toEqual(['n1'])
    await clock.until(receiver.stop())
  })
})
