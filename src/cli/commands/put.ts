/** `quorate put`. */
import { Command, Option } from 'commander'
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
import { parseCount, parseTime } from '../parsers.ts'
import { printWrite } from '../write-result.ts'

interface PutOptions extends ClientOptions {
  readonly token?: string
  readonly tokenTime?: number
  readonly once?: boolean
  readonly ifRevision?: number
}

/** Declares it. */
export function putCommand(cli: Cli): Command {
  const command = new Command('put')
    .summary('store a record')
    .description(
      'Stores a record. It is acknowledged once a majority of the nodes has it on disk. The ' +
        'verdict says what came of it: applied, duplicate (another call with the same token ' +
        'had stored the same), or mismatch (had stored something else, which stays).',
    )
    .argument('<key>', 'the key, 1 byte to 4 KiB')
    .argument('<value>', 'the value, up to 1 MiB; - reads it from stdin, byte for byte')
    .option('--token <token>', "the record's identity: two calls with it take effect once")
    .addOption(
      new Option('--token-time <time>', 'when the token was made: ms since 1970, or ISO 8601')
        .argParser(parseTime)
        .conflicts('once'),
    )
    .addOption(
      new Option(
        '--once',
        'only if there is no record at the key; the key is the identity',
      ).conflicts(['token', 'ifRevision']),
    )
    .addOption(
      new Option(
        '--if-revision <revision>',
        'only if the record has this revision; 0: no record',
      ).argParser(parseCount),
    )
    .addOption(dataDirOption())
    .action(async (key: string, value: string, options: PutOptions) => {
      const run = beginRun(cli, command)
      const bytes = value === '-' ? await fromStdin(run) : argumentBytes(value)
      const { dataDir: _, ...put } = options
      cli.writing = true
      const result = await withClient(run, options, (client) =>
        client.put(argumentBytes(key), bytes, { ...put, signal: run.io.signal }),
      )
      cli.exitCode = await printWrite(run.out, result)
    })
  return addExamples(command, [
    ['a record', 'quorate put greeting hello'],
    ['from a file, and safe to repeat', 'quorate put report - --token report/2026-01 < report.pdf'],
    ['only if nobody changed it since', 'quorate put config "$new" --if-revision 17'],
  ])
}

async function fromStdin(run: Run): Promise<Uint8Array> {
  const { readStdin } = await import('../stdin.ts')
  return readStdin(run.io)
}
