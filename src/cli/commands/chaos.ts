/** `quorate chaos`: break a cluster on purpose, and check what its clients were told. */
import { Command } from 'commander'
import type { Cli } from '../io.ts'
import { chaosListCommand } from './chaos-list.ts'
import { chaosReportCommand } from './chaos-report.ts'
import { chaosRunCommand } from './chaos-run.ts'

/** Declares the group. */
export function chaosCommand(cli: Cli): Command {
  return new Command('chaos')
    .summary('break a cluster on purpose, and check it')
    .description(
      'Loads a cluster of real processes with calls, breaks its network, processes, disks and ' +
        'clocks meanwhile, and checks afterwards whether what the clients were told can be true.',
    )
    .addCommand(chaosRunCommand(cli))
    .addCommand(chaosListCommand(cli))
    .addCommand(chaosReportCommand(cli))
}
