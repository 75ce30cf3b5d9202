/**
 * Goal: virtual time passes in order, processes stop and die in every respect, and a trace's hash
 * tells two runs apart.
 * Method: small scripts, each looking at the order in which things happened.
 */
import { describe, expect, test } from 'vitest'
import { Kernel, Stuck } from './kernel.ts'
import { MachineClock, Process } from './process.ts'
import { settle } from './settle.ts'
import { Trace } from './trace.ts'

/** Outside of any promise's callback, as the simulation itself runs. */
function inATurn<T>(body: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(body())
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    })
  })
}

describe('events', () => {
  test('come in the order of time, and at one moment in the order of planning', async () => {
    const log: string[] = []
    await inATurn(() => {
      const kernel = new Kernel()
      for (const [ms, name] of [
        [5, 'c'],
        [1, 'a'],
        [5, 'd'],
        [3, 'b'],
      ] as const) {
        kernel.after(ms, () => log.push(`${name} ${kernel.now}`))
      }
      kernel.after(4, () => log.push('never'))()
      kernel.runTo(10)
      expect(kernel.now).toBe(10)
    })
    expect(log).toEqual(['a 1', 'b 3', 'c 5', 'd 5'])
  })

  test('each with all promise chains that it sets going', async () => {
    const log: string[] = []
    const chain = async (name: string): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await Promise.resolve()
        log.push(`${name}${i}`)
      }
    }
    await inATurn(() => {
      const kernel = new Kernel()
      kernel.after(1, () => void chain('a'))
      kernel.after(1, () => void chain('b'))
      kernel.runTo(1)
    })
    expect(log).toEqual(['a0', 'a1', 'a2', 'b0', 'b1', 'b2'])
  })

  test('what is thrown ends the run, at its moment', async () => {
    const kernel = await inATurn(() => {
      const made = new Kernel()
      made.after(2, () => {
        throw new Error('broken')
      })
      made.after(3, () => {
        throw new Error('later')
      })
      made.runTo(10)
      return made
    })
    expect(kernel.crash?.error).toEqual(new Error('broken'))
    expect(kernel.now).toBe(2)
  })

  test('events that never end at one moment are noticed', async () => {
    const kernel = await inATurn(() => {
      const made = new Kernel()
      const again = (): void => void made.after(0, again)
      again()
      made.runTo(1)
      return made
    })
    expect(kernel.crash?.error).toBeInstanceOf(Stuck)
  })
})

describe('processes', () => {
  test('nothing reaches a dead one, and its promises stay open', async () => {
    const kernel = new Kernel()
    const one = new Process(kernel, 'one', new MachineClock(kernel))
    const log: string[] = []
    one.clock.timer(5, () => log.push('timer'))
    void one.sleep(5).then(() => log.push('slept'))
    one.clock.soon(() => log.push('soon'))
    one.kill()
    one.post('input', () => log.push('input'))
    await inATurn(() => kernel.runTo(100))
    expect(log).toEqual([])
  })

  test('a timer that was cancelled while the process stood still does not ring', async () => {
    const kernel = new Kernel()
    const one = new Process(kernel, 'one', new MachineClock(kernel))
    const log: string[] = []
    const cancelSecond = { call: (): void => {} }
    one.clock.timer(1, () => cancelSecond.call())
    cancelSecond.call = one.clock.timer(2, () => log.push('rang'))
    one.stop()
    await inATurn(() => kernel.runTo(10))
    await inATurn(() => one.resume())
    expect(log).toEqual([])
  })

  test('a clock that runs fast rings early; a change of rate never turns time back', async () => {
    const kernel = new Kernel()
    const machine = new MachineClock(kernel, { rate: 2 })
    const one = new Process(kernel, 'one', machine)
    let rangAt = 0
    one.clock.timer(10, () => {
      rangAt = kernel.now
    })
    await inATurn(() => kernel.runTo(10))
    expect(rangAt).toBeCloseTo(5, 2)
    const before = one.clock.monotonic()
    machine.rate = 0.5
    expect(one.clock.monotonic()).toBe(before)
    const wall = one.clock.wall()
    machine.wallOffset -= 60_000
    expect(one.clock.wall()).toBe(wall - 60_000)
    expect(one.clock.monotonic()).toBe(before)
  })

  test('two processes never interleave within one event', async () => {
    const kernel = new Kernel()
    const [a, b] = ['a', 'b'].map((name) => new Process(kernel, name, new MachineClock(kernel)))
    const log: string[] = []
    a!.post('input', () => {
      void Promise.resolve().then(() => log.push(`a goes on as ${kernel.running}`))
      b!.post('input', () => log.push(`b as ${kernel.running}`))
      log.push('a ends')
    })
    await settle(kernel, a!.sleep(1))
    expect(log.slice(0, 2)).toEqual(['b as b', 'a ends'])
  })
})

describe('traces', () => {
  test('the same lines give the same hash, any other gives another', () => {
    const hash = (...notes: readonly (readonly [number, string, ...(string | number)[]])[]) => {
      const trace = new Trace()
      for (const [at, what, ...fields] of notes) trace.note(at, what, ...fields)
      return trace.hash
    }
    const base = hash([1, 'a', 'x', 2], [2, 'b'])
    expect(base).toMatch(/^[0-9a-f]{16}$/)
    expect(hash([1, 'a', 'x', 2], [2, 'b'])).toBe(base)
    const others = [
      hash([1, 'a', 'x', 2]),
      hash([1, 'a', 'x', 3], [2, 'b']),
      hash([1.001, 'a', 'x', 2], [2, 'b']),
      hash([1, 'a', 'y', 2], [2, 'b']),
      hash([2, 'b'], [1, 'a', 'x', 2]),
      hash([1, 'a', 'x', 2 + 2 ** 32], [2, 'b']),
    ]
    expect(new Set([base, ...others]).size).toBe(others.length + 1)
  })

  test('lines are made only for whom they are wanted', () => {
    const lines: string[] = []
    const trace = new Trace((line) => lines.push(line))
    trace.note(12.5, 'fault', 'partition', undefined, 3)
    expect(lines).toEqual(['     12.500 fault partition 3'])
  })
})
