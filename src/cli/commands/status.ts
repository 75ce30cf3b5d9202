/** `quorate status`. */
import { Command } from 'commander'
import type { ClusterView } from '../../cluster/index.ts'
import { QuorateError } from '../../errors.ts'
import { addExamples, beginRun, dataDirOption, type ClientOptions, type Run } from '../command.ts'
import { exitCodes, type Cli } from '../io.ts'
import { viewOf } from '../view.ts'

/** Declares it. */
export function statusCommand(cli: Cli): Command {
  const command = new Command('status')
    .summary('show every node')
    .description(
      'Shows every node: its role and term, how far it has committed and applied, and whether it ' +
        'is ready to serve. Works with any number of nodes down, and says which and why. Exits ' +
        'with 5 only if no node answered.',
    )
    .addOption(dataDirOption())
    .action(async (options: ClientOptions) => {
      const run = beginRun(cli, command)
      const view = await viewOf(run, options)
      cli.exitCode = await printStatus(run, view)
    })
  return addExamples(command, [
    ['the local cluster, or the one of QUORATE_ENDPOINTS', 'quorate status'],
    ["one node's own view", 'quorate status -e 127.0.0.1:7102 --consistency stale'],
    ['for a script', 'quorate status -o json | jq -r .leader'],
  ])
}

/** Prints a view in the format asked for; returns the exit code. */
export async function printStatus(run: Run, view: ClusterView): Promise<number> {
  const { out } = run
  const { statusDocument, nodeDocument, statusLines, summaryLine, remarkLines } =
    await import('../status-output.ts')
  if (out.format === 'json') await out.json(statusDocument(view))
  else if (out.format === 'ndjson')
    for (const node of view.nodes) await out.json(nodeDocument(node))
  else {
    for (const line of statusLines(view, out.paint, out.columns)) await out.line(line)
    await out.note(summaryLine(view, out.paintError))
    for (const line of remarkLines(view, out.paintError)) await out.note(`  ${line}`)
  }
  if (view.nodes.some((node) => node.status !== undefined)) return exitCodes.ok
  if (out.structured) return exitCodes.unavailable
  throw new QuorateError('QUORATE_CONNECTION_LOST', 'no node answers', { outcome: 'not-applied' })
}
