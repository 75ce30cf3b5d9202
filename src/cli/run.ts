/** One invocation from its arguments to its exit code. */
import { CommanderError, type Command } from 'commander'
import { usageError } from '../errors.ts'
import type { Cli, Io } from './io.ts'
import { exitCodes } from './io.ts'
import { Output } from './output.ts'
import { outputFormats, type OutputFormat } from './globals.ts'
import { problemDocument, problemOf, problemText } from './problem.ts'
import { createProgram } from './program.ts'

/** Runs the command line `arguments_` (without the program's own name). Never rejects. */
export async function runCli(arguments_: readonly string[], io: Io): Promise<number> {
  const cli: Cli = { io, exitCode: exitCodes.ok, writing: false }
  const program = createProgram(cli, !arguments_.includes('--no-color'))
  try {
    checkArguments(arguments_)
    await program.parseAsync(arguments_, { from: 'user' })
    return cli.exitCode
  } catch (error) {
    if (error instanceof CommanderError && isHelp(error)) return helpExitCode(error)
    const problem = problemOf(error)
    const out = new Output(io, {
      format: formatOf(arguments_),
      colour: !arguments_.includes('--no-color'),
    })
    // An interrupted command says something only if a write was left in doubt by it.
    const interrupted = io.signal.aborted && problem.code === 'QUORATE_ABORTED'
    if (!interrupted || (cli.writing && problem.outcome === 'unknown')) {
      const text = out.structured
        ? JSON.stringify(problemDocument(problem))
        : problemText(problem, {
            writing: cli.writing,
            help: helpLine(program, arguments_),
            paint: out.paintError,
          })
      await out.note(text)
    }
    return problem.exitCode
  }
}

/**
 * Node replaces what is not UTF-8 before anyone sees it: two keys would become one, and a record
 * would be stored, or removed, that was not meant.
 */
function checkArguments(arguments_: readonly string[]): void {
  const replaced = arguments_.find((argument) => argument.includes('\uFFFD'))
  if (replaced === undefined) return
  throw usageError(
    `the argument ${JSON.stringify(replaced)} is not valid UTF-8: a value can come on stdin, ` +
      'keys and tokens of other bytes take the SDK',
  )
}

/** The command line that prints the help of the command that was meant. */
function helpLine(program: Command, arguments_: readonly string[]): string {
  const words = [program.name()]
  let command = program
  for (const argument of arguments_) {
    const child = command.commands.find(
      (candidate) => candidate.name() === argument || candidate.aliases().includes(argument),
    )
    if (child === undefined) continue
    words.push(child.name())
    command = child
  }
  return [...words, '--help'].join(' ')
}

function isHelp(error: CommanderError): boolean {
  return ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(error.code)
}

/** Help that was asked for is no error; a command line without a command is one. */
function helpExitCode(error: CommanderError): number {
  return error.code === 'commander.help' && error.exitCode !== 0 ? exitCodes.usage : exitCodes.ok
}

/** The format asked for, even on a command line that cannot be parsed as a whole. */
export function formatOf(arguments_: readonly string[]): OutputFormat | undefined {
  const end = arguments_.indexOf('--')
  const options = end < 0 ? arguments_ : arguments_.slice(0, end)
  let found: string | undefined
  for (const [i, argument] of options.entries()) {
    if (argument === '-o' || argument === '--output') found = options[i + 1]
    else if (argument.startsWith('--output=')) found = argument.slice('--output='.length)
    else if (/^-o./.test(argument)) found = argument.slice(2)
  }
  return outputFormats.find((format) => format === found)
}
