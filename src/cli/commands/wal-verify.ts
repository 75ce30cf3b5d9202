/** `quorate wal verify`. */
import { Command } from 'commander'
import { addExamples, beginRun } from '../command.ts'
import { exitCodes, type Cli } from '../io.ts'

/** Declares it. */
export function walVerifyCommand(cli: Cli): Command {
  const command = new Command('verify')
    .summary('check a log and its vote file')
    .description(
      'Reads a whole log and the vote file beside it, and checks them by the rules by which a ' +
        'node checks them at its start. Exits with 7 if there is damage, and names file and ' +
        'offset. A last flush that a crash cut short is no damage; it is told.',
    )
    .argument('<data-dir>', 'the data directory of a node')
    .action(async (path: string) => {
      const run = beginRun(cli, command)
      const { out } = run
      const [{ damageOf, openLog, remarksOf, summaryText, walDocument }, { summarise }] =
        await Promise.all([import('../wal-log.ts'), import('../wal-summary.ts')])
      const log = await openLog(run, path)
      const summary = await summarise(log.items)
      const damage = damageOf(summary, log.inUse)
      if (out.structured) {
        const { segments: _, ...document } = walDocument(log, summary)
        await out.json(document)
        if (damage !== undefined) cli.exitCode = exitCodes.violation
        return
      }
      for (const remark of remarksOf(summary, log.inUse)) await out.note(remark)
      if (damage !== undefined) throw damage
      await out.line(`${out.paint('good', 'whole')}: ${summaryText(summary)}`)
    })
  return addExamples(command, [
    ['a node of the local cluster', 'quorate wal verify .quorate/n1'],
    ['before a disk is trusted again', 'quorate wal verify /var/lib/quorate'],
  ])
}
