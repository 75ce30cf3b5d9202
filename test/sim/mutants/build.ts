/** Copies of the sources with a bug planted in them, built like the simulation itself. */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Edit } from './mutant.ts'

/** What the simulation's build is made from. */
const sources = ['src', 'test/sim', 'test/suites', 'test/state/model.ts', 'tsconfig.base.json']

/** A mutant that could not be made: it says nothing about the simulation. */
export class BadMutant extends Error {}

/** The text with the edit; throws where what is to be replaced is not there exactly once. */
export function applyEdit(text: string, { file, find, replace }: Edit): string {
  const times = text.split(find).length - 1
  if (times !== 1) throw new BadMutant(`${file} has ${times} times what is to be replaced: ${find}`)
  return text.replace(find, () => replace)
}

/**
 * Builds the sources at `root` with these edits in `folder`, which must lie below it so that
 * packages are found; the worker's file.
 */
export async function buildCopy(
  root: string,
  folder: string,
  edits: readonly Edit[],
): Promise<string> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const source of sources) {
    const filter = (path: string): boolean => !path.endsWith('.test.ts')
    cpSync(join(root, source), join(folder, source), { recursive: true, filter })
  }
  for (const edit of edits) {
    const path = join(folder, edit.file)
    writeFileSync(path, applyEdit(readFileSync(path, 'utf8'), edit))
  }
  const built = join(folder, 'build/sim')
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  await run([tsc, '-p', join(folder, 'test/sim/tsconfig.json')])
  await run([join(folder, 'test/sim/prepare.mjs'), built])
  return join(built, 'test/sim/runner/worker.js')
}

function run(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
    }
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new BadMutant(`it does not build:\n${said}`))
    })
  })
}
