/** `quorate scan`. */
import { Command, Option } from 'commander'
import { present } from '../../assert.ts'
import type { Client, ScanEntry, ScanOptions } from '../../client/index.ts'
import {
  addExamples,
  argumentBytes,
  beginRun,
  dataDirOption,
  withClient,
  type ClientOptions,
  type Run,
} from '../command.ts'
import type { Cli } from '../io.ts'
import { bytesOf } from '../json-shapes.ts'
import { parsePositive } from '../parsers.ts'
import { scanPrinter } from '../scan-output.ts'

interface ScanCommandOptions extends ClientOptions {
  readonly prefix?: string
  readonly from?: string
  readonly to?: string
  readonly limit?: number
  readonly reverse?: boolean
  readonly keysOnly?: boolean
  readonly count?: boolean
}

/** Declares it. */
export function scanCommand(cli: Cli): Command {
  const command = new Command('scan')
    .summary('print records in the order of their keys')
    .description(
      "Prints records in the order of their keys' bytes. All of them are as of one revision, " +
        'however long the scan takes.',
    )
    .addOption(
      new Option('--prefix <prefix>', 'only keys that begin like this').conflicts(['from', 'to']),
    )
    .option('--from <key>', 'from this key on, itself included')
    .option('--to <key>', 'up to this key, itself excluded')
    .addOption(new Option('--limit <n>', 'at most this many').argParser(parsePositive))
    .option('--reverse', 'from the last key to the first')
    .option('--keys-only', 'without the values')
    .option('--count', 'only how many there are')
    .addOption(dataDirOption())
    .action(async (options: ScanCommandOptions) => {
      const run = beginRun(cli, command)
      await withClient(run, { ...options, reading: true }, (client) =>
        options.count === true ? count(run, client, options) : print(run, client, options),
      )
    })
  return addExamples(command, [
    ['all candles of one market', 'quorate scan --prefix candle/kraken/'],
    [
      'the last ten keys, in the order of their bytes',
      'quorate scan --reverse --limit 10 --keys-only',
    ],
    ['the values, one a line, for other programs', 'quorate scan -o raw | jq .payload'],
  ])
}

function scanOptions(run: Run, options: ScanCommandOptions): ScanOptions {
  return {
    ...(options.prefix !== undefined && { prefix: argumentBytes(options.prefix) }),
    ...(options.from !== undefined && { gte: argumentBytes(options.from) }),
    ...(options.to !== undefined && { lt: argumentBytes(options.to) }),
    ...(options.limit !== undefined && { limit: options.limit }),
    ...(options.reverse === true && { reverse: true }),
    ...((options.keysOnly === true || options.count === true) && { keysOnly: true }),
    signal: run.io.signal,
  }
}

async function count(run: Run, client: Client, options: ScanCommandOptions): Promise<void> {
  let found = 0
  for await (const _ of client.scan(scanOptions(run, options))) found++
  if (run.out.structured) await run.out.json({ schema: 1, count: found })
  else await run.out.line(`${found}`)
}

async function print(run: Run, client: Client, options: ScanCommandOptions): Promise<void> {
  const keysOnly = options.keysOnly === true
  const printer = scanPrinter(run.out, keysOnly)
  const scan = client.scan(scanOptions(run, options))
  for await (const entry of scan) await printer.add(rowOf(entry, keysOnly))
  await printer.end(present(scan.revision, 'a scan that was read to its end had a page'))
}

function rowOf(entry: ScanEntry, keysOnly: boolean) {
  return {
    key: bytesOf(entry.key),
    value: keysOnly ? undefined : bytesOf(entry.value),
    revision: entry.revision,
    readRevision: entry.readRevision,
  }
}
