/** `quorate snapshot save`. */
import { resolve } from 'node:path'
import { Command } from 'commander'
import { addExamples, beginRun, dataDirOption, withClient, type ClientOptions } from '../command.ts'
import type { Cli } from '../io.ts'
import { byteSize } from '../table.ts'

/** How long one part may take, unless `--timeout` says otherwise; there are four in a MiB. */
const partMs = 30_000

/** Declares it. */
export function snapshotSaveCommand(cli: Cli): Command {
  const command = new Command('save')
    .summary('write a backup file')
    .description(
      'Writes the whole state of the cluster, as one node has it at one moment, into one file: ' +
        'records, tokens, sessions, settings. The node goes on serving. The file is checked while ' +
        'it is written, and has its name only once it is whole and durable. With one endpoint it ' +
        'is that node that is read, else one that answers fast; a follower may lag a little ' +
        'behind. --timeout bounds each part, not the whole.',
    )
    .argument('<file>', 'where to; a file that is there is replaced')
    .addOption(dataDirOption())
    .action(async (file: string, options: ClientOptions) => {
      const run = beginRun(cli, command)
      const { out, io } = run
      const [{ saveSnapshot }, { realDisk, realRandom }, { monotonicTime }] = await Promise.all([
        import('../../backup/index.ts'),
        import('../../system/index.ts'),
        import('../../cluster/index.ts'),
      ])
      const [{ progressTeller }, { throttled }, { contentText, snapshotDocument }] =
        await Promise.all([
          import('../progress.ts'),
          import('../snapshot-file.ts'),
          import('../snapshot-output.ts'),
        ])
      const teller = progressTeller(out)
      const saved = await withClient(run, { ...options, pinOne: true }, async (client) => {
        try {
          const source = await client.exportSnapshot({
            timeout: run.globals.timeout ?? partMs,
            signal: io.signal,
          })
          return await saveSnapshot({
            disk: realDisk,
            random: realRandom,
            file: resolve(io.cwd, file),
            source,
            onProgress: throttled(teller, monotonicTime, 'received'),
          })
        } finally {
          await teller.end()
        }
      })
      const { fileBytes } = saved
      if (out.structured) {
        await out.json({ schema: 1, ...snapshotDocument(file, saved), fileBytes })
        return
      }
      await out.line(`${file}: ${contentText(saved)} (${byteSize(fileBytes)})`)
    })
  return addExamples(command, [
    ['every night', 'quorate snapshot save "backup-$(date +%F).snap"'],
    ['from a certain node, to spare the leader', 'quorate snapshot save b.snap -e 10.0.0.2:7101'],
  ])
}
