/**
 * Goal: the real clock and the real chance do what their ports promise.
 * Method: few draws and short timers; only orders and bounds are checked, never how long it took.
 */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { realClock, realRandom } from '../../src/system/index.ts'

describe('clock', () => {
  test('a timer never fires before its time', async () => {
    for (const delay of [0, 0.3, 1, 1.7, 3.2]) {
      const start = realClock.monotonic()
      await new Promise<void>((resolve) => realClock.timer(delay, resolve))
      expect(realClock.monotonic() - start).toBeGreaterThanOrEqual(delay)
    }
  })

  test('a cancelled timer does not fire; cancelling twice, or late, does nothing', async () => {
    let fired = false
    const cancel = realClock.timer(1, () => {
      fired = true
    })
    cancel()
    cancel()
    await new Promise<void>((resolve) => realClock.timer(5, resolve))
    expect(fired).toBe(false)
    const late = realClock.timer(0, () => {})
    await new Promise<void>((resolve) => realClock.timer(2, resolve))
    late()
  })

  test('a delay beyond what the platform counts does not fire at once', async () => {
    let fired = false
    const cancel = realClock.timer(2 ** 40, () => {
      fired = true
    })
    await new Promise<void>((resolve) => realClock.timer(5, resolve))
    expect(fired).toBe(false)
    cancel()
  })

  test('`soon` runs in order, after the current turn', async () => {
    const order: number[] = []
    realClock.soon(() => order.push(2))
    realClock.soon(() => order.push(3))
    order.push(1)
    await new Promise<void>((resolve) => realClock.soon(resolve))
    expect(order).toEqual([1, 2, 3])
  })

  test('`soon` runs behind what has arrived, however long the process stood still (etcd#7617)', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const sender = connect(address.port, '127.0.0.1')
    const [receiver] = await accepted
    await once(sender, 'ready')

    const order: string[] = []
    receiver.on('data', (bytes) => order.push(bytes.toString()))
    const turns: [string, (callback: () => void) => void][] = [
      ['timer', (callback) => void realClock.timer(1, callback)],
      ['immediate', (callback) => void setImmediate(callback)],
    ]
    for (const [name, turn] of turns) {
      await new Promise<void>((resolve) => {
        turn(() => {
          sender.write(`data before ${name}`)
          const end = realClock.monotonic() + 50
          while (realClock.monotonic() < end);
          realClock.soon(() => {
            order.push(name)
            resolve()
          })
        })
      })
    }
    sender.destroy()
    receiver.destroy()
    server.close()

    expect(order).toEqual(['data before timer', 'timer', 'data before immediate', 'immediate'])
  })

  test('the wall clock tells whole milliseconds', () => {
    expect(Number.isSafeInteger(realClock.wall())).toBe(true)
  })
})

describe('random', () => {
  test('numbers are whole, in range, and not the same', () => {
    const draws = Array.from({ length: 1000 }, () => realRandom.uint32())
    expect(draws.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32)).toBe(true)
    expect(new Set(draws).size).toBeGreaterThan(990)
  })

  test('bytes have the length asked for and do not share memory', () => {
    const [a, b] = [realRandom.bytes(16), realRandom.bytes(16)]
    expect([a.length, b.length, realRandom.bytes(0).length]).toEqual([16, 16, 0])
    expect(a).not.toEqual(b)
    expect(a.buffer).not.toBe(b.buffer)
  })
})
