/**
 * The entry of `npm run chaos:long`: every nemesis with every workload, one run after the other,
 * each a cluster of its own. A line for each, and the sums at the end; what failed is kept.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { SeededRandom, randomBetween } from '../../src/random.ts'
import { chaosRun, exits, parsed, readOutcome, whole } from './command.ts'
import type { Outcome } from './command.ts'

interface Options {
  readonly time: number
  readonly nodes: number
  readonly seed: number
  readonly workloads: number
  readonly only?: string
  readonly out: string
  readonly hours: number
}

/** A run that takes so long beyond its load has hung. */
const graceMs = 180_000
const hourMs = 3_600_000

const launcher = resolve('bin/quorate.js')

/** No option has to be larger. */
const most = 999_999

function parse(): Options | undefined {
  const command = new Command('npm run chaos:long --')
    .description('Runs every nemesis with every workload.')
    .option('--time <seconds>', 'how long a run loads its cluster', whole(most), 15)
    .option('--nodes <n>', 'nodes of each cluster', whole(most), 5)
    .option('--seed <n>', 'of the first run; the next ones count on', whole(most), 1)
    .option('--workloads <n>', 'so many for each nemesis, drawn by the seed', whole(most), 100)
    .option('--only <nemeses>', 'these alone, separated by commas')
    .option('--hours <n>', 'begins no further run after this time', whole(most), 3)
    .option('--out <dir>', 'where runs that are not green are kept', 'build/chaos-long')
  return parsed(command) ? command.opts<Options>() : undefined
}

interface Named {
  readonly name: string
  /** Why it can't be had on this machine. */
  readonly unavailable?: string
}

function list(): { readonly nemeses: readonly Named[]; readonly workloads: readonly Named[] } {
  const text = execFileSync(process.execPath, [launcher, 'chaos', 'list', '-o', 'json'])
  return JSON.parse(text.toString()) as ReturnType<typeof list>
}

/** So many of them, by the seed. */
function drawn<T>(all: readonly T[], count: number, seed: number): readonly T[] {
  const random = new SeededRandom(seed)
  const left = [...all]
  while (left.length > count) left.splice(randomBetween(random, 0, left.length), 1)
  return left
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

class Sums {
  runs = 0
  green = 0
  calls = 0
  faults = 0
  unseen = 0
  unknown = 0
  lost = 0

  add(code: number | null, { availability, faults, verdict }: Outcome): void {
    this.runs += 1
    if (code === exits.ok) this.green += 1
    this.calls += availability.calls
    this.faults += faults.length
    this.unseen += faults.filter(({ seen }) => seen === undefined).length
    if (verdict === 'unknown') this.unknown += 1
    this.lost += availability.lost
  }

  get line(): string {
    const { runs, green, calls, faults, unseen, unknown, lost } = this
    return (
      `runs ${runs} green ${green} calls ${calls} faults ${faults} unseen ${unseen} ` +
      `verdicts unknown ${unknown} lost ${lost}`
    )
  }
}

async function main(options: Options): Promise<number> {
  const { nemeses, workloads } = list()
  const wanted = options.only?.split(',') ?? nemeses.map(({ name }) => name)
  const stranger = wanted.find((name) => !nemeses.some((each) => each.name === name))
  if (stranger !== undefined) {
    print(`there is no nemesis ${stranger}; quorate chaos list names them`)
    return exits.usage
  }
  const out = resolve(options.out)
  mkdirSync(out, { recursive: true })
  const end = performance.now() + options.hours * hourMs
  const sums = new Sums()
  let seed = options.seed - 1
  for (const nemesis of wanted) {
    const unavailable = nemeses.find(({ name }) => name === nemesis)?.unavailable
    if (unavailable !== undefined) {
      print(`left out  ${nemesis.padEnd(20)} ${unavailable}`)
      continue
    }
    for (const { name: workload } of drawn(workloads, options.workloads, options.seed + seed)) {
      if (performance.now() > end) break
      seed += 1
      const directory = join(out, `${nemesis}-${workload}`)
      rmSync(directory, { recursive: true, force: true })
      const args = ['--nemesis', nemesis, '--workload', workload, '--nodes', `${options.nodes}`]
      args.push('--time', `${options.time}`, '--seed', `${seed}`, '--out', directory)
      const { code, said } = await chaosRun(launcher, args, options.time * 1_000 + graceMs)
      let outcome: Outcome
      try {
        outcome = readOutcome(directory)
      } catch {
        sums.runs += 1
        print(`${nemesis} ${workload} seed ${seed}: exit ${code}: ${said.trim()}`)
        continue
      }
      sums.add(code, outcome)
      const { calls, ok, rto } = outcome.availability
      const share = calls === 0 ? 0 : (100 * ok) / calls
      const left = outcome.leftOut.map(({ reason }) => ` (left out: ${reason})`).join('')
      print(
        `${outcome.verdict.padEnd(9)} ${nemesis.padEnd(20)} ${workload.padEnd(10)} seed ${seed} ` +
          `calls ${calls} ok ${share.toFixed(1)} % faults ${outcome.faults.length} ` +
          `rto p50 ${rto.p50?.toFixed(0) ?? '–'} max ${rto.max?.toFixed(0) ?? '–'} ms${left}`,
      )
      for (const reason of outcome.reasons) print(`    ${reason}`)
      if (code === exits.ok) rmSync(directory, { recursive: true, force: true })
    }
  }
  print(sums.line)
  return sums.runs > 0 && sums.green === sums.runs ? exits.ok : exits.failed
}

const options = parse()
if (options !== undefined) process.exitCode = await main(options)
