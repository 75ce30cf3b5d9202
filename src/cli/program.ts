/** The program: all commands, declared; what they do is loaded when they run. */
import { Command } from 'commander'
import { checkCommand } from './commands/check.ts'
import { chaosCommand } from './commands/chaos.ts'
import { clusterCommand } from './commands/cluster.ts'
import { collectCommand } from './commands/collect.ts'
import { delCommand } from './commands/del.ts'
import { demoCommand } from './commands/demo.ts'
import { digestCommand } from './commands/digest.ts'
import { doctorCommand } from './commands/doctor.ts'
import { getCommand } from './commands/get.ts'
import { leaderCommand } from './commands/leader.ts'
import { memberCommand } from './commands/member.ts'
import { nodeCommand } from './commands/node.ts'
import { putCommand } from './commands/put.ts'
import { scanCommand } from './commands/scan.ts'
import { settingsCommand } from './commands/settings.ts'
import { snapshotCommand } from './commands/snapshot.ts'
import { statusCommand } from './commands/status.ts'
import { verdictCommand } from './commands/verdict.ts'
import { walCommand } from './commands/wal.ts'
import { groups } from './command.ts'
import { addGlobalOptions } from './globals.ts'
import type { Cli } from './io.ts'
import { wantsColour } from './output.ts'

/** Builds it. `colour`: colours are allowed. */
export function createProgram(cli: Cli, colour: boolean): Command {
  const { stdout, stderr, env } = cli.io
  const program = new Command('quorate')
    .description(
      'A quorum key-value store: Raft over a write-ahead log, exactly-once writes by token.',
    )
    .version(cli.io.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help; every command has its own')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text, () => {}),
      writeErr: (text) => void stderr.write(text, () => {}),
      // Errors are told in one place, in words or in JSON.
      outputError: () => {},
      getOutHasColors: () => wantsColour(stdout, env, colour),
      getErrHasColors: () => wantsColour(stderr, env, colour),
      getOutHelpWidth: () => Math.min(stdout.columns ?? 100, 100),
      getErrHelpWidth: () => Math.min(stderr.columns ?? 100, 100),
    })
    .configureHelp({
      showGlobalOptions: true,
      // Choices and defaults stand in the descriptions already, in words.
      optionDescription: (option) => option.description,
      argumentDescription: (argument) => argument.description,
      styleTitle: (title) => `\u001b[1m${title}\u001b[22m`,
      styleCommandText: (text) => `\u001b[36m${text}\u001b[39m`,
      styleSubcommandText: (text) => `\u001b[36m${text}\u001b[39m`,
      styleOptionText: (text) => `\u001b[36m${text}\u001b[39m`,
    })
  addGlobalOptions(program)
  program.commandsGroup(groups.start)
  program.addCommand(demoCommand(cli)).addCommand(clusterCommand(cli))
  for (const create of [putCommand, getCommand, delCommand, scanCommand]) {
    program.addCommand(create(cli).helpGroup(groups.data))
  }
  for (const create of [verdictCommand, collectCommand]) {
    program.addCommand(create(cli).helpGroup(groups.data))
  }
  for (const create of [
    statusCommand,
    doctorCommand,
    memberCommand,
    leaderCommand,
    snapshotCommand,
    digestCommand,
    settingsCommand,
    nodeCommand,
    walCommand,
  ]) {
    program.addCommand(create(cli).helpGroup(groups.cluster))
  }
  program.addCommand(checkCommand(cli).helpGroup(groups.checks))
  program.addCommand(chaosCommand(cli).helpGroup(groups.checks))
  program.helpCommand('help [command]', 'print the help of a command')
  program.addHelpText('after', footer)
  inheritSettings(program)
  return program
}

const footer = `
Three commands to begin with:
  quorate cluster up               a cluster of three nodes on this machine
  quorate put hello world          a record, stored by a majority (in another terminal)
  quorate cluster kill leader      and watch the others carry on

Exit codes: 0 ok, 1 unexpected, 2 usage, 3 not found, 4 conflict or mismatch, 5 unavailable,
6 outcome unknown, 7 a check found a violation, 130 and 143 interrupted.`

/** Commands that are added ready-made take their parent's settings only when told to. */
function inheritSettings(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command)
    inheritSettings(child)
  }
}
