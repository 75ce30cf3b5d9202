/** The directory of a run: what it holds while the run goes on, and what is left of it. */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Cluster } from '../cluster/cluster.ts'
import type { RunRecord } from '../report/run-record.ts'
import { messageOf } from './cleanup.ts'
import { usage } from './options.ts'

/** The places in it. */
export interface RunDirectory {
  readonly path: string
  readonly history: string
  readonly record: string
  /** Data directories of the nodes; kept only where the run was not ok. */
  readonly data: string
  readonly logs: string
}

/**
 * Makes the directory, or takes one that is empty. Throws `QUORATE_USAGE` where there is something
 * in it: results of another run must not be mixed with these, or overwritten.
 */
export async function openDirectory(given: string | undefined, now: Date): Promise<RunDirectory> {
  const path = resolve(given ?? `chaos-${stampOf(now)}`)
  let entries: readonly string[]
  try {
    await mkdir(path, { recursive: true })
    entries = await readdir(path)
  } catch (error) {
    throw usage(`${path} cannot be made a directory of results: ${messageOf(error)}`)
  }
  if (entries.length > 0) {
    throw usage(`${path} is not empty: name a new directory, or an empty one, with --out`)
  }
  return {
    path,
    history: join(path, 'history.jsonl'),
    record: join(path, 'run.json'),
    data: join(path, 'data'),
    logs: join(path, 'logs'),
  }
}

/** For example 20260131-120000: sorts by time, and fits every file system. */
function stampOf(now: Date): string {
  return now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
}

/** Moves the nodes' logs there, with those that were put aside when they grew too long. */
export async function keepLogs(directory: RunDirectory, cluster: Cluster): Promise<void> {
  await mkdir(directory.logs, { recursive: true })
  for (const { logFile } of cluster.nodes) {
    const name = basename(logFile)
    const beside = await readdir(dirname(logFile))
    for (const each of beside.filter((one) => one === name || one.startsWith(`${name}.`))) {
      await rename(join(dirname(logFile), each), join(directory.logs, each))
    }
  }
}

/** Writes `run.json`. */
export async function writeRecord(directory: RunDirectory, record: RunRecord): Promise<void> {
  await writeFile(directory.record, `${JSON.stringify(record, undefined, 2)}\n`)
}

/** Removes the nodes' data. */
export async function dropData(directory: RunDirectory): Promise<void> {
  await rm(directory.data, { recursive: true, force: true })
}
