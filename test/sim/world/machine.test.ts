/**
 * Goal: machines end their processes in the way that a fault asks for, each end is told once, and
 * who is stopped in good order comes back.
 * Method: worlds of one or three nodes without clients, with the trace's lines and a check that
 * notes how lives end.
 */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../../src/random.ts'
import { Kernel } from '../kernel/kernel.ts'
import { Trace } from '../kernel/trace.ts'
import { begin } from './faults.ts'
import { attachProbe, detachProbe } from './probe.ts'
import { drawSwarm } from './swarm.ts'
import { World } from './world.ts'

interface Scene {
  readonly world: World
  /** How lives ended, in order. */
  readonly ends: readonly string[]
  /** Of the trace. */
  readonly lines: readonly string[]
}

/** Runs a script in a world whose nodes serve, outside of any promise's callback. */
function inWorld(nodes: number, script: (scene: Scene) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      const lines: string[] = []
      const ends: string[] = []
      const kernel = new Kernel(new Trace((line) => lines.push(line)))
      const swarm = { ...drawSwarm(1), nodes, heartbeatMs: 50, electionMinMs: 150, caps: {} }
      const world = new World({
        kernel,
        swarm: { ...swarm, electionMaxMs: 300, clockSpread: 0 },
        seed: 1,
        log: undefined,
      })
      world.watch([{ name: 'ends', onEnd: ({ id }, { type }) => ends.push(`${id} ${type}`) }])
      try {
        attachProbe(world)
        world.start()
        kernel.runTo(5_000)
        expect(world.leader()).toBeDefined()
        script({ world, ends, lines })
        expect(kernel.crash).toBeUndefined()
        resolve()
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
      } finally {
        detachProbe()
      }
    })
  })
}

describe('restart', () => {
  test('ends nodes in good order, and the heal starts them again', async () => {
    await inWorld(3, ({ world, ends, lines }) => {
      const begun = begin(world, 'restart', new SeededRandom(3), 1_000)
      expect(begun?.what).toMatch(/^restart n\d/)
      world.kernel.runTo(8_000)
      expect(ends.length).toBeGreaterThan(0)
      for (const end of ends) expect(end).toMatch(/^n\d closed$/)
      expect(world.machines.filter(({ alive }) => !alive)).toHaveLength(ends.length)
      begun?.heal()
      world.kernel.runTo(12_000)
      for (const machine of world.machines) expect(machine.serving).toBe(true)
      expect(lines.filter((line) => line.includes(' close n'))).toHaveLength(ends.length)
    })
  })

  test('whose heal comes before the process has ended starts it once it has', async () => {
    await inWorld(1, ({ world, ends }) => {
      const { kernel } = world
      const machine = world.node('n1')
      machine.stop()
      machine.close()
      machine.start()
      kernel.runTo(6_000)
      expect(ends).toEqual([])
      machine.resume()
      kernel.runTo(10_000)
      expect(ends).toEqual(['n1 closed'])
      expect(machine.lives).toBe(2)
      expect(machine.serving).toBe(true)
    })
  })

  test('that nobody heals leaves the machine down', async () => {
    await inWorld(1, ({ world, ends }) => {
      world.node('n1').close()
      world.kernel.runTo(10_000)
      expect(ends).toEqual(['n1 closed'])
      expect(world.node('n1').alive).toBe(false)
    })
  })
})

describe('a power cut', () => {
  test('of a machine whose process is dead already ends no life', async () => {
    await inWorld(1, ({ world, ends, lines }) => {
      const machine = world.node('n1')
      machine.kill()
      machine.powerCut('none', 'strict')
      expect(ends).toEqual(['n1 killed'])
      expect(lines.filter((line) => line.includes('power cut'))).toEqual([])
      expect(world.network.isUp('n1')).toBe(false)
      machine.start()
      world.kernel.runTo(10_000)
      machine.powerCut('none', 'strict')
      expect(ends).toEqual(['n1 killed', 'n1 powerCut'])
      expect(lines.filter((line) => line.includes('power cut n1'))).toHaveLength(1)
    })
  })
})

describe('a wipe', () => {
  test('is remembered, and spares those that must stay whole', async () => {
    await inWorld(3, ({ world }) => {
      const [victim] = world.machines.filter(({ id }) => world.atlas.mayDamage(id))
      const [other] = world.machines.filter(({ id }) => !world.atlas.mayDamage(id))
      if (victim === undefined || other === undefined) throw new Error('one of three may be lost')
      world.wipe(victim)
      expect(world.atlas.records).toEqual([{ machine: victim.id, at: 5_000, what: 'wipe' }])
      expect(() => world.wipe(other)).toThrow('must not be damaged')
      expect(other.wiped).toBe(false)
    })
  })
})
