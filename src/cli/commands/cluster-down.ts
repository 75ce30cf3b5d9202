/** `quorate cluster down`. */
import type { Command } from 'commander'
import { unreachable } from '../../assert.ts'
import { usageError } from '../../errors.ts'
import { localCommand, type ClusterOptions } from '../cluster-command.ts'
import { addExamples, beginRun } from '../command.ts'
import { dataDirectory } from '../endpoints.ts'
import type { Cli } from '../io.ts'

interface DownOptions extends ClusterOptions {
  readonly wipe?: boolean
}

/** Declares it. */
export function clusterDownCommand(cli: Cli): Command {
  const command = localCommand(
    'down',
    'stop the cluster',
    'Stops the nodes in good order, and by force those that do not stop. A cluster that is down ' +
      'already is no error. The data stays, unless it is to be wiped.',
  )
    .option('--wipe', "remove the cluster's data and logs as well")
    .action(async (options: DownOptions) => {
      const { out, io } = beginRun(cli, command)
      const cluster = await import('../../cluster/index.ts')
      const directory = dataDirectory(io, options.dataDir)
      const file = cluster.readClusterFile(directory)
      if (file === undefined) {
        // Never remove a directory that is not known to be a cluster's.
        if (options.wipe === true && cluster.directoryHolds(directory)) {
          throw usageError(
            `${directory} is not wiped: it holds no ${cluster.clusterFileName}, so it is not a ` +
              "local cluster's directory",
          )
        }
        if (out.structured) await out.json({ schema: 1, nodes: [], wiped: false })
        else await out.note(`there is no cluster in ${directory}: nothing to stop`)
        return
      }
      const nodes = await cluster.stopNodes(directory)
      const wiped = options.wipe === true && cluster.wipeCluster(directory)
      if (out.structured) {
        await out.json({ schema: 1, nodes, wiped })
        return
      }
      for (const { id, how } of nodes) await out.line(`${id} ${describe(how)}`)
      if (wiped) await out.note(`${file.dataDirectory} was wiped`)
    })
  return addExamples(command, [
    ['stop, and go on later with cluster up', 'quorate cluster down'],
    ['stop and forget', 'quorate cluster down --wipe'],
  ])
}

function describe(how: 'was stopped' | 'stopped' | 'killed'): string {
  switch (how) {
    case 'was stopped':
      return 'was not running'
    case 'stopped':
      return 'stopped'
    case 'killed':
      return 'did not stop in time and was killed'
    default:
      return unreachable(how)
  }
}
