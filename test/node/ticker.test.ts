/**
 * Goal: a stalled node reads its sockets before it judges a time-out, and does not make up for
 * all the ticks it missed.
 * Method: a clock whose timer fires late, with input that arrives in the same wake.
 */
import { describe, expect, test } from 'vitest'
import { Ticker } from '../../src/node/ticker.ts'
import { ManualClock } from '../suites/manual-clock.ts'
import type { Cancel, Clock } from '../../src/ports.ts'

describe('ticks', () => {
  test('one tick for each tick time', async () => {
    const clock = new ManualClock()
    let ticks = 0
    const ticker = new Ticker({ clock, tickMs: 25, onTick: () => ticks++ })
    ticker.start()
    await clock.advance(1_000)
    expect(ticks).toBe(40)
    ticker.stop()
    await clock.advance(1_000)
    expect(ticks).toBe(40)
    expect(clock.timers).toBe(0)
  })

  test('after a stall input comes first, and few ticks follow', () => {
    const log: string[] = []
    const clock = new StallingClock()
    const ticker = new Ticker({ clock, tickMs: 25, onTick: () => log.push('tick') })
    ticker.start()

    clock.stallUntil(3_000, () => log.push('heartbeat'))

    expect(log[0]).toBe('heartbeat')
    expect(log.filter((what) => what === 'tick')).toHaveLength(3)
    ticker.stop()
  })

  test('stopping within a tick stops the rest of that wake', () => {
    const clock = new StallingClock()
    let ticks = 0
    const ticker = new Ticker({
      clock,
      tickMs: 25,
      onTick: () => {
        ticks++
        ticker.stop()
      },
    })
    ticker.start()
    clock.stallUntil(3_000, () => {})
    expect(ticks).toBe(1)
  })
})

/** The event loop of a process that was stopped: timers first, then sockets, then `soon`. */
class StallingClock implements Clock {
  #now = 0
  #timer: (() => void) | undefined
  readonly #soon: (() => void)[] = []

  monotonic(): number {
    return this.#now
  }
  wall(): number {
    return this.#now
  }
  timer(_delayMs: number, callback: () => void): Cancel {
    this.#timer = callback
    return () => {
      this.#timer = undefined
    }
  }
  soon(callback: () => void): void {
    this.#soon.push(callback)
  }
  stallUntil(now: number, input: () => void): void {
    this.#now = now
    this.#timer?.()
    input()
    for (const callback of this.#soon.splice(0)) callback()
  }
}
