/** `quorate snapshot verify`. */
import { Command } from 'commander'
import { addExamples, beginRun } from '../command.ts'
import type { Cli } from '../io.ts'

/** Declares it. */
export function snapshotVerifyCommand(cli: Cli): Command {
  const command = new Command('verify')
    .summary('check a snapshot file')
    .description(
      'Reads a whole snapshot file and checks all that a restore would check: its frames, every ' +
        'row, the counts and the checksum of the whole. Exits with 7 if it is damaged, and names ' +
        'file and offset (in the unzipped bytes, unless it says otherwise).',
    )
    .argument('<file>', 'a file that snapshot save wrote')
    .action(async (file: string) => {
      const { out, ...run } = beginRun(cli, command)
      const { readSnapshot } = await import('../snapshot-file.ts')
      const info = await readSnapshot({ out, ...run }, file)
      const { contentText, snapshotDocument } = await import('../snapshot-output.ts')
      if (out.structured) {
        await out.json({
          schema: 1,
          verdict: 'whole',
          ...snapshotDocument(file, info),
          fileBytes: info.fileBytes,
        })
      } else await out.line(`${out.paint('good', 'whole')}: ${contentText(info)}`)
    })
  return addExamples(command, [
    ['before it is needed', 'quorate snapshot verify backup.snap'],
    ['every file of last night', 'for f in *.snap; do quorate snapshot verify "$f" || break; done'],
  ])
}
