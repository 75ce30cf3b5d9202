/** What `npm run bench --` takes. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { chosen, scenarios, shortNames, type Scenario } from './scenarios.ts'

/** What a run is asked to do. */
export interface BenchOptions {
  readonly scenarios: readonly Scenario[]
  readonly peer: 'etcd' | undefined
  /** Let the peer grow to millions of rows too. */
  readonly peerGrowth: boolean
  readonly out: string
  /** Where the clusters' data go; undefined: a temporary directory. */
  readonly dataDir: string | undefined
  readonly rounds: number
  readonly seconds: number
  readonly warmupSeconds: number
  /** Load on each side of a scenario before its first round. */
  readonly settleSeconds: number
  readonly kills: number | undefined
  readonly rowsMost: number | undefined
  readonly short: boolean
}

/** What came of the arguments: a run, or words for people and the exit code that goes with them. */
export type Parsed =
  | { readonly kind: 'run'; readonly options: BenchOptions }
  | { readonly kind: 'said'; readonly text: string; readonly exitCode: number }

const usageExit = 2
/** Before each round, unless rounds are shorter than that: queues fill, connections find their pace. */
const warmupSecondsUsual = 2
/**
 * Before the first one: a just-in-time compiler takes that long with a new process. In its first
 * three seconds a put costs three times the CPU time of later ones.
 */
const settleSecondsUsual = 15
const settleSecondsShort = 3

/** Reads the arguments after the program's name. */
export function parseArguments(args: readonly string[]): Parsed {
  let said = ''
  const write = (text: string): void => {
    said += text
  }
  const command = benchCommand().configureOutput({ writeOut: write, writeErr: write })
  try {
    command.exitOverride().parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return { kind: 'said', text: said, exitCode: error.exitCode === 0 ? 0 : usageExit }
  }
  const given = command.opts<Given>()
  if (given.list === true) return { kind: 'said', text: listed(), exitCode: 0 }
  const short = given.short === true
  const names = command.args.length === 0 && short ? shortNames : command.args
  const found = chosen(names)
  if ('unknown' in found) {
    const text = `error: there is no scenario '${found.unknown}'; --list names them\n`
    return { kind: 'said', text, exitCode: usageExit }
  }
  const seconds = given.seconds ?? (short ? 2 : 5)
  return {
    kind: 'run',
    options: {
      scenarios: found.scenarios,
      peer: given.peer,
      peerGrowth: given.peerGrowth === true,
      out: given.out,
      dataDir: given.dataDir,
      rounds: given.rounds ?? (short ? 1 : 5),
      seconds,
      warmupSeconds: given.warmup ?? Math.min(warmupSecondsUsual, seconds),
      settleSeconds: given.settle ?? (short ? settleSecondsShort : settleSecondsUsual),
      kills: given.kills,
      rowsMost: given.rowsMax,
      short,
    },
  }
}

/** As commander hands them over, each checked by its own parser. */
interface Given {
  readonly peer?: 'etcd'
  readonly peerGrowth?: true
  readonly out: string
  readonly dataDir?: string
  readonly rounds?: number
  readonly seconds?: number
  readonly warmup?: number
  readonly settle?: number
  readonly kills?: number
  readonly rowsMax?: number
  readonly short?: true
  readonly list?: true
}

function benchCommand(): Command {
  return new Command('npm run bench --')
    .description(
      'Measures three nodes on this machine under load, beside a peer if asked: throughput, latency, CPU, memory. ' +
        'Writes bench.json and bench.html, and prints a table with the goals. It judges nothing: the exit code is 0 whatever was measured.',
    )
    .argument('[scenario...]', 'which scenarios; all by default')
    .addOption(new Option('--peer <store>', 'measure beside it, in turns').choices(['etcd']))
    .option('--peer-growth', 'let the peer grow to as many rows too; it takes long')
    .option('--out <dir>', 'where bench.json and bench.html go', 'build/bench-report')
    .option(
      '--data-dir <dir>',
      'where the data of the clusters go (default: a temporary directory)',
    )
    .option('--rounds <n>', 'rounds per side (default: 5; with --short 1)', whole(1_000))
    .option('--seconds <s>', 'measured time of a round (default: 5; with --short 2)', duration)
    .option('--warmup <s>', 'load before it (default: 2, at most the measured time)', duration)
    .option(
      '--settle <s>',
      'load on new clusters before their first round (default: 15; with --short 3)',
      duration,
    )
    .option('--kills <n>', 'kills of the fail-over scenario (default: 30)', whole(10_000))
    .option('--rows-max <n>', 'no step of growth or restart stores more rows', whole(100_000_000))
    .option('--short', `a minute in all: ${shortNames.join(', ')}`)
    .option('--list', 'name the scenarios')
}

function listed(): string {
  const widest = Math.max(...scenarios.map(({ name }) => name.length))
  return scenarios.map(({ name, title }) => `${name.padEnd(widest)}  ${title}\n`).join('')
}

function whole(most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
    if (value >= 1 && value <= most) return value
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`)
  }
}

function duration(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : -1
  if (value > 0 && value <= 3_600) return value
  throw new InvalidArgumentError('It must be a number of seconds above 0, at most 3600.')
}
