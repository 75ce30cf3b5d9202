/**
 * What Linux tells of a process: CPU time and anonymous memory. Resident memory as a whole would
 * count the pages of mapped tables, which the system takes back whenever it wants them; anonymous
 * memory is what a process really holds.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** One look at a process. */
export interface ProcessReading {
  /** User and system time since it began, seconds, of all its threads. */
  readonly cpuSeconds: number
  /** Bytes. */
  readonly rssAnon: number
}

/** Whether this system tells at all. */
export function procIsThere(): boolean {
  return existsSync('/proc/self/stat') && existsSync('/proc/self/status')
}

/** Looks at a process; undefined: it is gone, or this system does not tell. */
export function readProcess(pid: number, ticksPerSecond: number): ProcessReading | undefined {
  try {
    const ticks = parseCpuTicks(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    const rssAnon = parseRssAnon(readFileSync(`/proc/${pid}/status`, 'utf8'))
    if (ticks === undefined || rssAnon === undefined) return undefined
    return { cpuSeconds: ticks / ticksPerSecond, rssAnon }
  } catch {
    // It ended between two looks.
    return undefined
  }
}

/**
 * User and system time of `/proc/<pid>/stat`, in clock ticks. The second field is the program's
 * name in brackets, which may hold blanks and brackets itself, so fields count from the last one.
 */
export function parseCpuTicks(stat: string): number | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // Fields 14 and 15 of the file (proc(5)); the first one here is the third.
  const user = Number(fields[11])
  const system = Number(fields[12])
  return Number.isFinite(user) && Number.isFinite(system) ? user + system : undefined
}

/** `RssAnon` of `/proc/<pid>/status`, bytes. A process that has ended but was not waited for has none. */
export function parseRssAnon(status: string): number | undefined {
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024
}

/** Clock ticks per second in which the system counts CPU time. */
export function clockTicks(): number {
  try {
    const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
    return Number.isSafeInteger(ticks) && ticks > 0 ? ticks : 100
  } catch {
    // Linux has shown 100 to programs on every common architecture for twenty years.
    return 100
  }
}
