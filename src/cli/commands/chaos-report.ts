/** `quorate chaos report`. */
import { resolve } from 'node:path'
import { Command } from 'commander'
import { isChaosModule } from '../chaos-module.ts'
import { addExamples, beginRun } from '../command.ts'
import { loadHarness } from '../harness.ts'
import type { Cli } from '../io.ts'

/** Declares it. */
export function chaosReportCommand(cli: Cli): Command {
  const command = new Command('report')
    .summary('draw the report of a run anew')
    .description(
      'Draws report.html from the run.json and the history.jsonl of a run, for example with a ' +
        'newer version than the one that ran it. Nothing is checked anew: quorate check does that.',
    )
    .argument('<directory>', "the run's directory: what --out named")
    .action(async (directory: string) => {
      const { out, io } = beginRun(cli, command)
      const harness = await loadHarness('quorate/chaos', isChaosModule)
      const report = await harness.writeReport(resolve(io.cwd, directory))
      if (out.structured) await out.json({ schema: 1, report })
      else await out.line(report)
    })
  return addExamples(command, [['after an update', 'quorate chaos report chaos-20260131-120000']])
}
