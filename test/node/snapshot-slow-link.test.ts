/**
 * Goal: over a link that takes longer for a frame than a follower waits before it asks again, each
 * frame still goes once: copies of it would queue up before the next one, and slow it down the more.
 * Method: sender and receiver alone, a link between them that takes its time, a clock moved by hand.
 */
import { describe, expect, test } from 'vitest'
import { silentLogger } from '../../src/logger.ts'
import { CatchingUp } from '../../src/node/catching-up.ts'
import { Generations } from '../../src/node/generations.ts'
import { SnapshotReceiver } from '../../src/node/snapshot-receiver.ts'
import { SnapshotSender } from '../../src/node/snapshot-sender.ts'
import { frameBytesMax } from '../../src/state/snapshot-format.ts'
import type { SnapshotFrame } from '../../src/transport/index.ts'
import { Driver, openMachine, put } from '../state/support.ts'
import { ManualClock } from '../suites/manual-clock.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import { MemoryDisk } from '../suites/memory-disk.ts'

/** What the link and the system below it hold before they refuse more. */
const heldMax = 8

interface Link {
  /** One of this number is lost on its way, once. */
  lose: number | undefined
  /** For a frame that is full. */
  readonly frameMs: number
}

/** Runs a transfer; the numbers of the frames that arrived, and how long it took. */
async function transfer(link: Link): Promise<{ arrived: number[]; ms: number; done: boolean }> {
  const clock = new ManualClock()
  const machine = await openMachine(await new MemoryDatabase().open())
  const driver = new Driver(machine, 1_700_000_000_000)
  for (let i = 0; i < 5; i++) driver.write(put(`k-${i}`, 'v'.repeat(500_000)))
  const arrived: number[] = []
  let held = 0
  let freeAt = 0
  let done = false
  const carry = (frame: SnapshotFrame): boolean => {
    if (held >= heldMax) return false
    held++
    const size = frame.type === 'snapshotFrame' ? frame.bytes.length : 0
    freeAt = Math.max(freeAt, clock.monotonic()) + (link.frameMs * size) / frameBytesMax
    clock.timer(freeAt - clock.monotonic(), () => {
      held--
      if (frame.type === 'snapshotFrame') {
        if (frame.frame === link.lose) {
          link.lose = undefined
          return
        }
        arrived.push(frame.frame)
      }
      receiver.answered('n1', frame)
    })
    return true
  }
  const sender = new SnapshotSender({
    clock,
    logger: silentLogger,
    open: () => machine.openExport(),
    offer: (_, snapshot) => {
      receiver.offered('n1', snapshot)
      return true
    },
    lost: () => {},
    send: (_, frame) => carry(frame),
    needs: () => true,
    catchingUp: new CatchingUp({ matchIndexOf: () => undefined, lastIndex: () => 0 }),
    onFailure: (error) => {
      throw error
    },
  })
  const disk = new MemoryDisk()
  const receiver = new SnapshotReceiver({
    clock,
    logger: silentLogger,
    room: { freeBytes: undefined, isLow: false, isNearlyGone: false },
    generations: new Generations({
      disk,
      group: '/g',
      openDatabase: () => new MemoryDatabase().open(),
    }),
    send: (_, frame) => {
      clock.soon(() => sender.asked('n2', frame))
      return true
    },
    onFailed: () => {},
    isUseful: () => true,
    onReceived: () => {
      done = true
    },
  })
  sender.wanted('n2')
  for (let i = 0; i < 20_000 && !done; i++) {
    await clock.advance(50)
    sender.tick(clock.monotonic())
    receiver.tick(clock.monotonic())
  }
  const ms = clock.monotonic()
  await clock.until(receiver.stop())
  await clock.until(sender.stop())
  await machine.close()
  return { arrived, ms, done }
}

describe('a frame goes once', () => {
  test('over a link that takes two seconds for it', async () => {
    const { arrived, ms, done } = await transfer({ frameMs: 2_000, lose: undefined })
    expect(done).toBe(true)
    expect(arrived.length).toBeGreaterThan(10)
    expect(arrived).toEqual([...new Set(arrived)])
    expect(ms).toBeLessThan(2_100 * arrived.length)
  })

  test('and one that is lost goes again', async () => {
    const { arrived, done } = await transfer({ frameMs: 10, lose: 3 })
    expect(done).toBe(true)
    expect(arrived).toEqual([...new Set(arrived)])
  })

  test('and few times over one that is slower than anybody expects', async () => {
    const { arrived, done } = await transfer({ frameMs: 12_000, lose: undefined })
    expect(done).toBe(true)
    expect(arrived.length).toBeLessThan(2 * new Set(arrived).size)
  })
})
