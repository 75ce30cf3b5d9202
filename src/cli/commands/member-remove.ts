/** `quorate member remove`. */
import { Command } from 'commander'
import { addExamples, beginRun, dataDirOption, type ClientOptions } from '../command.ts'
import type { Cli } from '../io.ts'
import { parseNodeId } from '../parsers.ts'

/** Declares it. */
export function memberRemoveCommand(cli: Cli): Command {
  const command = new Command('remove')
    .summary('take a member out')
    .description(
      'Takes a member out of the cluster, whether it runs or not. It is refused where the rest ' +
        'would have no quorum. A node that runs learns of it and stops; its data stays where it ' +
        'is, and its name may not be used again. Of a member that is gone already, it is done.',
    )
    .argument('<id>', 'the member', parseNodeId)
    .addOption(dataDirOption())
    .action(async (id: string, options: ClientOptions) => {
      const run = beginRun(cli, command)
      const { changeMembers, changeMs } = await import('../member-change.ts')
      cli.writing = true
      await changeMembers(
        run,
        { ...options, timeoutMs: run.globals.timeout ?? changeMs },
        (client, limits) => client.removeMember(id, limits),
      )
      if (run.out.structured) {
        await run.out.json({ schema: 1, id, removed: true })
        return
      }
      await run.out.line(`${id} is not a member now`)
      await run.out.note(`next: remove the data directory of ${id}; its name may not be used again`)
    })
  return addExamples(command, [['a node that is not needed any more', 'quorate member remove n5']])
}
