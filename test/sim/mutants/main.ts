/**
 * The entry of `npm run sim:mutants`: plants bugs, one at a time, in a copy of the sources, and
 * says which the simulation finds, by which check, and after how many seeds.
 */
import { rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { replayCommand } from '../runner/options.ts'
import type { Request } from '../runner/job.ts'
import { BadMutant, buildCopy } from './build.ts'
import { catalogue } from './catalogue.ts'
import { hunt } from './hunt.ts'
import type { Found } from './hunt.ts'
import type { Mutant } from './mutant.ts'

interface Options {
  readonly only?: readonly Mutant[]
  readonly seeds: number
  readonly uniform: number
  readonly workers: number
  readonly list?: true
}

const exitMissed = 1
const exitUsage = 2
/** So many may stay undetected. */
const missedMax = 1

const root = resolve('.')
const copies = join(root, 'build/mutants')

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

function named(text: string): readonly Mutant[] {
  return text.split(',').map((name) => {
    const mutant = catalogue.find((each) => each.name === name)
    if (mutant === undefined) throw new InvalidArgumentError(`There is no mutant ${name}.`)
    return mutant
  })
}

function parse(): Options | undefined {
  const command = new Command('npm run sim:mutants --')
    .description('Plants bugs in a copy of the sources and lets the simulation look for them.')
    .option('--only <names>', 'these mutants alone, separated by commas', named)
    .option('--seeds <n>', 'lifetimes under the options of a mutant', integer(1, 100_000), 500)
    .option('--uniform <n>', 'lifetimes with all options drawn', integer(0, 100_000), 40)
    .option('--workers <n>', 'processes at once', integer(1, 64), availableParallelism())
    .option('--list', 'names the mutants')
    .allowExcessArguments(false)
    .exitOverride()
  try {
    return command.parse().opts<Options>()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? 0 : exitUsage
    return undefined
  }
}

function requestOf({ swarm, seconds }: Mutant, seed: number): Request {
  return { seed, seconds, swarm }
}

/** Plants it, and looks for it; whether it was found, and what fails without it as well. */
async function tryMutant(
  mutant: Mutant,
  clean: string,
  options: Options,
): Promise<{ caught: boolean; without: number }> {
  const { workers, seeds, uniform } = options
  const folder = join(copies, mutant.name)
  const mutated = await buildCopy(root, folder, mutant.edits)
  const request = (seed: number): Request => requestOf(mutant, seed)
  const own = await hunt({ mutated, clean, workers, seedsMax: seeds, request })
  const uniformly = (seed: number): Request => ({ seed })
  const drawn = await hunt({ mutated, clean, workers, seedsMax: uniform, request: uniformly })
  rmSync(folder, { recursive: true, force: true })
  const beside = uniform === 0 ? '' : `; with drawn options ${outcome(drawn)}`
  print(`${mutant.name.padEnd(26)} ${outcome(own)}${beside}`)
  if (own.failure !== undefined) print(`    ${firstLine(own.failure.message)}`)
  const without = [...own.without, ...drawn.without]
  for (const failed of without) {
    const { kind, check, message } = failed.failure
    print(`    FAILED without the bug: ${kind} ${check}: ${firstLine(message)}`)
    print(`    ${replayCommand(failed.request)}`)
  }
  return { caught: own.failure !== undefined, without: without.length }
}

function outcome({ failure, seeds, realSeconds }: Found): string {
  const after = `${seeds} ${seeds === 1 ? 'seed' : 'seeds'}, ${realSeconds.toFixed(1)} s`
  return failure === undefined ? `NOT caught (${after})` : `caught by ${failure.check} (${after})`
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function main(options: Options): Promise<number> {
  const mutants = options.only ?? catalogue
  if (options.list === true) {
    for (const { name, bug } of mutants) print(`${name.padEnd(26)} ${bug}`)
    return 0
  }
  const clean = await buildCopy(root, join(copies, 'clean'), [])
  let caught = 0
  let without = 0
  let bad = 0
  for (const mutant of mutants) {
    try {
      const tried = await tryMutant(mutant, clean, options)
      if (tried.caught) caught++
      without += tried.without
    } catch (error) {
      if (!(error instanceof BadMutant)) throw error
      print(`${mutant.name}: ${error.message}`)
      bad++
    }
  }
  print(`caught ${caught} of ${mutants.length}`)
  if (bad > 0) return exitUsage
  return without === 0 && caught >= mutants.length - missedMax ? 0 : exitMissed
}

const options = parse()
if (options !== undefined) process.exitCode = await main(options)
