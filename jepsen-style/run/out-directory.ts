/** The directory of a run: what it holds while the run goes on, and what is left of it. */
import { mkdir, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
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
  /** Directories that were made for it, the innermost first. */
  readonly made: readonly string[]
}

/** A file that is made and removed at once: a place that takes none is found out before the run. */
const trialName = '.trial'

/**
 * Makes the directory, or takes one that is empty. Throws `QUORATE_USAGE` where no file can be
 * written into it, and where there is something in it: results of another run must not be mixed with
 * these, or overwritten.
 */
export async function openDirectory(given: string | undefined, now: Date): Promise<RunDirectory> {
  const path = resolve(given ?? `chaos-${stampOf(now)}`)
  const made: string[] = []
  let entries: readonly string[]
  try {
    await makeDirectory(path, made)
    entries = await readdir(path)
    if (entries.length === 0) await tryWriting(path)
  } catch (error) {
    await removeEmpty(made)
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
    made,
  }
}

/**
 * Makes a directory and those above it that are missing, and adds them to `made`, the innermost
 * first. One by one: Node's own `recursive` never ends below a directory such as `/proc`, which is
 * there and says of everything in it that it cannot be found.
 */
async function makeDirectory(path: string, made: string[]): Promise<void> {
  if (await exists(path)) return
  if (dirname(path) !== path) await makeDirectory(dirname(path), made)
  await mkdir(path)
  made.unshift(path)
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}

async function tryWriting(path: string): Promise<void> {
  const trial = join(path, trialName)
  try {
    await writeFile(trial, 'quorate\n', { flag: 'wx' })
  } finally {
    await rm(trial, { force: true })
  }
}

/** Removes those of the directories that hold nothing, in this order. */
async function removeEmpty(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await rmdir(path)
    } catch {
      // Something is in it, or it has gone.
    }
  }
}

/** For example 20260131-120000: sorts by time, and fits every file system. */
function stampOf(now: Date): string {
  return now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
}

/** Moves the nodes' logs there, with those that were put aside when they grew too long. */
export async function keepLogs(directory: RunDirectory, cluster: Cluster): Promise<void> {
  await mkdir(directory.logs, { recursive: true })
  for (const { logFile } of [...cluster.nodes, ...(cluster.newcomers ?? [])]) {
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

/**
 * Leaves of a run that did not begin the nodes' logs, if the reason is to be found in them, and else
 * nothing; directories that were made for it go as well. Never rejects: that reason counts more.
 */
export async function dropFailedStart(
  directory: RunDirectory,
  why: { readonly inLogs: boolean },
): Promise<void> {
  try {
    await rm(directory.history, { force: true })
    if (why.inLogs) await keepLogFiles(directory)
    else await rm(directory.logs, { recursive: true, force: true })
    await dropData(directory)
  } catch {
    // See above.
  }
  await removeEmpty([directory.logs, ...directory.made])
}

/** Also those that still lie with the data: nobody knows the nodes of a cluster that never was. */
async function keepLogFiles({ data, logs }: RunDirectory): Promise<void> {
  if (!(await exists(data))) return
  await mkdir(logs, { recursive: true })
  for (const name of await readdir(data)) {
    if (/\.log(?:\.|$)/.test(name)) await rename(join(data, name), join(logs, name))
  }
  for (const name of await readdir(logs)) {
    if ((await stat(join(logs, name))).size === 0) await rm(join(logs, name))
  }
}

/** Removes the nodes' data. */
export async function dropData(directory: RunDirectory): Promise<void> {
  await rm(directory.data, { recursive: true, force: true })
}
