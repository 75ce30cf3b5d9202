/** `quorate digest`. */
import { Command } from 'commander'
import { addExamples, beginRun, dataDirOption, withClient, type ClientOptions } from '../command.ts'
import { exitCodes, type Cli } from '../io.ts'
import type { Output } from '../output.ts'
import { renderTable } from '../table.ts'

/** Every row of every node is read: some 5 s for a million rows on a slow machine. */
const digestTimeoutMs = 120_000

/** Declares it. */
export function digestCommand(cli: Cli): Command {
  const command = new Command('digest')
    .summary("compare the nodes' data")
    .description(
      'Has every node compute a digest of all its records, at one and the same index. Digests ' +
        "that differ mean that a node's data is not what it should be: then it exits with 7. " +
        'Every row is read, so a large cluster takes its time: without --timeout, up to 2 minutes.',
    )
    .addOption(dataDirOption())
    .action(async (options: ClientOptions) => {
      const run = beginRun(cli, command)
      const digest = await withClient(run, options, (client) =>
        client.digest({
          signal: run.io.signal,
          timeout: run.globals.timeout ?? digestTimeoutMs,
        }),
      )
      cli.exitCode = await print(run.out, digest)
    })
  return addExamples(command, [['are all nodes alike?', 'quorate digest']])
}

interface NodeDigest {
  readonly id: string
  readonly effects: string
  readonly rows: string
}

interface MissingDigest {
  readonly endpoint: string
  readonly error: { readonly message: string }
}

interface ClusterDigest {
  readonly index: number
  readonly nodes: readonly (NodeDigest | MissingDigest)[]
}

async function print(out: Output, digest: ClusterDigest): Promise<number> {
  const nodes = digest.nodes.filter((node) => 'id' in node)
  const missing = digest.nodes.filter((node) => 'endpoint' in node)
  const alike = new Set(nodes.map(({ effects, rows }) => `${effects} ${rows}`)).size <= 1
  if (out.structured) {
    await out.json({
      schema: 1,
      index: digest.index,
      nodes: nodes.map(({ id, effects, rows }) => ({ id, effects, rows })),
    })
  } else {
    const columns = [{ title: 'NODE' }, { title: 'EFFECTS' }, { title: 'ROWS' }]
    const rows = nodes.map(({ id, effects, rows }) => [id, effects, rows])
    const lines = renderTable(columns, rows, (title) => out.paint('faint', title))
    for (const line of lines) await out.line(line)
    const verdict = alike ? out.paintError('good', 'alike') : out.paintError('bad', 'DIFFERENT')
    await out.note(`${nodes.length} nodes at index ${digest.index}: ${verdict}`)
  }
  for (const { endpoint, error } of missing) {
    await out.note(`${endpoint} gave no digest: ${error.message}`)
  }
  if (!alike) return exitCodes.violation
  return nodes.length === 0 ? exitCodes.unavailable : exitCodes.ok
}
