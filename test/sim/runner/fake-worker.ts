/** A worker for tests of the pool: what its lifetimes do is said by their seeds. */
import type { LifetimeOptions, LifetimeResult } from '../lifetime.ts'
import { noFigures } from './job.ts'
import { serve } from './serve.ts'

/** From this seed on a lifetime takes a while. */
const slowFrom = 1_000
const slowMs = 30

/** The seeds that do not end well. */
const badSeeds = { throws: 901, throwsLater: 902, exits: 903, hangs: 904, rejects: 905 }

serve((options: LifetimeOptions): LifetimeResult => {
  const { seed } = options
  if (seed === badSeeds.throws) throw new Error('it broke')
  if (seed === badSeeds.exits) process.exit(7)
  if (seed === badSeeds.rejects) void Promise.reject(new Error('nobody looked'))
  if (seed === badSeeds.throwsLater) {
    process.nextTick(() => {
      throw new Error('it broke later')
    })
  }
  while (seed === badSeeds.hangs) Math.imul(seed, seed)
  const end = performance.now() + (seed >= slowFrom ? slowMs : 0)
  while (performance.now() < end) Math.imul(seed, seed)
  options.trace?.(`seed ${seed}`)
  return {
    seed,
    hash: seed.toString(16).padStart(16, '0'),
    description: [],
    figures: { ...noFigures, acked: seed, events: process.pid },
    faultNumbers: [],
  }
})
