/** `quorate member list`. */
import { Command } from 'commander'
import { QuorateError } from '../../errors.ts'
import { addExamples, beginRun, dataDirOption, type ClientOptions } from '../command.ts'
import type { Cli } from '../io.ts'
import { viewOf } from '../view.ts'

/** Declares it. */
export function memberListCommand(cli: Cli): Command {
  const command = new Command('list')
    .summary('show who takes part')
    .description(
      'Shows every member: whether it has a vote or learns, where it is, how far the leader knows ' +
        'its log to be (MATCH) and how many entries it lacks (LAG), and how the leader sends to ' +
        'it. Works without a leader and with nodes down; then it shows what is known. Exits with ' +
        '5 only if no node answered.',
    )
    .addOption(dataDirOption())
    .action(async (options: ClientOptions) => {
      const run = beginRun(cli, command)
      const view = await viewOf(run, options)
      if (view.members.length === 0) {
        throw new QuorateError('QUORATE_CONNECTION_LOST', 'no node answers', {
          outcome: 'not-applied',
        })
      }
      const { printMembers } = await import('../member-output.ts')
      await printMembers(run.out, view)
    })
  return addExamples(command, [
    ['who takes part', 'quorate member list'],
    [
      'the voters, for a script',
      "quorate member list -o json | jq -r '.members[]|select(.voter).id'",
    ],
  ])
}
