/** `quorate cluster logs`. */
import { Option, type Command } from 'commander'
import type { NodeRecord } from '../../cluster/index.ts'
import { localCommand, withCluster } from '../cluster-command.ts'
import { addExamples } from '../command.ts'
import type { Cli } from '../io.ts'
import { describeLogLine, logTime } from '../log-lines.ts'
import type { Output } from '../output.ts'
import { parseCount } from '../parsers.ts'

interface LogsOptions {
  readonly follow?: boolean
  readonly lines?: number
}

const linesDefault = 20

/** Declares it. */
export function clusterLogsCommand(cli: Cli): Command {
  const command = localCommand(
    'logs',
    "print the nodes' logs",
    "Prints the last lines of the nodes' logs, in the order of time. With -o raw or ndjson the " +
      'lines are printed as they stand.',
  )
    .argument('[node]', 'n1, n2, …, or leader (default: all)')
    .option('-f, --follow', 'go on with what is written from now on, until Ctrl-C')
    .addOption(
      new Option('-n, --lines <n>', `of each node this many (default: ${linesDefault})`).argParser(
        parseCount,
      ),
    )
    .action((name: string | undefined, options: LogsOptions) =>
      withCluster(cli, command, async ({ out, io }, file) => {
        const { followLogs, LogTail, resolveNode } = await import('../../cluster/index.ts')
        const { lines: count = linesDefault, follow: isFollowing = false } = options
        const nodes = name === undefined ? file.nodes : [await resolveNode(file, name)]
        const tails = nodes.map((node) => ({ node, tail: new LogTail(node.logFile) }))
        const dated = tails.flatMap(({ node, tail }) => {
          const whole = tail.last(count)
          const lines = isFollowing || count === 0 ? whole : [...whole, ...tail.unfinished()]
          // Lines without a time (a stack trace, say) stay behind the one that they follow.
          let time = ''
          return lines.slice(-count).map((line) => {
            time = logTime(line) ?? time
            return { node, line, time }
          })
        })
        dated.sort((a, b) => (a.time < b.time ? -1 : Number(a.time > b.time)))
        for (const { node, line } of dated) await printLine(out, node, line)
        if (!isFollowing) return
        const onLine = async (index: number, line: string): Promise<void> => {
          const node = nodes[index]
          if (node !== undefined) await printLine(out, node, line)
        }
        await followLogs(
          tails.map(({ tail }) => tail),
          onLine,
          io.signal,
        )
      }),
    )
  return addExamples(command, [
    ['what the leader does', 'quorate cluster logs leader -f'],
    ['for a program', 'quorate cluster logs -o ndjson | jq .message'],
  ])
}

async function printLine(out: Output, node: NodeRecord, line: string): Promise<void> {
  const asIs = out.format === 'raw' || out.structured
  await out.line(asIs ? line : describeLogLine(line, node.id, out.paint))
}
