/** Where a bench ran: figures mean little without it. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'

/** A machine, as it goes into the report. */
export interface Machine {
  readonly cores: number
  readonly cpu: string
  readonly memoryBytes: number
  readonly system: string
  /** Kind of the file system of the data directories. */
  readonly fileSystem: string
  readonly node: string
}

/** This one; `directory` is where the data will lie. */
export function thisMachine(directory: string): Machine {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    fileSystem: fileSystemOf(directory),
    node: process.versions.node,
  }
}

function fileSystemOf(directory: string): string {
  if (!existsSync('/proc/self/mounts')) return 'unknown'
  const mounts = parseMounts(readFileSync('/proc/self/mounts', 'utf8'))
  return mountOf(mounts, directory) ?? 'unknown'
}

/** Mount points with the kind of their file system. */
export function parseMounts(text: string): readonly (readonly [string, string])[] {
  return text
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([, point, kind]) => (point && kind ? [[point, kind] as const] : []))
}

/** The kind of the file system that holds a path: that of the longest mount point above it. */
export function mountOf(
  mounts: readonly (readonly [string, string])[],
  path: string,
): string | undefined {
  const above = mounts.filter(
    ([point]) => point === '/' || path === point || path.startsWith(`${point}/`),
  )
  // Of two with the same point, the later one covers the earlier.
  return above.reduce<readonly [string, string] | undefined>(
    (best, mount) => (best === undefined || mount[0].length >= best[0].length ? mount : best),
    undefined,
  )?.[1]
}

/** The first line that a program says of its version; undefined: it is not there. */
export function versionOf(program: string, args: readonly string[]): string | undefined {
  try {
    const said = execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return said.split('\n')[0]?.trim()
  } catch {
    return undefined
  }
}
