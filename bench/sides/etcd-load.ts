/**
 * The peer's load generator is a small Go program on etcd's own client, so that etcd is not slowed
 * by a foreign one. It is built once per state of its sources.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** The first build fetches modules. */
const buildMsMax = 600_000

/** Builds it from `sources` below `target`; resolves with the program's path. */
export async function buildLoad(go: string, sources: string, target: string): Promise<string> {
  const directory = join(target, digestOf(sources))
  const program = join(directory, 'etcd-load')
  if (existsSync(program)) return program
  mkdirSync(directory, { recursive: true })
  await run(go, ['build', '-trimpath', '-buildvcs=false', '-o', program, '.'], {
    cwd: sources,
    timeout: buildMsMax,
  })
  return program
}

/** Of all files that decide what is built. */
function digestOf(sources: string): string {
  const hash = createHash('sha256')
  const names = readdirSync(sources).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name))
  for (const name of names.sort())
    hash.update(`${name}\0`).update(readFileSync(join(sources, name)))
  return hash.digest('hex').slice(0, 16)
}
