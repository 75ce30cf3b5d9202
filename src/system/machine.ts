/** Looks at this machine: load, memory, disks. */
import { statfs } from 'node:fs/promises'
import { freemem, hostname, loadavg, totalmem } from 'node:os'

/** One look; the shape that the collector of machine metrics takes. */
export interface MachineReading {
  readonly loadAverages: readonly number[]
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number }
  readonly disks: readonly {
    readonly path: string
    readonly totalBytes: number
    readonly freeBytes: number
  }[]
}

/** This machine's name. */
export function machineName(): string {
  return hostname()
}

/** Reads the machine's figures, with the file systems that hold `paths`. Rejects where one is gone. */
export async function readMachine(paths: readonly string[]): Promise<MachineReading> {
  const disks = await Promise.all(
    paths.map(async (path) => {
      const { bsize, blocks, bavail } = await statfs(path)
      // What an ordinary process may still write, not what is reserved for the system.
      return { path, totalBytes: blocks * bsize, freeBytes: bavail * bsize }
    }),
  )
  return {
    loadAverages: loadavg(),
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    disks,
  }
}
