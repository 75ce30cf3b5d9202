/**
 * The report of a run: `report.markup`, one file without need of a network, drawn from what the run
 * left in its directory.
 */
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { QuorateError } from 'quorate'
import { drawReport } from './page.ts'
import { readHistory, type Unreadable } from './read-history.ts'
import { readRecord } from './read-record.ts'
import type { RunRecord } from './run-record.ts'

export { drawReport } from './page.ts'
export { readRecord } from './read-record.ts'
export type { Availability, FaultSpan, RunRecord } from './run-record.ts'

/**
 * Reads `run.json` and `history.jsonl` in a directory and writes `report.markup` beside them; returns
 * its path. A report that was there is replaced in one step, so that none is ever half written.
 * Rejects with QUORATE_USAGE where `run.json` is missing or wrong, and names what is wrong in it.
 * A missing history, or lines of it that can't be read, cost their part of the drawing alone.
 */
export async function writeReport(directory: string): Promise<string> {
  const record = await recordOf(join(directory, 'run.json'))
  const history = join(directory, 'history.jsonl')
  const unreadable: Unreadable = { lines: 0, first: 0 }
  const text = (await isFile(history))
    ? await drawReport(record, readHistory(history, unreadable), { unreadable })
    : await drawReport(record, [], { missing: true })
  const path = join(directory, 'report.html')
  const temporary = `${path}.${String(process.pid)}.tmp`
  try {
    await writeFile(temporary, text)
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
  return path
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

async function recordOf(path: string): Promise<RunRecord> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new QuorateError(
      'QUORATE_USAGE',
      `There is no ${path}: the directory is not that of a run, or the run never came to its end.`,
      { cause: error },
    )
  }
  try {
    return readRecord(JSON.parse(text))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new QuorateError('QUORATE_USAGE', `${path} can't be used: ${why}`, { cause: error })
  }
}
