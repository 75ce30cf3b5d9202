/** `quorate snapshot inspect`. */
import { Command } from 'commander'
import { addExamples, beginRun } from '../command.ts'
import type { Cli } from '../io.ts'

/** Declares it. */
export function snapshotInspectCommand(cli: Cli): Command {
  const command = new Command('inspect')
    .summary('show what a snapshot file holds')
    .description(
      'Shows of which cluster and which moment a snapshot file is, and how much is in it. The ' +
        'figures are counted, so that the whole file is read and checked as verify does.',
    )
    .argument('<file>', 'a file that snapshot save wrote')
    .action(async (file: string) => {
      const run = beginRun(cli, command)
      const { readSnapshot } = await import('../snapshot-file.ts')
      const info = await readSnapshot(run, file)
      const { printSnapshot, snapshotDocument } = await import('../snapshot-output.ts')
      const { fileBytes } = info
      if (run.out.structured) {
        await run.out.json({ schema: 1, ...snapshotDocument(file, info), fileBytes })
      } else await printSnapshot(run.out, info, fileBytes)
    })
  return addExamples(command, [
    ['what is in it', 'quorate snapshot inspect backup.snap'],
    ['its revision, for a script', 'quorate snapshot inspect backup.snap -o json | jq .revision'],
  ])
}
