/** `quorate cluster pause`. */
import type { Command } from 'commander'
import { dataDirFlag, localCommand, withCluster } from '../cluster-command.ts'
import { addExamples } from '../command.ts'
import { exitCodes, type Cli } from '../io.ts'

/** Declares it. */
export function clusterPauseCommand(cli: Cli): Command {
  const command = localCommand(
    'pause',
    'stall a node, as a frozen machine would',
    "Stops a node's process with SIGSTOP: its connections stay open and nothing is answered. " +
      'cluster resume lets it go on.',
  )
    .argument('<node>', 'n1, n2, …, or leader')
    .action((name: string) =>
      withCluster(cli, command, async (run, file) => {
        const { out } = run
        const { pauseNode, resolveNode } = await import('../../cluster/index.ts')
        const node = await resolveNode(file, name)
        const paused = pauseNode(node)
        if (out.structured) {
          await out.json({ schema: 1, node: node.id, pid: paused ? node.pid : null, paused })
        } else {
          const text = paused ? `is paused (process ${node.pid})` : 'is not running'
          await out.line(`${node.id} ${text}`)
          if (paused)
            await out.note(`next: quorate cluster resume${dataDirFlag(run, file)} ${node.id}`)
        }
        if (!paused) cli.exitCode = exitCodes.unavailable
      }),
    )
  return addExamples(command, [['a leader that hangs', 'quorate cluster pause leader']])
}
