/**
 * This machine as a source: load, memory and disks, sampled on a grid.
 *
 * Interval boundaries are multiples of the interval in wall time, so that replicas on different
 * machines name the same intervals. Each replica samples on its own, a moment apart from the
 * others: their payloads differ, and all but the first get the verdict `mismatch`, as in life.
 */
import { assert } from '../assert.ts'
import { usageError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { Line, LineSource } from './lines.ts'
import { parseTemplate } from './template.ts'

/** What names a sample. */
export const systemTemplates = {
  key: parseTemplate('system/{host}/{metric}/{intervalStart}-{intervalEnd}'),
  token: parseTemplate('system/{host}/{metric}/{intervalStart}/{intervalEnd}'),
}

/** One look at a machine. */
export interface MachineSample {
  /** Over 1, 5 and 15 minutes. */
  readonly loadAverages: readonly number[]
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number }
  readonly disks: readonly {
    readonly path: string
    readonly totalBytes: number
    readonly freeBytes: number
  }[]
}

/** Looks at the machine; the real one is in `src/system`. Must list the same disks each time. */
export type SampleMachine = () => Promise<MachineSample>

/** Options of `systemSource`. */
export interface SystemSourceOptions {
  readonly intervalMs: number
  /** How long in all: the number of whole intervals in it is sampled, at least one. */
  readonly forMs: number
  readonly clock: Clock
  /** The machine's name in the records. */
  readonly host: string
  readonly sample: SampleMachine
}

/** The samples as lines: for each interval one of the load, one of the memory, one of each disk. */
export function systemSource(options: SystemSourceOptions): LineSource {
  checkDuration('the interval', options.intervalMs)
  checkDuration('the duration', options.forMs)
  const grid = newGrid(options)
  return { kind: 'perReplica', open: (_replica, signal) => samples(options, grid, signal) }
}

function checkDuration(name: string, ms: number): void {
  if (!Number.isSafeInteger(ms) || ms < 1) {
    throw usageError(`${name} must be a whole number of ms, 1 or more`)
  }
}

/** The intervals, fixed once for all replicas of this run. */
interface Grid {
  readonly count: number
  /** Wall ms at which the first interval starts, and the monotonic ms of that moment. */
  readonly firstStart: number
  readonly firstDue: number
}

/**
 * The wall clock is read only here. It names the intervals; the monotonic clock says when they
 * begin, so that a wall clock set back an hour does not make the source wait for an hour.
 */
function newGrid({ clock, intervalMs, forMs }: SystemSourceOptions): Grid {
  const wall = clock.wall()
  const firstStart = Math.ceil(wall / intervalMs) * intervalMs
  assert(firstStart >= wall, 'the first interval lies ahead')
  const firstDue = clock.monotonic() + (firstStart - wall)
  return { count: Math.max(1, Math.floor(forMs / intervalMs)), firstStart, firstDue }
}

async function* samples(
  options: SystemSourceOptions,
  grid: Grid,
  signal: AbortSignal,
): AsyncGenerator<readonly Line[]> {
  const { clock, intervalMs, host } = options
  const encoder = new TextEncoder()
  let line = 0
  for (let i = 0; i < grid.count; i++) {
    await waitUntil(clock, grid.firstDue + i * intervalMs, signal)
    if (signal.aborted) return
    const intervalStart = grid.firstStart + i * intervalMs
    const interval = { intervalStart, intervalEnd: intervalStart + intervalMs }
    const sample = await options.sample()
    // After a stall several intervals are due at once. Each is still sampled, so that all replicas
    // offer the same records; the payload says when it really was.
    const sampledAt = clock.wall()
    yield metricsOf(sample).map(({ metric, payload }) => {
      line += 1
      const record = { host, metric, ...interval, payload: { sampledAt, ...payload } }
      return { line, bytes: encoder.encode(JSON.stringify(record)) }
    })
  }
}

interface Metric {
  readonly metric: string
  readonly payload: Readonly<Record<string, number | undefined>>
}

function metricsOf({ loadAverages, memory, disks }: MachineSample): readonly Metric[] {
  const [load1, load5, load15] = loadAverages
  return [
    { metric: 'load', payload: { load1, load5, load15 } },
    { metric: 'memory', payload: memory },
    ...disks.map(({ path, totalBytes, freeBytes }) => ({
      metric: `disk:${path}`,
      payload: { totalBytes, freeBytes },
    })),
  ]
}

async function waitUntil(clock: Clock, due: number, signal: AbortSignal): Promise<void> {
  const delayMs = due - clock.monotonic()
  if (delayMs <= 0 || signal.aborted) return
  await new Promise<void>((resolve) => {
    const onAbort = (): void => {
      cancel()
      resolve()
    }
    const cancel = clock.timer(delayMs, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
