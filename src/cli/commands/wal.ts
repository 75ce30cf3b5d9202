/** `quorate wal`: the log of a node, looked at from outside. */
import { Command } from 'commander'
import type { Cli } from '../io.ts'
import { walInspectCommand } from './wal-inspect.ts'
import { walVerifyCommand } from './wal-verify.ts'

/** Declares the group. */
export function walCommand(cli: Cli): Command {
  return new Command('wal')
    .summary("look at a node's write-ahead log")
    .description(
      'The write-ahead log in the data directory of one node, read from outside. Nothing is ' +
        'written and no lock is taken, so that a node may run on it meanwhile.',
    )
    .addCommand(walInspectCommand(cli))
    .addCommand(walVerifyCommand(cli))
}
