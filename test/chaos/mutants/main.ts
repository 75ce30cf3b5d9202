/**
 * The entry of `npm run chaos:mutants`: plants bugs, one at a time, in a copy of the package, and
 * says which the harness finds, by which check, and how long it took. Every copy is a whole
 * package: its nodes, its client and its command line all have the bug.
 *
 * A run that is red proves little unless the same run without the bug is green: `--clean` makes
 * every mutant's run on a copy with nothing planted in it.
 */
import { existsSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { chaosRun, exits, parsed, readOutcome, whole, type Ended } from '../command.ts'
import { BadMutant } from '../../sim/mutants/build.ts'
import { buildPackage } from './build.ts'
import { catalogue } from './catalogue.ts'
import type { ChaosMutant } from './mutant.ts'

interface Options {
  readonly only?: readonly ChaosMutant[]
  readonly time: number
  readonly runs: number
  readonly list?: true
  readonly clean?: true
}

const exitMissed = 1
/** A run that takes so long beyond its load has hung. */
const graceMs = 120_000

const root = resolve('.')
const copies = join(root, 'build/chaos-mutants')

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
    .option('--time <seconds>', 'how long a run loads the cluster', whole(9_999), 20)
    .option('--runs <n>', 'runs of a mutant, with seeds from 1 up', whole(9_999), 3)
    .option('--list', 'names the mutants')
    .option('--clean', 'plants nothing: the runs of the mutants must all be green')
  return parsed(command) ? command.opts<Options>() : undefined
}

/** The names of the checks that a run violated. */
function violated(directory: string): string {
  const { checks } = readOutcome(directory)
  return checks
    .filter(({ verdict }) => verdict === 'violation')
    .map(({ name }) => name)
    .join(', ')
}

/** The run of a mutant by one seed, whose report goes to `out`. */
async function runOf(
  mutant: ChaosMutant,
  options: Options,
  { launcher, out, seed }: { launcher: string; out: string; seed: number },
): Promise<Ended> {
  const args = [...mutant.run, '--time', `${options.time}`, '--seed', `${seed}`, '--out', out]
  return await chaosRun(launcher, args, options.time * 1_000 + graceMs)
}

/** Of a run that was neither green nor red: its exit code, and why, where that is known. */
function told({ code, said }: Ended, out: string): string {
  const file = join(out, 'run.json')
  const reasons = existsSync(file) ? readOutcome(out).reasons.join('; ') : ''
  return `exit ${code}: ${reasons === '' ? (said.trim().split('\n').at(-1) ?? '') : reasons}`
}

/** Plants it, and looks for it; whether it was found. */
async function tryMutant(mutant: ChaosMutant, options: Options): Promise<boolean> {
  const folder = join(copies, mutant.name)
  const launcher = await buildPackage(root, folder, mutant.edits)
  const began = performance.now()
  const others: string[] = []
  for (let seed = 1; seed <= options.runs; seed++) {
    const out = join(folder, `run-${seed}`)
    const ended = await runOf(mutant, options, { launcher, out, seed })
    if (ended.code === exits.violation) {
      const runs = seed === 1 ? '1 run' : `${seed} runs`
      printOf(mutant, `caught by ${violated(out)} (${runs}, ${secondsSince(began)} s)`)
      rmSync(folder, { recursive: true, force: true })
      return true
    }
    const why = told(ended, out)
    if (mutant.fails !== undefined && ended.code === exits.failed && why.includes(mutant.fails)) {
      printOf(mutant, `caught: ${why} (${secondsSince(began)} s)`)
      rmSync(folder, { recursive: true, force: true })
      return true
    }
    if (ended.code !== exits.ok) others.push(`seed ${seed}: ${why}`)
  }
  printOf(mutant, `NOT caught (${options.runs} runs, ${secondsSince(began)} s)`)
  for (const other of others) print(`    ${other}`)
  return false
}

/** Makes the mutant's first run with nothing planted; whether it was green. */
async function tryClean(mutant: ChaosMutant, options: Options, launcher: string): Promise<boolean> {
  const out = join(copies, `clean-${mutant.name}`)
  rmSync(out, { recursive: true, force: true })
  const began = performance.now()
  const ended = await runOf(mutant, options, { launcher, out, seed: 1 })
  const green = ended.code === exits.ok
  const verdict = green ? 'green' : `NOT green, ${told(ended, out)}`
  printOf(mutant, `${verdict} (${secondsSince(began)} s)`)
  if (green) rmSync(out, { recursive: true, force: true })
  return green
}

function secondsSince(began: number): string {
  return ((performance.now() - began) / 1_000).toFixed(0)
}

function printOf({ name }: ChaosMutant, text: string): void {
  print(`${name.padEnd(28)} ${text}`)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function main(options: Options): Promise<number> {
  const mutants = options.only ?? catalogue
  if (options.list === true) {
    for (const mutant of mutants) printOf(mutant, mutant.bug)
    return 0
  }
  if (options.clean === true) return await cleanRuns(mutants, options)
  let caught = 0
  for (const mutant of mutants) {
    try {
      if (await tryMutant(mutant, options)) caught += 1
    } catch (error) {
      if (!(error instanceof BadMutant)) throw error
      printOf(mutant, `BROKEN ${error.message}`)
    }
  }
  print(`caught ${caught} of ${mutants.length}`)
  return caught === mutants.length ? 0 : exitMissed
}

async function cleanRuns(mutants: readonly ChaosMutant[], options: Options): Promise<number> {
  const launcher = await buildPackage(root, join(copies, 'clean'), [])
  let green = 0
  for (const mutant of mutants) if (await tryClean(mutant, options, launcher)) green += 1
  print(`green ${green} of ${mutants.length}`)
  return green === mutants.length ? 0 : exitMissed
}

const options = parse()
if (options !== undefined) process.exitCode = await main(options)
