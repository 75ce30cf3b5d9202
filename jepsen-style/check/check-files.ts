/** The check of files and directories of histories: what `quorate check` runs. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { HistoryError, readHistory } from '../history/index.ts'
import { checkHistory, type CheckOptions } from './check-history.ts'
import type { HistoryVerdict, Verdict } from './verdict.ts'

/** What was found of one file. */
export interface CheckedFile {
  /** As it was named; of a directory's file its name, and its path where several were named. */
  readonly file: string
  readonly model: string
  readonly verdict: Verdict
  readonly seconds: number
  /** What the `VERDICTS.json` beside it says that it is. */
  readonly expected?: 'linearizable' | 'not'
  /** For people, where it is not linearizable, or nobody knows, or there was nothing to check. */
  readonly text?: string
}

/** How files are to be checked. */
export interface CheckFilesOptions extends Omit<CheckOptions, 'model' | 'name'> {
  /** Default: what `VERDICTS.json` says, else the model whose calls the file holds. */
  readonly model?: string
  /** Told of each file when it is done. */
  readonly onFile?: (file: CheckedFile) => void
}

/** The file that says of a directory's histories which model is theirs and what they are. */
const verdictsFile = 'VERDICTS.json'
const filesMax = 10_000

/**
 * Checks files, and the `.jsonl` files of directories, in the order of their names. `timeMsMax` and
 * the other limits are those of each file. Rejects with `HistoryError` (code `QUORATE_USAGE`) where
 * one is not there or is no history.
 */
export async function checkFiles(
  paths: readonly string[],
  options: CheckFilesOptions = {},
): Promise<readonly CheckedFile[]> {
  const { onFile, model, ...limits } = options
  const checked: CheckedFile[] = []
  for (const { path, name, known } of await filesOf(paths)) {
    const events = await readHistory(path, name)
    const chosen = model ?? known?.model
    const found = await checkHistory(events, {
      ...limits,
      name,
      // What was known to be wrong needs no words.
      ...(known?.linearizable === false && { explainMsMax: 0 }),
      ...(chosen !== undefined && { model: chosen }),
    })
    const file: CheckedFile = {
      file: name,
      model: found.model,
      verdict: found.verdict,
      seconds: Math.round(found.seconds * 1e6) / 1e6,
      ...(known !== undefined && { expected: known.linearizable ? 'linearizable' : 'not' }),
      ...textOf(found),
    }
    checked.push(file)
    onFile?.(file)
  }
  return checked
}

function textOf({ verdict, text, operations }: HistoryVerdict): { readonly text?: string } {
  if (verdict !== 'linearizable') return { text }
  return operations === 0 ? { text: 'it holds no call that tells anything: any store passes' } : {}
}

interface Known {
  readonly model: string
  readonly linearizable: boolean
}

interface Found {
  readonly path: string
  readonly name: string
  readonly known: Known | undefined
}

async function filesOf(paths: readonly string[]): Promise<readonly Found[]> {
  const found: Found[] = []
  for (const path of paths) {
    if (await isDirectory(path)) {
      const verdicts = await readVerdicts(path)
      const names = await namesIn(path, verdicts)
      for (const name of names) {
        const file = join(path, name)
        // Names alone would not tell which of the directories it is from.
        const shown = paths.length > 1 ? file : name
        found.push({ path: file, name: shown, known: verdicts.get(name) })
      }
    } else {
      const verdicts = await readVerdicts(dirname(path))
      found.push({ path, name: path, known: verdicts.get(basename(path)) })
    }
    if (found.length > filesMax) throw new HistoryError(`more than ${filesMax} files`)
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    throw new HistoryError(`${path} cannot be read: ${messageOf(error)}`)
  }
}

async function namesIn(
  directory: string,
  verdicts: ReadonlyMap<string, Known>,
): Promise<readonly string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.jsonl'))
  const missing = [...verdicts.keys()].find((name) => !names.includes(name))
  if (missing !== undefined) {
    throw new HistoryError(`${join(directory, verdictsFile)} names ${missing}, which is not there`)
  }
  if (names.length === 0) throw new HistoryError(`${directory} holds no .jsonl file`)
  return names
}

/** Empty where there is no such file. */
async function readVerdicts(directory: string): Promise<ReadonlyMap<string, Known>> {
  const path = join(directory, verdictsFile)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return new Map()
    throw new HistoryError(`${path} cannot be read: ${messageOf(error)}`)
  }
  return parseVerdicts(text, path)
}

function parseVerdicts(text: string, path: string): ReadonlyMap<string, Known> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new HistoryError(`${path} is not JSON: ${messageOf(error)}`)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new HistoryError(`${path} holds no JSON object`)
  }
  const entries = Object.entries(parsed).map(([name, entry]): [string, Known] => {
    if (isKnown(entry)) return [name, entry]
    throw new HistoryError(
      `${path}: of ${name} it must say { "model": name, "linearizable": true or false }`,
    )
  })
  return new Map(entries)
}

function isKnown(entry: unknown): entry is Known {
  return (
    typeof entry === 'object' &&
    entry !== null &&
    'model' in entry &&
    typeof entry.model === 'string' &&
    'linearizable' in entry &&
    typeof entry.linearizable === 'boolean'
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
