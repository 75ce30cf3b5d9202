/**
 * The entry of `npm run chaos:mutants`: plants bugs, one at a time, in a copy of the package, and
 * says which the harness finds, by which check, and how long it took. Every copy is a whole
 * package: its nodes, its client and its command line all have the bug.
 */
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { chaosRun, exits, readOutcome } from '../command.ts'
import { BadMutant } from '../../sim/mutants/build.ts'
import { buildPackage } from './build.ts'
import { catalogue } from './catalogue.ts'
import type { ChaosMutant } from './mutant.ts'

interface Options {
  readonly only?: readonly ChaosMutant[]
  readonly time: number
  readonly runs: number
  readonly list?: true
}

const exitMissed = 1
/** A run that takes so long beyond its load has hung. */
const graceMs = 120_000

const root = resolve('.')
const copies = join(root, 'build/chaos-mutants')

function whole(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (value >= 1) return value
  throw new InvalidArgumentError('It must be a whole number from 1 to 9999.')
}

function named(text: string): readonly ChaosMutant[] {
  return text.split(',').map((name) => {
    const mutant = catalogue.find((each) => each.name === name)
    if (mutant === undefined) throw new InvalidArgumentError(`There is no mutant ${name}.`)
    return mutant
  })
}

function parse(): Options | undefined {
  const command = new Command('npm run chaos:mutants --')
    .description('Plants bugs in a copy of the package and lets the harness look for them.')
    .option('--only <names>', 'these mutants alone, separated by commas', named)
    .option('--time <seconds>', 'how long a run loads the cluster', whole, 20)
    .option('--runs <n>', 'runs of a mutant, with seeds from 1 up', whole, 3)
    .option('--list', 'names the mutants')
    .allowExcessArguments(false)
    .exitOverride()
  try {
    return command.parse().opts<Options>()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? 0 : exits.usage
    return undefined
  }
}

/** The names of the checks that a run violated. */
function violated(directory: string): string {
  const { checks } = readOutcome(directory)
  return checks
    .filter(({ verdict }) => verdict === 'violation')
    .map(({ name }) => name)
    .join(', ')
}

/** Plants it, and looks for it; whether it was found. */
async function tryMutant(mutant: ChaosMutant, options: Options): Promise<boolean> {
  const folder = join(copies, mutant.name)
  const launcher = await buildPackage(root, folder, mutant.edits)
  const began = performance.now()
  const others: string[] = []
  for (let seed = 1; seed <= options.runs; seed++) {
    const out = join(folder, `run-${seed}`)
    const args = [...mutant.run, '--time', `${options.time}`, '--seed', `${seed}`, '--out', out]
    const { code, said } = await chaosRun(launcher, args, options.time * 1_000 + graceMs)
    if (code === exits.violation) {
      const seconds = ((performance.now() - began) / 1_000).toFixed(0)
      const runs = seed === 1 ? '1 run' : `${seed} runs`
      print(`${mutant.name.padEnd(28)} caught by ${violated(out)} (${runs}, ${seconds} s)`)
      rmSync(folder, { recursive: true, force: true })
      return true
    }
    if (code !== 0)
      others.push(`seed ${seed}: exit ${code}: ${said.trim().split('\n').at(-1) ?? ''}`)
  }
  const seconds = ((performance.now() - began) / 1_000).toFixed(0)
  print(`${mutant.name.padEnd(28)} NOT caught (${options.runs} runs, ${seconds} s)`)
  for (const other of others) print(`    ${other}`)
  return false
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function main(options: Options): Promise<number> {
  const mutants = options.only ?? catalogue
  if (options.list === true) {
    for (const { name, bug } of mutants) print(`${name.padEnd(28)} ${bug}`)
    return 0
  }
  let caught = 0
  for (const mutant of mutants) {
    try {
      if (await tryMutant(mutant, options)) caught += 1
    } catch (error) {
      if (!(error instanceof BadMutant)) throw error
      print(`${mutant.name.padEnd(28)} BROKEN ${error.message}`)
    }
  }
  print(`caught ${caught} of ${mutants.length}`)
  return caught === mutants.length ? 0 : exitMissed
}

const options = parse()
if (options !== undefined) process.exitCode = await main(options)
