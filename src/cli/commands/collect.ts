/** `quorate collect`. */
import { resolve } from 'node:path'
import { Option, Command } from 'commander'
import type { Client } from '../../client/index.ts'
import type { CollectOptions, CollectReport, LineSource, Template } from '../../collector/index.ts'
import type * as collectorModule from '../../collector/index.ts'
import { usageError } from '../../errors.ts'
import type { Clock } from '../../ports.ts'
import {
  addExamples,
  beginRun,
  dataDirOption,
  defaultTimeoutMs,
  type ClientOptions,
  type Run,
} from '../command.ts'
import { printReport, progressTeller, rejectionTeller } from '../collect-output.ts'
import { findEndpoints } from '../endpoints.ts'
import { exitCodes, type Cli } from '../io.ts'
import { parseCount, parseDuration, parsePositive } from '../parsers.ts'
import { grouped } from '../table.ts'

interface CollectCommandOptions extends ClientOptions {
  readonly key?: string
  readonly token?: string
  readonly once?: boolean
  readonly replicas?: number
  readonly source?: 'system' | 'market'
  readonly interval?: number
  readonly for?: number
  readonly seed?: number
  readonly count?: number
  readonly giveUpAfter?: number
  readonly inFlight?: number
}

const intervalMsDefault = 1_000
const forMsDefault = 30_000
const countDefault = 10_000
const seedDefault = 1
const marketIntervalMs = 60_000

/** Declares it. */
export function collectCommand(cli: Cli): Command {
  const command = new Command('collect')
    .summary('store records as replicated collectors would')
    .description(
      'Writes the records of a file, a pipe or a source as n collector replicas would: each ' +
        'replica writes every record through a client of its own, and repeats it until it has a ' +
        'verdict, and each record is stored once. A line is stored byte for byte. Keys and ' +
        "tokens are made from the record's fields, like candle/{exchange}/{payload.id}, which are " +
        'joined as they are: put between them what none of them holds. Here --timeout bounds one ' +
        'attempt of a write, and --give-up-after the whole run.',
    )
    .argument('[file]', 'NDJSON, also as .gz; - reads stdin')
    .option('--key <template>', 'where a record is stored')
    .addOption(
      new Option('--token <template>', 'what identifies a record between calls').conflicts('once'),
    )
    .option('--once', 'the key identifies the record, for as long as it is stored')
    .addOption(
      new Option('--replicas <n>', 'how many replicas (default: 1)').argParser(parsePositive),
    )
    .addOption(
      new Option(
        '--source <name>',
        "instead of a file: system (this machine's load, memory and disks), or market (made-up " +
          'market data); both have keys and tokens of their own',
      ).choices(['system', 'market']),
    )
    .addOption(
      new Option('--interval <duration>', 'system: how often to sample (default: 1s)').argParser(
        parseDuration,
      ),
    )
    .addOption(
      new Option('--for <duration>', 'system: how long (default: 30s)').argParser(parseDuration),
    )
    .addOption(
      new Option(
        '--count <n>',
        `market: how many records (default: ${grouped(countDefault)})`,
      ).argParser(parsePositive),
    )
    .addOption(
      new Option('--seed <n>', `market: what it is made from (default: ${seedDefault})`).argParser(
        parseCount,
      ),
    )
    .addOption(
      new Option(
        '--give-up-after <duration>',
        'end after this time, done or not, and exit with 6',
      ).argParser(parseDuration),
    )
    .addOption(
      new Option('--in-flight <n>', 'writes under way per replica (default: 256)').argParser(
        parsePositive,
      ),
    )
    .addOption(dataDirOption())
    .action(async (file: string | undefined, options: CollectCommandOptions) => {
      cli.exitCode = await runCollect(beginRun(cli, command), file, options)
    })
  return addExamples(command, [
    [
      'three replicas of one collector',
      'quorate collect candles.ndjson.gz --replicas 3 \\\n' +
        "    --key 'candle/{exchange}/{symbol}/{intervalStart}-{intervalEnd}' \\\n" +
        "    --token '{exchange}/{symbol}/candle/{intervalStart}/{intervalEnd}'",
    ],
    ["this machine's own figures", 'quorate collect --source system --interval 1s --for 30s'],
    ['a pipe; the key is the identity', "fetch-trades | quorate collect - --once --key '{id}'"],
  ])
}

async function runCollect(
  run: Run,
  file: string | undefined,
  options: CollectCommandOptions,
): Promise<number> {
  checkSource(file, options)
  const collector = await import('../../collector/index.ts')
  const { realClock, realRandom } = await import('../../system/index.ts')
  const templates = templatesOf(collector, options)
  const progress = progressTeller(run.out)
  const rejections = rejectionTeller(run.out)
  const clients = await clientsOf(run, options)
  const running = collector.collect({
    source: await sourceOf(run, file, options, realClock),
    replicas: options.replicas ?? 1,
    connect: clients.connect,
    tokenNow: () => clients.clusterTime() ?? realClock.wall(),
    keyTemplate: templates.key,
    ...(templates.token !== undefined && { tokenTemplate: templates.token }),
    ...(options.once === true && { once: true }),
    ...(options.giveUpAfter !== undefined && { giveUpAfterMs: options.giveUpAfter }),
    ...(options.inFlight !== undefined && { inFlightMax: options.inFlight }),
    onProgress: progress.tell,
    progressMs: progress.intervalMs,
    onRejected: rejections.tell,
    signal: run.io.signal,
    clock: realClock,
    random: realRandom,
  })
  let report: CollectReport
  try {
    report = await running
  } catch (error) {
    await progress.failed()
    throw error
  } finally {
    await progress.end()
    await rejections.end()
  }
  // A file that is not there: nothing was collected, so there is nothing to report.
  if (report.sourceError?.code === 'QUORATE_USAGE') throw report.sourceError
  await printReport(run.out, report)
  return exitCodeOf(report)
}

function checkSource(file: string | undefined, options: CollectCommandOptions): void {
  const { source } = options
  if ((file === undefined) === (source === undefined)) {
    throw usageError('collect takes a file (or - for stdin) or a --source, and not both')
  }
  const misplaced = [
    [source !== 'system' && options.interval !== undefined, '--interval', 'system'],
    [source !== 'system' && options.for !== undefined, '--for', 'system'],
    [source !== 'market' && options.count !== undefined, '--count', 'market'],
    [source !== 'market' && options.seed !== undefined, '--seed', 'market'],
  ] as const
  const wrong = misplaced.find(([is]) => is)
  if (wrong !== undefined) throw usageError(`${wrong[1]} belongs to --source ${wrong[2]}`)
}

type CollectorModule = typeof collectorModule

/** The templates given, or those that a source brings along. */
function templatesOf(
  collector: CollectorModule,
  options: CollectCommandOptions,
): { key: Template; token: Template | undefined } {
  const { source, once } = options
  const own =
    source === 'system'
      ? collector.systemTemplates
      : source === 'market'
        ? collector.marketTemplates
        : undefined
  const key = options.key === undefined ? own?.key : collector.parseTemplate(options.key)
  if (key === undefined) throw usageError("--key is missing, like --key '{exchange}/{symbol}'")
  if (once === true) return { key, token: undefined }
  const token = options.token === undefined ? own?.token : collector.parseTemplate(options.token)
  if (token === undefined) {
    throw usageError(
      '--token or --once is missing: without an identity a record could not be repeated safely',
    )
  }
  return { key, token }
}

async function sourceOf(
  run: Run,
  file: string | undefined,
  options: CollectCommandOptions,
  clock: Clock,
): Promise<LineSource> {
  const { ndjsonSource, fileChunks, pipeChunks, systemSource, marketSource } =
    await import('../../collector/index.ts')
  if (file === '-') {
    const open = (): AsyncIterable<Uint8Array> => pipeChunks(run.io.stdin(), 'stdin')
    return ndjsonSource({ name: 'stdin', open })
  }
  if (file !== undefined) {
    const { realDisk } = await import('../../system/index.ts')
    const path = resolve(run.io.cwd, file)
    return ndjsonSource({ name: file, open: () => fileChunks(realDisk, path) })
  }
  if (options.source === 'system') {
    const { machineName, readMachine } = await import('../../system/index.ts')
    return systemSource({
      intervalMs: options.interval ?? intervalMsDefault,
      forMs: options.for ?? forMsDefault,
      clock,
      host: machineName(),
      sample: () => readMachine(['/']),
    })
  }
  const count = options.count ?? countDefault
  return marketSource({
    seed: options.seed ?? seedDefault,
    count,
    startMs: Math.floor(clock.wall() / marketIntervalMs) * marketIntervalMs,
    intervalMs: marketIntervalMs,
  })
}

interface Clients {
  readonly connect: CollectOptions['connect']
  /** Undefined until a replica is connected. */
  readonly clusterTime: () => number | undefined
}

/**
 * How a replica gets its client. `--timeout` bounds an attempt, not a call: a record's call goes
 * on until it has its verdict. Tokens are dated in the cluster's time, because on a machine whose
 * clock is wrong all of them would be refused.
 */
async function clientsOf(run: Run, options: ClientOptions): Promise<Clients> {
  const { endpoints } = await findEndpoints(run.io, {
    endpoints: run.globals.endpoints,
    dataDir: options.dataDir,
  })
  const timeout = run.globals.timeout ?? defaultTimeoutMs
  let first: Client | undefined
  const connect: CollectOptions['connect'] = async (onRetry) => {
    const client = await run.io.connect(endpoints, {
      timeout,
      attemptTimeout: timeout,
      keyEncoding: 'utf8',
      valueEncoding: 'buffer',
      signal: run.io.signal,
    })
    first ??= client
    client.on('status', (event) => {
      if (event.type === 'retry') onRetry({ code: event.code })
    })
    return client
  }
  return { connect, clusterTime: () => first?.clusterTime }
}

function exitCodeOf(report: CollectReport): number {
  if (report.gaveUp || report.aborted) return exitCodes.unknown
  if (report.sourceError !== undefined) return exitCodes.unexpected
  return report.rejected === 0 ? exitCodes.ok : exitCodes.unexpected
}
