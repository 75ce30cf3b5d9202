/**
 * The last step of the simulation's build: in a built copy of the product, the codecs get their
 * frames from the simulated network, where values travel by reference instead of as bytes.
 *
 * `node test/sim/prepare.mjs [folder]`; the folder is where tsc wrote to, default `build/sim`.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const real = "'./msgpack.js'"
const simulated = "'../../test/sim/network/frames.js'"
/** All that make frames or take them apart; others only name the types, or bound lengths. */
const packers = ['client-codec.js', 'peer-codec.js', 'reply-codec.js']

const built = resolve(process.argv[2] ?? 'build/sim')
const transport = join(built, 'src/transport')

const found = []
for (const name of readdirSync(transport).sort()) {
  if (!name.endsWith('.js') || name === 'msgpack.js') continue
  const path = join(transport, name)
  const text = readFileSync(path, 'utf8')
  const importing = text.split('\n').filter((line) => /\b(un)?packFrame\b.* from /.test(line))
  if (importing.length === 0) continue
  found.push(name)
  if (importing.length !== 1) fail(`${name} imports frames ${importing.length} times`)
  const [line = ''] = importing
  if (line.includes(simulated)) continue
  if (!line.includes(real)) fail(`${name} has its frames from elsewhere: ${line}`)
  writeFileSync(path, text.replace(line, line.replace(real, simulated)))
}
if (found.join() !== packers.join())
  fail(`frames are made in ${found.join()}, not ${packers.join()}`)

function fail(problem) {
  console.error(`${built} could not be prepared: ${problem}`)
  process.exit(1)
}
