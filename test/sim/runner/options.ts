/** The command line of `npm run sim`. */
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { drawSwarm, faultClasses, isFaultClass } from '../world/swarm.ts'
import type { FaultClass, Swarm } from '../world/swarm.ts'
import type { Request } from './job.ts'

/** What a run is told. */
export interface SimOptions {
  /** The first seed. */
  readonly from: number
  /** How many seeds; undefined: as many as there is time for. */
  readonly count: number | undefined
  /** Real ms after which no further seed is begun. */
  readonly budgetMs: number | undefined
  /** What all lifetimes have in common. */
  readonly common: Omit<Request, 'seed'>
  readonly traceFile: string | undefined
  readonly shrink: boolean
  readonly twice: boolean
  readonly workers: number
  /** A file with options of lifetimes, one a line, that are lived first. */
  readonly known: string | undefined
}

/** What a command line asks for. `text` ends with a line break. */
export type Parsed =
  | { readonly type: 'run'; readonly options: SimOptions }
  | { readonly type: 'help'; readonly text: string }
  | { readonly type: 'usage'; readonly text: string }

/** Seeds are 32 bits. */
export const seedMax = 0xffff_ffff
const seedsDefault = 100
const nodesMax = 7
const secondsMax = 3_600
const workersMax = 64
const minutesMax = 10_000

/** What commander leaves behind, after the parsers of its arguments. */
interface Raw {
  readonly seed?: number
  readonly seeds?: number
  readonly from?: number
  readonly minutes?: number
  readonly nodes?: number
  readonly seconds?: number
  readonly faults?: readonly FaultClass[]
  readonly keep?: readonly number[]
  readonly swarm?: Partial<Swarm>
  readonly codecs?: true
  readonly trace?: string
  readonly known?: string
  readonly shrink: boolean
  readonly twice?: true
  readonly workers?: number
}

/** Reads a command line; `cores` is how many workers there are by default. */
export function parseOptions(args: readonly string[], cores: number): Parsed {
  let out = ''
  let problem = ''
  const command = commandLine()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => (out += text),
      writeErr: (text) => (problem += text),
    })
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { type: 'help', text: out }
    return { type: 'usage', text: problem }
  }
  const raw = command.opts<Raw>()
  const conflict = conflictIn(raw)
  if (conflict !== undefined) return { type: 'usage', text: `error: ${conflict}\n` }
  return { type: 'run', options: settle(raw, cores) }
}

function commandLine(): Command {
  const command = new Command('npm run sim --')
    .description('Lives lifetimes of a whole cluster in simulated time, each from its seed.')
    .option(
      '--seed <n>',
      'one lifetime; with --seeds or --minutes the first one',
      integer(0, seedMax),
    )
    .option('--seeds <n>', `how many lifetimes (default: ${seedsDefault})`, integer(1, seedMax))
    .option('--from <n>', 'the first seed of a range (default: 1)', integer(0, seedMax))
    .option('--minutes <m>', 'begin lifetimes for so many minutes of real time', minutes)
    .option('--nodes <n>', `members of the cluster, 1 to ${nodesMax}`, integer(1, nodesMax))
    .option('--seconds <s>', 'simulated seconds of faults (default: 60)', integer(1, secondsMax))
    .option('--faults <list>', `classes of faults, or "none": ${faultClasses.join(',')}`, faultList)
    .option('--keep <list>', 'of the scheduled faults only these numbers, or "none"', keepList)
    .option('--swarm <json>', 'drawn options in place of the seed’s', swarmObject)
    .option('--codecs', 'all frames go through the codecs, as bytes')
    .option('--trace <file>', 'writes what happened to a file; one lifetime only')
    .option('--no-shrink', 'does not look for a shorter failure')
    .option('--twice', 'lives each seed twice, in different company, and compares the hashes')
    .option('--known <file>', 'first lives the lifetimes of a file: one command line a line')
    .option('--workers <n>', 'processes at once (default: one a core)', integer(1, workersMax))
    .helpOption('-h, --help', 'shows this')
    .allowExcessArguments(false)
  return command.addHelpText(
    'after',
    '\nExit codes: 0 all well, 10 crash, 11 liveness, 12 safety, 2 usage.',
  )
}

function conflictIn(raw: Raw): string | undefined {
  const single = isSingle(raw)
  if (raw.seed !== undefined && raw.from !== undefined)
    return '--seed and --from exclude each other'
  if (raw.seeds !== undefined && raw.minutes !== undefined) {
    return '--seeds and --minutes exclude each other'
  }
  if (raw.trace !== undefined && !single) return '--trace needs --seed alone: one lifetime'
  if (raw.keep !== undefined && !single) return '--keep needs --seed alone: one lifetime'
  const first = raw.seed ?? raw.from ?? 1
  if (first + (raw.seeds ?? 1) - 1 > seedMax) return `seeds end at ${seedMax}`
  return undefined
}

function isSingle(raw: Raw): boolean {
  return raw.seed !== undefined && raw.seeds === undefined && raw.minutes === undefined
}

function settle(raw: Raw, cores: number): SimOptions {
  const { nodes, seconds, faults, keep, swarm, codecs } = raw
  const count = isSingle(raw) ? 1 : raw.minutes === undefined ? seedsDefault : undefined
  return {
    from: raw.seed ?? raw.from ?? 1,
    count: raw.seeds ?? count,
    budgetMs: raw.minutes === undefined ? undefined : raw.minutes * 60_000,
    common: {
      ...(nodes === undefined ? {} : { nodes }),
      ...(seconds === undefined ? {} : { seconds }),
      ...(faults === undefined ? {} : { faults }),
      ...(keep === undefined ? {} : { keep }),
      ...(swarm === undefined ? {} : { swarm }),
      ...(codecs === undefined ? {} : { codecs }),
    },
    traceFile: raw.trace,
    shrink: raw.shrink,
    twice: raw.twice === true,
    workers: raw.workers ?? Math.min(cores, workersMax),
    known: raw.known,
  }
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

function minutes(text: string): number {
  const value = /^\d{1,5}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
  if (value > 0 && value <= minutesMax) return value
  throw new InvalidArgumentError(`It must be a number of minutes up to ${minutesMax}.`)
}

function faultList(text: string): readonly FaultClass[] {
  if (text === 'none') return []
  return text.split(',').map((name) => {
    if (isFaultClass(name)) return name
    throw new InvalidArgumentError(`There is no class ${JSON.stringify(name)}.`)
  })
}

function keepList(text: string): readonly number[] {
  if (text === 'none') return []
  return text.split(',').map(integer(1, 1_000_000))
}

/** The names are checked; whether a value makes sense is up to whoever gives it. */
function swarmObject(text: string): Partial<Swarm> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new InvalidArgumentError('It is not JSON.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError('It must be an object.')
  }
  const known = drawSwarm(0)
  for (const name of Object.keys(value)) {
    if (name in known) continue
    const names = Object.keys(known).join(', ')
    throw new InvalidArgumentError(`There is no option ${name}, only ${names}.`)
  }
  return value
}

/** The command line that lives a lifetime again. */
export function replayCommand(request: Request): string {
  const { seed, nodes, seconds, faults, keep, swarm, codecs } = request
  const list = (items: readonly unknown[]): string =>
    items.length === 0 ? 'none' : items.join(',')
  const parts = [
    `npm run sim -- --seed ${seed}`,
    nodes === undefined ? '' : `--nodes ${nodes}`,
    seconds === undefined ? '' : `--seconds ${seconds}`,
    faults === undefined ? '' : `--faults ${list(faults)}`,
    keep === undefined ? '' : `--keep ${list(keep)}`,
    swarm === undefined ? '' : `--swarm '${JSON.stringify(swarm)}'`,
    codecs === true ? '--codecs' : '',
  ]
  return parts.filter((part) => part !== '').join(' ')
}
