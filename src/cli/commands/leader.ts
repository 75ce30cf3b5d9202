/** `quorate leader`: who leads. */
import { Command } from 'commander'
import type { Cli } from '../io.ts'
import { leaderTransferCommand } from './leader-transfer.ts'

/** Declares the group. */
export function leaderCommand(cli: Cli): Command {
  return new Command('leader')
    .summary('move the leadership')
    .description('Which node leads. quorate status shows it; transfer moves it.')
    .addCommand(leaderTransferCommand(cli))
}
