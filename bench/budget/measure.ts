/** CPU time of a stage, all threads of the process counted, by the median of several passes. */
import { median } from '../measure/statistics.ts'

/** Something that is done once for each put, or once for each group of them. */
export interface Stage {
  readonly where: 'client' | 'leader' | 'follower' | 'each node' | 'floor'
  readonly name: string
  /** Does it for all puts. */
  readonly run: () => void | Promise<void>
}

/** A stage and what it costs. */
export interface Cost {
  readonly where: Stage['where']
  readonly name: string
  /** CPU time, user and system, µs for each put. */
  readonly cpuMicros: number
  /** Elapsed, µs for each put. */
  readonly elapsedMicros: number
}

/** One pass more is made first, for the just-in-time compiler, and not counted. */
export async function costOf(stage: Stage, puts: number, passes: number): Promise<Cost> {
  const cpu: number[] = []
  const elapsed: number[] = []
  for (let pass = 0; pass <= passes; pass++) {
    const before = process.cpuUsage()
    const begin = performance.now()
    await stage.run()
    const ms = performance.now() - begin
    const { user, system } = process.cpuUsage(before)
    if (pass === 0) continue
    cpu.push((user + system) / puts)
    elapsed.push((ms * 1_000) / puts)
  }
  const { where, name } = stage
  return { where, name, cpuMicros: median(cpu), elapsedMicros: median(elapsed) }
}
