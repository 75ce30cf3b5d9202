/**
 * Goal: no read of a real node goes back in time, whatever stands still, is cut off or starts anew
 * while it is under way.
 * Method: whole nodes in one process on a clock that moves by hand. One writer counts upwards, so
 * that every read can be judged by itself: not below what was acknowledged before it began, not
 * above what was sent before it ended. Message by message: test/raft/faults-reads.test.ts.
 */
import { describe, expect, test } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { QuorateError } from '../../src/errors.ts'
import { SeededRandom, randomBetween } from '../../src/random.ts'
import type { Cluster, Machine } from '../node/support/cluster.ts'
import { clusters } from './support/world.ts'

const cluster = clusters()

/** One key that only grows, and readers of it. */
class Counter {
  acknowledged = 0
  sent = 0
  served = 0
  refused = 0
  readonly wrong: string[] = []
  #stopped = false
  readonly #running: Promise<void>[] = []

  write(db: Client): void {
    const run = async (): Promise<void> => {
      while (!this.#stopped) {
        const value = ++this.sent
        // In doubt or not: the next one is larger, and nothing else writes.
        const ended = await db.put('counter', String(value), { timeout: 400 }).then(
          () => 'done',
          ({ code }: QuorateError) => code,
        )
        if (ended === 'done') this.acknowledged = value
        if (ended === 'QUORATE_CLOSED') return
      }
    }
    this.#running.push(run())
  }

  read(on: Cluster, db: Client, who: string): void {
    const run = async (): Promise<void> => {
      while (!this.#stopped) {
        const floor = this.acknowledged
        try {
          const value = Number((await db.get('counter', { timeout: 400 })) ?? 0)
          this.served++
          if (value < floor || value > this.sent) {
            this.wrong.push(`${who} read ${value}, not ${floor} to ${this.sent}`)
          }
        } catch (error) {
          if (!(error instanceof QuorateError)) throw error
          expect(error.outcome).toBe('not-applied')
          this.refused++
        }
        await new Promise<void>((resolve) => void on.clock.timer(3, resolve))
      }
    }
    this.#running.push(run())
  }

  async stop(on: Cluster): Promise<void> {
    this.#stopped = true
    await on.done(Promise.all(this.#running))
  }
}

describe('a leader that was', () => {
  test('answers no read with the past when it wakes, nor when it is cut off (Jepsen: etcd, Consul 2014)', async () => {
    let served = 0
    for (let after = 0; after <= 5; after++) {
      const on = await cluster(after).up()
      const old = await on.leader()
      const others = on.followers(old)
      const db = await on.client(
        {},
        others.map(({ id }) => id),
      )
      await on.done(db.put('k', 'old'))
      const pinned = await on.client({ pin: true }, [old.id])
      const ask = (): Promise<unknown> =>
        pinned.get('k', { timeout: 8_000 }).catch((error: unknown) => error)
      // One is under way when it stops, one waits in its socket, one comes as it wakes. The first
      // began before the new value was there: it may see either.
      const first = ask()
      await on.clock.advance(after)
      old.life.pause()
      await on.leader(others)
      await on.done(db.put('k', 'new'))
      const waiting = ask()
      await on.clock.advance(100)
      // Half of the time it hears nothing of its successor when it wakes.
      if (after % 2 === 0) on.isolate(old)
      old.life.resume()
      const asked = ask()
      await on.clock.advance(2_500)
      on.network.heal()
      const values = await on.done(Promise.all([waiting, asked]))
      for (const value of values) {
        if (value instanceof QuorateError) expect(value.outcome).toBe('not-applied')
        else expect(value).toBe('new')
        if (value === 'new') served++
      }
      await on.done(first)
      await on.down()
    }
    expect(served).toBeGreaterThan(5)
  })

  test('reads on all nodes, while leaders stop, are cut off and are killed (etcd#20418, etcd#7331)', async () => {
    const on = await cluster(8).up()
    const random = new SeededRandom(8)
    const counter = new Counter()
    counter.write(await on.client())
    for (const { id } of on.machines) counter.read(on, await on.client({ pin: true }, [id]), id)
    counter.read(on, await on.client(), 'anybody')
    for (let round = 0; round < 14; round++) {
      await on.clock.advance(randomBetween(random, 200, 500))
      const leader = await on.leader()
      const victim = round % 4 === 3 ? (on.followers(leader)[round % 2] as Machine) : leader
      const ms = randomBetween(random, 100, 1_500)
      // Answers come late, so that a read can come before a new leader knows what is committed.
      const slow = (ms: () => number): void => {
        for (const a of on.machines) {
          for (const b of on.machines) if (a !== b) on.network.delay(a.id, b.id, ms())
        }
      }
      slow(() => randomBetween(random, 1, 90))
      if (round % 3 === 0) victim.life.pause()
      else if (round % 3 === 1) on.isolate(victim)
      else await on.kill(victim)
      await on.clock.advance(ms)
      if (round % 3 === 0) victim.life.resume()
      else if (round % 3 === 1) on.network.heal()
      else await on.start(victim)
      await on.clock.advance(200)
      slow(() => 1)
    }
    await on.leader()
    await counter.stop(on)
    expect(counter.wrong).toEqual([])
    expect(counter.served).toBeGreaterThan(500)
    expect(counter.refused).toBeGreaterThan(5)
    expect(counter.acknowledged).toBeGreaterThan(200)
  })
})

describe('a node that is behind', () => {
  test('keeps a read until it has applied what the read must see (etcd#3879)', async () => {
    const on = await cluster(2, 3, { caps: { overlayFlushBytes: 256, overlayBytesMax: 512 } }).up()
    const slow = on.followers(await on.leader())[0] as Machine
    const db = await on.client()
    const pinned = await on.client({ pin: true }, [slow.id])
    await on.done(db.put('k', 'old'))
    let release = (): void => {}
    const flushed = new Promise<void>((resolve) => {
      release = resolve
    })
    slow.databasePause = () => flushed
    for (let i = 0; i < 40; i++) await on.done(db.put(`fill${i}`, 'x'.repeat(100)))
    await on.done(db.put('k', 'new'))
    await on.clock.advance(200)
    expect(slow.status.appliedIndex).toBeLessThan(slow.status.commitIndex)

    const read = pinned.get('k', { timeout: 20_000 })
    const early = await Promise.race([on.done(read.then(String), 1_000).catch(() => 'waits'), read])
    expect(early).toBe('waits')
    const late = await on.failure(pinned.get('k', { timeout: 500 }))
    expect(late.outcome).toBe('not-applied')
    release()

    expect(await on.done(read)).toBe('new')
  })

  test('that starts with an older state answers from the newest log (etcd#3879)', async () => {
    const on = await cluster(3).up()
    const db = await on.client()
    for (let round = 0; round < 6; round++) {
      const victim = on.followers(await on.leader())[round % 2] as Machine
      for (let i = 0; i < 20; i++) await on.done(db.put('k', `${round}.${i}`))
      await on.kill(victim, round % 3)
      await on.done(db.put('k', `${round}.last`))
      const pinned = on.client({ pin: true }, [victim.id])
      const started = on.start(victim)
      const reading = pinned.then((at) => at.get('k', { timeout: 10_000 }))
      await started
      expect(await on.done(reading)).toBe(`${round}.last`)
    }
  })
})
