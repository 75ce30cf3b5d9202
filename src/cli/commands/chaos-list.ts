/** `quorate chaos list`. */
import { Command } from 'commander'
import { isChaosModule, type ChaosListing } from '../chaos-module.ts'
import { addExamples, beginRun } from '../command.ts'
import { loadHarness } from '../harness.ts'
import type { Cli } from '../io.ts'
import type { Output } from '../output.ts'
import { renderTable } from '../table.ts'

/** Declares it. */
export function chaosListCommand(cli: Cli): Command {
  const command = new Command('list')
    .summary('show the workloads and the nemeses')
    .description(
      'Shows what a run can do: the workloads, which call and check, and the nemeses, which break ' +
        'things. Of what cannot be had on this machine it says why.',
    )
    .action(async () => {
      const { out } = beginRun(cli, command)
      const harness = await loadHarness('quorate/chaos', isChaosModule)
      const { workloads, nemeses } = await harness.listChaos()
      if (out.structured) {
        await out.json({ schema: 1, workloads, nemeses })
        return
      }
      await printList(out, 'WORKLOAD', workloads)
      await out.line('')
      await printList(out, 'NEMESIS', nemeses)
    })
  return addExamples(command, [
    ['what there is', 'quorate chaos list'],
    ['their names', "quorate chaos list -o json | jq -r '.nemeses[].name'"],
  ])
}

async function printList(
  out: Output,
  title: string,
  entries: readonly ChaosListing[],
): Promise<void> {
  const rows = entries.map(({ name, about, unavailable }) => [
    out.paint('name', name),
    unavailable === undefined ? about : out.paint('faint', `not here: ${unavailable}`),
  ])
  const columns = [{ title }, { title: 'ABOUT' }]
  const lines = renderTable(columns, rows, (text) => out.paint('faint', text))
  for (const line of lines) await out.line(line)
}
