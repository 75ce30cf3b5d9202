/**
 * Real time and real processes, as far as the runner itself meets them: given to it, so that its
 * rounds, turns and pauses can be tested without either.
 */
import { procIsThere } from '../measure/proc.ts'
import { Sampler, type Usage, type Watched } from '../measure/sampler.ts'

/** What the runner needs of the world. */
export interface Surroundings {
  /** ms, monotonic. */
  now(): number
  /** ms since 1970. */
  wall(): number
  /** Resolves after about so many ms. */
  pause(ms: number): Promise<void>
  /** Watches processes until `stop`, which tells what they used between two moments of `now`. */
  watch(processes: readonly Watched[]): { stop(beginMs: number, endMs: number): readonly Usage[] }
}

/** Those of this process. Where the system does not tell of processes, nothing is known of them. */
export const realSurroundings: Surroundings = {
  now: () => performance.now(),
  wall: () => Date.now(),
  pause: (ms) => new Promise((done) => setTimeout(done, ms)),
  watch: (processes) => (procIsThere() ? new Sampler(processes) : { stop: () => [] }),
}
