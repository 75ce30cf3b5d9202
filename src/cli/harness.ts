/**
 * The door to the harness: `quorate check` and `quorate chaos` load the package's own exports by
 * name when they run. The harness is built after the sources and on top of them, so that its types
 * cannot be imported here: what a command needs of a module is declared here, or beside the
 * command, and held against the module when it is loaded.
 */
import { QuorateError } from '../errors.ts'

/** The exports that the harness has. */
export type HarnessExport = 'quorate/check' | 'quorate/chaos'

/**
 * Loads an export of this package. Rejects with `QUORATE_INTERNAL` if it is not built, or is not
 * what `isModule` says: the parts of the package do not belong together then.
 */
export async function loadHarness<Module>(
  name: HarnessExport,
  isModule: (loaded: unknown) => loaded is Module,
): Promise<Module> {
  let loaded: unknown
  try {
    // By a variable: the compiler must not look for a module that is built later.
    loaded = await import(name)
  } catch (cause) {
    throw new QuorateError('QUORATE_INTERNAL', `${name} cannot be loaded: ${String(cause)}`, {
      outcome: 'not-applied',
      cause,
    })
  }
  if (isModule(loaded)) return loaded
  throw new QuorateError('QUORATE_INTERNAL', `${name} is of another version than this command`, {
    outcome: 'not-applied',
  })
}

/** Whether a loaded module has functions under all these names: what most guards come down to. */
export function hasFunctions(loaded: unknown, names: readonly string[]): boolean {
  if (typeof loaded !== 'object' || loaded === null) return false
  const found = new Map<string, unknown>(Object.entries(loaded))
  return names.every((name) => typeof found.get(name) === 'function')
}

/** What a check found of one file. */
export interface CheckedFile {
  /** As it was named, or its path within the directory that was named. */
  readonly file: string
  readonly model: string
  readonly verdict: 'linearizable' | 'not' | 'unknown'
  readonly seconds: number
  /** What `VERDICTS.json` says that it is; absent: nothing is said of it. */
  readonly expected?: 'linearizable' | 'not'
  /** For people: where no order fits, or why nobody knows, or that nothing was there to check. */
  readonly text?: string
}

/** What `quorate check` needs of `quorate/check`. */
export interface CheckModule {
  /** The names that `--model` may have. */
  modelNames(): readonly string[]
  /** Rejects with code `QUORATE_USAGE` where a file is no history; it names file and line. */
  checkFiles(
    paths: readonly string[],
    options: {
      readonly model?: string
      readonly timeMsMax?: number
      readonly memoryBytesMax?: number
      /** For the sentence that says where no order fits; 0: none is wanted. */
      readonly explainMsMax?: number
      readonly signal?: AbortSignal
    },
  ): Promise<readonly CheckedFile[]>
}

/** The guard of `CheckModule`. */
export function isCheckModule(loaded: unknown): loaded is CheckModule {
  return hasFunctions(loaded, ['modelNames', 'checkFiles'])
}
