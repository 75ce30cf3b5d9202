/** `quorate del`. */
import { Command, Option } from 'commander'
import {
  addExamples,
  argumentBytes,
  beginRun,
  dataDirOption,
  withClient,
  type ClientOptions,
} from '../command.ts'
import type { Cli } from '../io.ts'
import { parseCount, parseTime } from '../parsers.ts'
import { printWrite } from '../write-result.ts'

interface DelOptions extends ClientOptions {
  readonly token?: string
  readonly tokenTime?: number
  readonly ifRevision?: number
}

/** Declares it. */
export function delCommand(cli: Cli): Command {
  const command = new Command('del')
    .alias('delete')
    .summary('delete a record')
    .description('Deletes a record. It is no error if there is none.')
    .argument('<key>', 'the key')
    .option('--token <token>', 'the identity of this deletion: two calls with it take effect once')
    .addOption(
      new Option(
        '--token-time <time>',
        'when the token was made: ms since 1970, or ISO 8601',
      ).argParser(parseTime),
    )
    .addOption(
      new Option('--if-revision <revision>', 'only if the record has this revision').argParser(
        parseCount,
      ),
    )
    .addOption(dataDirOption())
    .action(async (key: string, options: DelOptions) => {
      const run = beginRun(cli, command)
      const { dataDir: _, ...del } = options
      cli.writing = true
      const result = await withClient(run, options, (client) =>
        client.delete(argumentBytes(key), { ...del, signal: run.io.signal }),
      )
      cli.exitCode = await printWrite(run.out, result)
    })
  return addExamples(command, [
    ['a record', 'quorate del greeting'],
    ['only if it is the one that was read', 'quorate del greeting --if-revision 12'],
  ])
}
