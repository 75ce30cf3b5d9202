/** The entry of `npm run sim`. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Request } from './runner/job.ts'
import { knownRequests } from './runner/known.ts'
import { parseOptions } from './runner/options.ts'
import type { SimOptions } from './runner/options.ts'
import { runSim } from './runner/run.ts'

const exitUsage = 2

function refuse(text: string): void {
  process.stderr.write(text)
  process.exitCode = exitUsage
}

/** The lifetimes that are to be lived first; undefined where that cannot be told. */
function knownOf({ known }: SimOptions): readonly Request[] | undefined {
  try {
    return known === undefined ? [] : knownRequests(readFileSync(known, 'utf8'))
  } catch (error) {
    refuse(`error: ${known ?? ''}: ${error instanceof Error ? error.message : String(error)}\n`)
    return undefined
  }
}

const parsed = parseOptions(process.argv.slice(2), availableParallelism())
if (parsed.type === 'help') process.stdout.write(parsed.text)
else if (parsed.type === 'usage') refuse(parsed.text)
else {
  const known = knownOf(parsed.options)
  if (known !== undefined) {
    process.exitCode = await runSim(parsed.options, known, {
      print: (line) => void process.stdout.write(`${line}\n`),
      tell: (line) => void process.stderr.write(`${line}\n`),
    })
  }
}
