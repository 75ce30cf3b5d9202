/** Whole copies of the package with a bug planted in them, built like the package itself. */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { applyEdit, BadMutant } from '../../sim/mutants/build.ts'
import type { Edit } from '../../sim/mutants/mutant.ts'

const sources = [
  'src',
  'jepsen-style',
  'bin',
  'package.json',
  'tsconfig.json',
  'tsconfig.base.json',
]
const run = promisify(execFile)

/**
 * Builds the package at `root` with these edits in `folder`, which must lie below it so that other
 * packages are found; the copy's command line.
 */
export async function buildPackage(
  root: string,
  folder: string,
  edits: readonly Edit[],
): Promise<string> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const source of sources)
    cpSync(join(root, source), join(folder, source), { recursive: true })
  for (const edit of edits) {
    const path = join(folder, edit.file)
    writeFileSync(path, applyEdit(readFileSync(path, 'utf8'), edit))
  }
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  try {
    await run(process.execPath, [tsc, '-b', folder], { cwd: folder })
  } catch (error) {
    const said = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)
    throw new BadMutant(`it does not build:\n${said}`)
  }
  return join(folder, 'bin/quorate.js')
}
