/** `quorate cluster resume`. */
import type { Command } from 'commander'
import { dataDirFlag, localCommand, withCluster } from '../cluster-command.ts'
import { exitCodes, type Cli } from '../io.ts'

/** Declares it. */
export function clusterResumeCommand(cli: Cli): Command {
  const command = localCommand(
    'resume',
    'let a paused node go on',
    'Lets a node go on that was stopped with cluster pause. One that runs is left as it is.',
  )
    .argument('<node>', 'n1, n2, …')
    .action((name: string) =>
      withCluster(cli, command, async (run, file) => {
        const { out } = run
        const { resolveNode, resumeNode } = await import('../../cluster/index.ts')
        const node = await resolveNode(file, name)
        const resumed = resumeNode(node)
        if (out.structured) {
          await out.json({ schema: 1, node: node.id, pid: resumed ? node.pid : null, resumed })
        } else {
          await out.line(`${node.id} ${resumed ? `runs (process ${node.pid})` : 'is not running'}`)
          if (!resumed)
            await out.note(`next: quorate cluster restart${dataDirFlag(run, file)} ${node.id}`)
        }
        if (!resumed) cli.exitCode = exitCodes.unavailable
      }),
    )
  return command
}
