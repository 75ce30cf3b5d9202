/** `quorate cluster kill`. */
import type { Command } from 'commander'
import { dataDirFlag, localCommand, withCluster } from '../cluster-command.ts'
import { addExamples } from '../command.ts'
import type { Cli } from '../io.ts'

/** Declares it. */
export function clusterKillCommand(cli: Cli): Command {
  const command = localCommand(
    'kill',
    'kill a node, as a power cut would',
    "Kills a node's process with SIGKILL: it gets no chance to tidy up. What was acknowledged " +
      'survives; cluster restart brings the node back.',
  )
    .argument('<node>', 'n1, n2, …, or leader')
    .action((name: string) =>
      withCluster(cli, command, async (run, file) => {
        const { out } = run
        const { killNode, resolveNode } = await import('../../cluster/index.ts')
        const node = await resolveNode(file, name)
        const killed = await killNode(node)
        if (out.structured) {
          await out.json({ schema: 1, node: node.id, pid: killed ? node.pid : null, killed })
          return
        }
        const role = name === 'leader' ? ', the leader,' : ''
        const text = killed ? `was killed (process ${node.pid})` : 'was not running'
        await out.line(`${node.id}${role} ${text}`)
        if (killed)
          await out.note(`next: quorate cluster restart${dataDirFlag(run, file)} ${node.id}`)
      }),
    )
  return addExamples(command, [['and watch another one take over', 'quorate cluster kill leader']])
}
