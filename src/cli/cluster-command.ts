/** What the commands on a local cluster have in common. */
import { existsSync, realpathSync } from 'node:fs'
import { Command } from 'commander'
import type { ClusterFile } from '../cluster/index.ts'
import { beginRun, type Run } from './command.ts'
import { dataDirectory } from './endpoints.ts'
import type { Cli } from './io.ts'

/** Options of all of them. */
export interface ClusterOptions {
  readonly dataDir?: string
}

/** Declares a command on a local cluster. */
export function localCommand(name: string, summary: string, description: string): Command {
  return new Command(name)
    .summary(summary)
    .description(description)
    .option('--data-dir <dir>', "the cluster's directory (default: ./.quorate)")
}

/** Runs something on a cluster that must be there. */
export async function withCluster(
  cli: Cli,
  command: Command,
  action: (run: Run, file: ClusterFile) => Promise<void>,
): Promise<void> {
  const run = beginRun(cli, command)
  const { requireClusterFile } = await import('../cluster/index.ts')
  const { dataDir } = command.opts<ClusterOptions>()
  await action(run, requireClusterFile(dataDirectory(cli.io, dataDir)))
}

/** The `--data-dir` that a command needs to find the same cluster again; empty for the usual one. */
export function dataDirFlag({ io }: Pick<Run, 'io'>, file: ClusterFile): string {
  const usual = dataDirectory(io, undefined)
  const found = existsSync(usual) ? realpathSync(usual) : usual
  return file.dataDirectory === found ? '' : ` --data-dir ${file.dataDirectory}`
}
