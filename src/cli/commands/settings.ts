/** `quorate settings list` and `quorate settings set`. */
import { Argument, Command } from 'commander'
import type { SettingName, Settings } from '../../command/index.ts'
import { usageError } from '../../errors.ts'
import { addExamples, beginRun, dataDirOption, withClient, type ClientOptions } from '../command.ts'
import type { Cli } from '../io.ts'
import { parseCount, parseDuration } from '../parsers.ts'
import { renderTable } from '../table.ts'

/** What they mean, and the list of their names; the compiler holds that none is missing. */
const meanings: Readonly<Record<SettingName, string>> = {
  clusterVersion: 'the commands that every member understands; it only goes up',
  tokenRetentionMs: 'how long tokens are remembered',
  sessionExpiryMs: "after how long without a write a client's session ends",
  tokensMax: 'tokens remembered at most; further ones are refused',
  sessionsMax: 'sessions open at most; further ones are refused',
}

const names: readonly string[] = Object.keys(meanings)

/** Declares the group. */
export function settingsCommand(cli: Cli): Command {
  return new Command('settings')
    .summary('list and change settings of the cluster')
    .description(
      'Settings of the cluster as a whole. They are changed by an entry in the log, so that all ' +
        'nodes change them at the same point.',
    )
    .addCommand(listCommand(cli))
    .addCommand(setCommand(cli))
}

function listCommand(cli: Cli): Command {
  const command = new Command('list')
    .summary('print all settings')
    .description('Prints all settings with their values.')
    .addOption(dataDirOption())
    .action(async (options: ClientOptions) => {
      const run = beginRun(cli, command)
      const { out } = run
      const settings = await withClient(run, { ...options, reading: true }, (client) =>
        client.settings({ signal: run.io.signal }),
      )
      if (out.structured) {
        await out.json({ schema: 1, settings })
        return
      }
      const rows = Object.keys(meanings)
        .filter(isSettingName)
        .map((name) => [out.paint('name', name), valueText(name, settings), meanings[name]])
      const columns = [{ title: 'SETTING' }, { title: 'VALUE' }, { title: 'MEANING' }]
      const lines = renderTable(columns, rows, (title) => out.paint('faint', title))
      for (const line of lines) await out.line(line)
    })
  return command
}

function setCommand(cli: Cli): Command {
  const command = new Command('set')
    .summary('change a setting')
    .description('Changes a setting on all nodes.')
    .addArgument(new Argument('<name>', 'the setting').choices(names))
    .argument('<value>', 'a whole number; for a time also 90s, 15m, 24h or 7d')
    .addOption(dataDirOption())
    .action(async (name: string, text: string, options: ClientOptions) => {
      const run = beginRun(cli, command)
      if (!isSettingName(name)) throw usageError(`there is no setting ${name}`)
      const value = name.endsWith('Ms') ? parseDuration(text) : parseCount(text)
      cli.writing = true
      await withClient(run, options, (client) =>
        client.setSetting(name, value, { signal: run.io.signal }),
      )
      if (run.out.structured) await run.out.json({ schema: 1, name, value })
      else await run.out.line(`${name} is now ${value}`)
    })
  return addExamples(command, [
    ['remember tokens for a week', 'quorate settings set tokenRetentionMs 7d'],
  ])
}

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(meanings, name)
}

function valueText(name: SettingName, settings: Settings): string {
  const value = settings[name]
  if (!name.endsWith('Ms')) return `${value}`
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const
  const unit = units.find(([, ms]) => value >= ms && value % ms === 0)
  return unit === undefined ? `${value} (ms)` : `${value} (${value / unit[1]}${unit[0]})`
}
