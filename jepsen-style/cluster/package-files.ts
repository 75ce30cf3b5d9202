/**
 * Where the files of this package lie that are given to other processes. They are found through the
 * package's own name, because this module may run from `dist` or, in tests, from its source, while
 * another process can load the built files alone.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const root = dirname(createRequire(import.meta.url).resolve('quorate/package.json'))

/** The launcher of the command line. */
export const launcherPath: string = join(root, 'bin', 'quorate.js')

/** A built module of the harness, by its path below `jepsen-style`, without its extension. */
export function builtModule(path: string): string {
  return join(root, 'dist', 'jepsen-style', `${path}.js`)
}
