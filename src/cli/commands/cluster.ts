/** `quorate cluster`: several nodes as processes on this machine. */
import { Command } from 'commander'
import { groups } from '../command.ts'
import type { Cli } from '../io.ts'
import { clusterDownCommand } from './cluster-down.ts'
import { clusterKillCommand } from './cluster-kill.ts'
import { clusterLogsCommand } from './cluster-logs.ts'
import { clusterPauseCommand } from './cluster-pause.ts'
import { clusterRestartCommand } from './cluster-restart.ts'
import { clusterResumeCommand } from './cluster-resume.ts'
import { clusterStatusCommand } from './cluster-status.ts'
import { clusterUpCommand } from './cluster-up.ts'

/** Declares the group. */
export function clusterCommand(cli: Cli): Command {
  const cluster = new Command('cluster')
    .helpGroup(groups.start)
    .summary('run a cluster on this machine, and break it')
    .description(
      'A cluster whose nodes are processes on this machine, with its data and logs in one ' +
        'directory: to develop against, and to see what happens when nodes die.',
    )
  const { life, trouble, look } = {
    life: 'Start and stop:',
    trouble: 'Trouble:',
    look: 'Look:',
  }
  cluster.addCommand(clusterUpCommand(cli).helpGroup(life))
  cluster.addCommand(clusterDownCommand(cli).helpGroup(life))
  cluster.addCommand(clusterRestartCommand(cli).helpGroup(life))
  cluster.addCommand(clusterKillCommand(cli).helpGroup(trouble))
  cluster.addCommand(clusterPauseCommand(cli).helpGroup(trouble))
  cluster.addCommand(clusterResumeCommand(cli).helpGroup(trouble))
  cluster.addCommand(clusterStatusCommand(cli).helpGroup(look))
  cluster.addCommand(clusterLogsCommand(cli).helpGroup(look))
  return cluster
}
