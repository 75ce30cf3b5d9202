/** `quorate member`: who takes part in a cluster, and changes of that. */
import { Command } from 'commander'
import type { Cli } from '../io.ts'
import { memberAddCommand } from './member-add.ts'
import { memberListCommand } from './member-list.ts'
import { memberPromoteCommand } from './member-promote.ts'
import { memberRemoveCommand } from './member-remove.ts'
import { memberReplaceCommand } from './member-replace.ts'
import { memberUpdateCommand } from './member-update.ts'

/** Declares the group. */
export function memberCommand(cli: Cli): Command {
  return new Command('member')
    .summary('show and change who takes part')
    .description(
      'Who takes part in a cluster. Members are added, promoted, replaced and removed while it ' +
        'runs, one change at a time; a change that would cost the quorum is refused.',
    )
    .addCommand(memberListCommand(cli))
    .addCommand(memberAddCommand(cli))
    .addCommand(memberPromoteCommand(cli))
    .addCommand(memberReplaceCommand(cli))
    .addCommand(memberRemoveCommand(cli))
    .addCommand(memberUpdateCommand(cli))
}
