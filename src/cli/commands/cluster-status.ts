/** `quorate cluster status`. */
import type { Command } from 'commander'
import { localCommand, withCluster } from '../cluster-command.ts'
import { exitCodes, type Cli } from '../io.ts'
import { printStatus } from './status.ts'

const askMs = 2_000

/** Declares it. */
export function clusterStatusCommand(cli: Cli): Command {
  const command = localCommand(
    'status',
    "show the cluster's nodes",
    'Shows every node of the local cluster, with its process: running, paused or stopped.',
  ).action(() =>
    withCluster(cli, command, async (run, file) => {
      const { viewLocalCluster } = await import('../../cluster/index.ts')
      const view = await viewLocalCluster(file, run.globals.timeout ?? askMs)
      const allStopped = view.nodes.every((node) => node.process === 'stopped')
      if (allStopped && view.nodes.every((node) => node.status === undefined)) {
        await run.out.note('the cluster is down; quorate cluster up starts it')
        if (run.out.structured) await printStatus(run, view)
        cli.exitCode = exitCodes.unavailable
        return
      }
      cli.exitCode = await printStatus(run, view)
    }),
  )
  return command
}
