/** `quorate member update`. */
import { Command, Option } from 'commander'
import { usageError } from '../../errors.ts'
import { addExamples, beginRun, dataDirOption, type ClientOptions } from '../command.ts'
import type { Cli } from '../io.ts'
import { parseAddress, parseNodeId, parsePriority } from '../parsers.ts'

interface UpdateOptions extends ClientOptions {
  readonly peerAddress?: string
  readonly clientAddress?: string
  readonly priority?: number
}

/** Declares it. */
export function memberUpdateCommand(cli: Cli): Command {
  const command = new Command('update')
    .summary("change a member's addresses or priority")
    .description(
      'Changes what all nodes know of a member: where it is reached, and its priority. What is ' +
        'not given stays as it is.',
    )
    .argument('<id>', 'the member', parseNodeId)
    .addOption(
      new Option('--peer-address <address>', 'where the other nodes reach it').argParser(
        parseAddress,
      ),
    )
    .addOption(
      new Option(
        '--client-address <address>',
        'where clients reach it, whatever it says itself',
      ).argParser(parseAddress),
    )
    .addOption(
      new Option(
        '--priority <n>',
        'leadership goes to the highest of the voters that are there, 0 to 255',
      ).argParser(parsePriority),
    )
    .addOption(dataDirOption())
    .action(async (id: string, options: UpdateOptions) => {
      const run = beginRun(cli, command)
      const { dataDir: _, ...change } = options
      if (Object.keys(change).length === 0) {
        throw usageError('name what is to change: --peer-address, --client-address or --priority')
      }
      const { changeMembers, changeMs } = await import('../member-change.ts')
      cli.writing = true
      const member = await changeMembers(
        run,
        { ...options, watched: id, timeoutMs: run.globals.timeout ?? changeMs },
        (client, limits) => client.updateMember(id, change, limits),
      )
      const { printMember, addressText } = await import('../member-output.ts')
      if (run.out.structured || member === undefined) await printMember(run.out, id, member)
      else await run.out.line(addressText(member))
    })
  return addExamples(command, [
    ['n1 is to lead whenever it can', 'quorate member update n1 --priority 10'],
    ['n2 has moved', 'quorate member update n2 --peer-address 10.0.1.2:7201'],
  ])
}
