/** `quorate member promote`. */
import { Command } from 'commander'
import { addExamples, beginRun, dataDirOption, type ClientOptions } from '../command.ts'
import type { Cli } from '../io.ts'
import { parseNodeId } from '../parsers.ts'

/** Declares it. */
export function memberPromoteCommand(cli: Cli): Command {
  const command = new Command('promote')
    .summary('give a learner its vote')
    .description(
      'Gives a learner a vote, also one that was added to stay a learner. One that has not caught ' +
        'up is waited for, without --timeout up to 10 minutes.',
    )
    .argument('<id>', 'the learner', parseNodeId)
    .addOption(dataDirOption())
    .action(async (id: string, options: ClientOptions) => {
      const run = beginRun(cli, command)
      const { catchUpMs, changeMembers } = await import('../member-change.ts')
      cli.writing = true
      const member = await changeMembers(
        run,
        {
          ...options,
          watched: id,
          timeoutMs: run.globals.timeout ?? catchUpMs,
          untilVoter: true,
        },
        (client, limits) => client.promoteMember(id, limits),
      )
      const { printMember } = await import('../member-output.ts')
      await printMember(run.out, id, member)
    })
  return addExamples(command, [['a learner that has caught up', 'quorate member promote n5']])
}
