/**
 * Watches processes while a job runs: their CPU time over the measured window and the most memory
 * they held in it. Looks every 200 ms, which costs the machine next to nothing.
 */
import { clockTicks, readProcess, type ProcessReading } from './proc.ts'

/** A process to watch, under a name for people. */
export interface Watched {
  readonly name: string
  readonly pid: number
}

/** What one process used. */
export interface Usage {
  readonly name: string
  readonly cpuSeconds: number
  /** Peak, bytes. */
  readonly rssAnon: number
}

/** A look at all of them, at a time in ms of the monotonic clock. */
export interface Sample {
  readonly atMs: number
  readonly readings: readonly (ProcessReading | undefined)[]
}

const everyMs = 200

/** Looks until stopped. */
export class Sampler {
  readonly #watched: readonly Watched[]
  readonly #samples: Sample[] = []
  readonly #ticks = clockTicks()
  readonly #timer: NodeJS.Timeout

  constructor(watched: readonly Watched[]) {
    this.#watched = watched
    this.#look()
    this.#timer = setInterval(() => this.#look(), everyMs)
  }

  /** Ends the watch; what was used from `beginMs` to `endMs` of `performance.now()`. */
  stop(beginMs: number, endMs: number): readonly Usage[] {
    clearInterval(this.#timer)
    this.#look()
    return usageBetween(this.#watched, this.#samples, beginMs, endMs)
  }

  #look(): void {
    const readings = this.#watched.map(({ pid }) => readProcess(pid, this.#ticks))
    this.#samples.push({ atMs: performance.now(), readings })
  }
}

/**
 * Usage within a window. CPU time at its two ends is interpolated between the looks before and
 * after; a process that was not seen at both ends is left out.
 */
export function usageBetween(
  watched: readonly Watched[],
  samples: readonly Sample[],
  beginMs: number,
  endMs: number,
): readonly Usage[] {
  return watched.flatMap(({ name }, process) => {
    const from = cpuAt(samples, process, beginMs)
    const to = cpuAt(samples, process, endMs)
    if (from === undefined || to === undefined) return []
    const memory = samples
      .filter(({ atMs }) => atMs >= beginMs - everyMs && atMs <= endMs + everyMs)
      .map(({ readings }) => readings[process]?.rssAnon ?? 0)
    return [{ name, cpuSeconds: Math.max(0, to - from), rssAnon: Math.max(0, ...memory) }]
  })
}

function cpuAt(samples: readonly Sample[], process: number, atMs: number): number | undefined {
  let before: { atMs: number; cpu: number } | undefined
  for (const sample of samples) {
    const cpu = sample.readings[process]?.cpuSeconds
    if (cpu === undefined) continue
    if (sample.atMs >= atMs) {
      if (before === undefined || sample.atMs === before.atMs) return cpu
      const share = (atMs - before.atMs) / (sample.atMs - before.atMs)
      return before.cpu + share * (cpu - before.cpu)
    }
    before = { atMs: sample.atMs, cpu }
  }
  // The window ended after the last look, by less than a look's distance.
  return before?.cpu
}
