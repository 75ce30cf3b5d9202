/** `quorate member replace`. */
import { Command, Option } from 'commander'
import { usageError } from '../../errors.ts'
import { addExamples, beginRun, dataDirOption, type ClientOptions } from '../command.ts'
import type { Cli } from '../io.ts'
import { parseAddress, parseNodeId } from '../parsers.ts'

interface ReplaceOptions extends ClientOptions {
  readonly clientAddress?: string
}

/** Declares it. */
export function memberReplaceCommand(cli: Cli): Command {
  const command = new Command('replace')
    .summary('put a new member in the place of another')
    .description(
      'Puts a new member in the place of another, in one step: it catches up as a learner first, ' +
        'then it gets the vote of the other, which goes. For a node that was lost, wiped or ' +
        'damaged, and for moving one to another host. Without --timeout it waits up to 10 ' +
        'minutes; interrupted, or out of time, it goes on where it was when it is asked for ' +
        'again. Set the new node up with node init --join and start it before.',
    )
    .argument('<id>', 'the member that goes, running or not', parseNodeId)
    .argument('<newId>', "the new node's name; never the old one again", parseNodeId)
    .argument('<peerAddress>', 'where the other nodes reach the new one, host:port', parseAddress)
    .addOption(
      new Option(
        '--client-address <address>',
        'where clients reach the new one (default: what it says itself)',
      ).argParser(parseAddress),
    )
    .addOption(dataDirOption())
    .action(async (id: string, newId: string, peerAddress: string, options: ReplaceOptions) => {
      const run = beginRun(cli, command)
      if (id === newId) {
        throw usageError(
          `the new node needs another name than ${id}: what ${id} has promised must not be ` +
            'forgotten under its name',
        )
      }
      const { clientAddress } = options
      const { catchUpMs, changeMembers } = await import('../member-change.ts')
      cli.writing = true
      const member = await changeMembers(
        run,
        {
          ...options,
          watched: newId,
          timeoutMs: run.globals.timeout ?? catchUpMs,
          untilVoter: true,
        },
        (client, limits) =>
          client.replaceMember(
            id,
            { id: newId, peerAddress, ...(clientAddress !== undefined && { clientAddress }) },
            limits,
          ),
      )
      const { printMember } = await import('../member-output.ts')
      await printMember(run.out, newId, member, id)
    })
  return addExamples(command, [
    ['n3 was lost; n4 takes its place', 'quorate member replace n3 n4 10.0.0.4:7201'],
  ])
}
