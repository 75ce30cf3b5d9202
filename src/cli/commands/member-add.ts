/** `quorate member add`. */
import { Command, Option } from 'commander'
import { addExamples, beginRun, dataDirOption, type ClientOptions } from '../command.ts'
import type { Cli } from '../io.ts'
import { parseAddress, parseNodeId, parsePriority } from '../parsers.ts'

interface AddOptions extends ClientOptions {
  readonly clientAddress?: string
  readonly learner?: boolean
  readonly priority?: number
}

/** Declares it. */
export function memberAddCommand(cli: Cli): Command {
  const command = new Command('add')
    .summary('add a member')
    .description(
      'Adds a member. It gets the log, or a snapshot and the log after it, as a learner, and its ' +
        'vote once it is close; the command returns then, and tells how far it is meanwhile. ' +
        'Without --timeout it waits up to 10 minutes; the member goes on catching up after that. ' +
        'Added again with the same addresses, it is done. Set the node up with node init --join ' +
        'and start it before.',
    )
    .argument('<id>', "the new node's name; never the name of a node that was lost", parseNodeId)
    .argument('<peerAddress>', 'where the other nodes reach it, host:port', parseAddress)
    .addOption(
      new Option(
        '--client-address <address>',
        'where clients reach it (default: what it says itself)',
      ).argParser(parseAddress),
    )
    .option('--learner', 'it stays a learner: it gets the log and no vote')
    .addOption(
      new Option(
        '--priority <n>',
        'leadership goes to the highest of the voters that are there, 0 to 255 (default: 0)',
      ).argParser(parsePriority),
    )
    .addOption(dataDirOption())
    .action(async (id: string, peerAddress: string, options: AddOptions) => {
      const run = beginRun(cli, command)
      const { clientAddress, learner = false, priority } = options
      const { catchUpMs, changeMembers } = await import('../member-change.ts')
      cli.writing = true
      const member = await changeMembers(
        run,
        {
          ...options,
          watched: id,
          timeoutMs: run.globals.timeout ?? catchUpMs,
          untilVoter: !learner,
        },
        (client, limits) =>
          client.addMember(
            {
              id,
              peerAddress,
              learner,
              ...(clientAddress !== undefined && { clientAddress }),
              ...(priority !== undefined && { priority }),
            },
            limits,
          ),
      )
      const { printMember } = await import('../member-output.ts')
      await printMember(run.out, id, member)
    })
  return addExamples(command, [
    [
      'a fourth node: on its host first, then from anywhere',
      'quorate node init --id n4 --data-dir /var/lib/quorate --join 10.0.0.1:7101\n' +
        'quorate node start --data-dir /var/lib/quorate \\\n' +
        '    --client-listen 10.0.0.4:7101 --peer-listen 10.0.0.4:7201\n' +
        'quorate member add n4 10.0.0.4:7201',
    ],
    ['one that only reads along', 'quorate member add n5 10.0.0.5:7201 --learner'],
  ])
}
