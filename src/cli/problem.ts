/** Errors on their way out: to an exit code, to text for a person, to JSON for a program. */
import { CommanderError } from 'commander'
import { QuorateError, type Outcome } from '../errors.ts'
import { explanations } from './explain.ts'
import { exitCodes } from './io.ts'
import { refusalOf } from './refusals.ts'
import type { Paint } from './output.ts'
import { printable } from './table.ts'

/** An error as it is told. */
export interface Problem {
  readonly code: string
  readonly message: string
  readonly outcome: Outcome
  readonly retryable: boolean
  readonly cause: string | undefined
  readonly next: string | undefined
  readonly exitCode: number
}

/** What was asked for is not there: exit code 3. Not a failure of the store. */
export class NotFound extends Error {
  override readonly name = 'NotFound'
  /** What to do next. */
  readonly next: string

  constructor(message: string, next: string) {
    super(message)
    this.next = next
  }
}

/** What a command that checks found: exit code 7, whatever the code says elsewhere. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly found: QuorateError
  readonly explained: { readonly cause: string; readonly next: string }

  constructor(found: QuorateError, explained: { readonly cause: string; readonly next: string }) {
    super(found.message, { cause: found })
    this.found = found
    this.explained = explained
  }
}

/** Tells what an error means. */
export function problemOf(error: unknown): Problem {
  if (error instanceof QuorateError) return ofQuorateError(error)
  if (error instanceof Violation) {
    const { found, explained } = error
    return { ...ofQuorateError(found), ...explained, exitCode: exitCodes.violation }
  }
  if (error instanceof NotFound) {
    return {
      code: 'QUORATE_NOT_FOUND',
      message: error.message,
      outcome: 'not-applied',
      retryable: false,
      cause: 'it was never stored, or it was deleted',
      next: error.next,
      exitCode: exitCodes.notFound,
    }
  }
  if (error instanceof CommanderError) return ofCommanderError(error)
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const { cause, next } = explanations.QUORATE_INTERNAL
  return {
    code: 'QUORATE_INTERNAL',
    message,
    outcome: 'unknown',
    retryable: false,
    cause,
    next,
    exitCode: exitCodes.unexpected,
  }
}

function ofQuorateError(error: QuorateError): Problem {
  const { exitCode } = explanations[error.code]
  const { cause, next } = refusalOf(error) ?? explanations[error.code]
  return {
    code: error.code,
    message: inCommands(error.message),
    outcome: error.outcome,
    retryable: error.retryable,
    cause,
    next: nextOf(error) ?? next,
    // A script must be able to tell a write in doubt from one that failed, whatever the reason.
    // An error without an attempt is not about a call.
    exitCode: error.outcome === 'unknown' && error.attempts > 0 ? exitCodes.unknown : exitCode,
  }
}

/** The commands for calls of the SDK that have another name there. */
const commandNames: Readonly<Record<string, string>> = {
  delete: 'del',
  setSetting: 'settings set',
  settings: 'settings list',
  transferLeadership: 'leader transfer',
  members: 'member list',
  addMember: 'member add',
  promoteMember: 'member promote',
  removeMember: 'member remove',
  replaceMember: 'member replace',
  updateMember: 'member update',
  exportSnapshot: 'snapshot save',
}

/** The message, which begins with the name of the call, in words of the command line. */
function inCommands(message: string): string {
  return message.replace(/^(\w+): /, (whole, name: string) =>
    Object.hasOwn(commandNames, name) ? `${commandNames[name]}: ` : whole,
  )
}

/** Where the error itself knows better than the table. */
function nextOf(error: QuorateError): string | undefined {
  if (error.outcome === 'unknown' && error.token !== undefined) {
    const token = printable(new TextDecoder().decode(error.token))
    return `quorate verdict ${quoted(token)} tells whether the write took effect`
  }
  return undefined
}

/** As a shell takes it. */
function quoted(text: string): string {
  return /^[\w./:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

const commanderCauses: Readonly<Record<string, string>> = {
  'commander.unknownCommand': 'a misspelled command, or one of another version',
  'commander.unknownOption': 'a misspelled option, or one of another command',
  'commander.missingArgument': 'the command needs more arguments than it was given',
  'commander.optionMissingArgument': 'the option needs a value',
  'commander.excessArguments': 'a value with blanks in it that is not quoted',
  'commander.invalidArgument': 'the value does not have the form that is needed',
  'commander.conflictingOption': 'the options exclude each other',
}

function ofCommanderError(error: CommanderError): Problem {
  return {
    code: 'QUORATE_USAGE',
    message: error.message.replace(/^error: /, ''),
    outcome: 'not-applied',
    retryable: false,
    cause: commanderCauses[error.code] ?? explanations.QUORATE_USAGE.cause,
    next: undefined,
    exitCode: exitCodes.usage,
  }
}

/** The document under `-o json`. */
export function problemDocument(problem: Problem) {
  const { code, message, outcome, retryable } = problem
  return { schema: 1, error: { code, message, outcome, retryable } }
}

/** How a problem is told. */
export interface TellOptions {
  /** The command changes records, so it matters what became of the change. */
  readonly writing: boolean
  /** The command line that prints the help of the command that failed. */
  readonly help: string
  readonly paint: Paint
}

/** What a person reads: what happened, why, and what to do next. */
export function problemText(problem: Problem, options: TellOptions): string {
  const { paint, writing, help } = options
  const next = problem.code === 'QUORATE_USAGE' ? help : problem.next
  const lines = [`${paint('bad', 'error:')} ${problem.message}`]
  const detail = (label: string, text: string): void => {
    lines.push(`  ${paint('faint', label.padEnd(13))} ${text}`)
  }
  if (writing && problem.exitCode !== exitCodes.usage) {
    const inDoubt = problem.outcome === 'unknown'
    detail('effect:', inDoubt ? 'unknown: the write may have happened' : 'none')
  }
  if (problem.cause !== undefined) detail('likely cause:', problem.cause)
  if (next !== undefined) detail('next:', next)
  if (problem.code !== 'QUORATE_USAGE') detail('code:', problem.code)
  return lines.join('\n')
}
