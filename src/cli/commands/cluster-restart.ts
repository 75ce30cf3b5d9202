/** `quorate cluster restart`. */
import type { Command } from 'commander'
import { localCommand, withCluster } from '../cluster-command.ts'
import { addExamples } from '../command.ts'
import type { Cli } from '../io.ts'

/** Declares it. */
export function clusterRestartCommand(cli: Cli): Command {
  const command = localCommand(
    'restart',
    'stop and start a node, or start a dead one',
    'Stops a node in good order and starts it again, or starts one that is not running. Returns ' +
      'once it answers; it may then still be catching up.',
  )
    .argument('<node>', 'n1, n2, …, or leader')
    .action((name: string) =>
      withCluster(cli, command, async ({ out }, file) => {
        const { requireClusterFile, resolveNode, startNodes, stopGraceMs, stopNode } =
          await import('../../cluster/index.ts')
        const node = await resolveNode(file, name)
        const how = await stopNode(node, stopGraceMs)
        await startNodes(file.dataDirectory, [node.id])
        const after = requireClusterFile(file.dataDirectory)
        const pid = after.nodes.find(({ id }) => id === node.id)?.pid ?? null
        if (out.structured) {
          await out.json({ schema: 1, node: node.id, pid, wasRunning: how !== 'was stopped' })
          return
        }
        const again = how === 'was stopped' ? 'was started' : 'was restarted'
        await out.line(`${node.id} ${again} (process ${pid})`)
      }),
    )
  return addExamples(command, [['bring back a node that was killed', 'quorate cluster restart n2']])
}
