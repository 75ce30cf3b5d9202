/** `quorate verdict`. */
import { Command, Option } from 'commander'
import { unreachable } from '../../assert.ts'
import type { TokenState } from '../../client/index.ts'
import { addExamples, beginRun, dataDirOption, withClient, type ClientOptions } from '../command.ts'
import { exitCodes, type Cli } from '../io.ts'
import type { Output } from '../output.ts'
import { parseTime } from '../parsers.ts'

interface VerdictOptions extends ClientOptions {
  readonly tokenTime?: number
  readonly fence?: boolean
}

/** Declares it. */
export function verdictCommand(cli: Cli): Command {
  const command = new Command('verdict')
    .summary("tell whether a token's write took effect")
    .description(
      'Tells whether a write with this token took effect. Exits with 0 if it did, 3 if it did ' +
        'not, 6 if the token is older than what the cluster remembers.',
    )
    .argument('<token>', 'the token of the write')
    .addOption(
      new Option(
        '--token-time <time>',
        'when the token was made: ms since 1970, or ISO 8601',
      ).argParser(parseTime),
    )
    .option('--fence', 'cancel the token if it has had no effect: then it never will')
    .addOption(dataDirOption())
    .action(async (token: string, options: VerdictOptions) => {
      const run = beginRun(cli, command)
      const { dataDir: _, ...query } = options
      const reading = options.fence !== true
      const state = await withClient(run, { ...options, reading }, (client) =>
        client.verdict(token, { ...query, signal: run.io.signal }),
      )
      cli.exitCode = await print(run.out, state)
    })
  return addExamples(command, [
    ['after a write that timed out', 'quorate verdict report/2026-01'],
    ['and make sure that no late copy can come', 'quorate verdict report/2026-01 --fence'],
  ])
}

async function print(out: Output, state: TokenState): Promise<number> {
  if (out.structured) await out.json({ schema: 1, ...state })
  else if (out.format === 'raw') await out.line(state.status)
  else await out.line(describe(out, state))
  switch (state.status) {
    case 'recorded':
      return exitCodes.ok
    case 'absent':
      return exitCodes.notFound
    case 'expired':
      return exitCodes.unknown
    default:
      return unreachable(state)
  }
}

function describe(out: Output, state: TokenState): string {
  switch (state.status) {
    case 'recorded':
      return `${out.paint('good', 'recorded')}: it took effect at revision ${state.revision}`
    case 'absent': {
      const never = state.fenced ? ', and none ever will: it is fenced' : ''
      const since = new Date(state.horizon).toISOString()
      return `${out.paint('warning', 'absent')}: no write with it took effect since ${since}${never}`
    }
    case 'expired': {
      const since = new Date(state.horizon).toISOString()
      return `${out.paint('bad', 'expired')}: nothing is known of tokens from before ${since}`
    }
    default:
      return unreachable(state)
  }
}
