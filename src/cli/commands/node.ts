/** `quorate node`: one node on one host. */
import { Command } from 'commander'
import type { Cli } from '../io.ts'
import { nodeInitCommand } from './node-init.ts'
import { nodeStartCommand } from './node-start.ts'

/** Declares the group. */
export function nodeCommand(cli: Cli): Command {
  return new Command('node')
    .summary('set up and run one node on one host')
    .description(
      'One node on one host. A directory is set up once with init; start then runs the node in ' +
        'the foreground, as a service manager wants it. For a cluster on this machine, cluster ' +
        'up does both.',
    )
    .addCommand(nodeInitCommand(cli))
    .addCommand(nodeStartCommand(cli))
}
