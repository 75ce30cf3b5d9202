/** `quorate leader transfer`. */
import { Command } from 'commander'
import { addExamples, beginRun, dataDirOption, withClient, type ClientOptions } from '../command.ts'
import type { Cli } from '../io.ts'
import { parseNodeId } from '../parsers.ts'

/** Declares it. */
export function leaderTransferCommand(cli: Cli): Command {
  const command = new Command('transfer')
    .summary('hand the leadership over')
    .description(
      'Hands the leadership to another voter, without an id to the one that has most of the log, ' +
        'and returns when that one leads. The leader first brings it up to date; clients wait ' +
        'that long and notice no more. Exits with 5 if the leadership stayed where it was, with 6 ' +
        'if nobody knows.',
    )
    .argument('[id]', 'who is to lead (default: the most caught-up voter)', parseNodeId)
    .addOption(dataDirOption())
    .action(async (id: string | undefined, options: ClientOptions) => {
      const run = beginRun(cli, command)
      const leader = await withClient(run, options, (client) =>
        client.transferLeadership(id, { signal: run.io.signal }),
      )
      if (run.out.structured) await run.out.json({ schema: 1, leader })
      else await run.out.line(`${leader} leads now`)
    })
  return addExamples(command, [
    ['before work on the host of the leader', 'quorate leader transfer'],
    ['to a certain node', 'quorate leader transfer n2'],
  ])
}
