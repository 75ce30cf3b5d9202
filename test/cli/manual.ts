/** The manual, made from the commands themselves. */
import type { Argument, Command, Option } from 'commander'
import { examplesOf } from '../../src/cli/command.ts'

/** `docs/cli.md`. */
export function manual(program: Command): string {
  const commands = program.commands.flatMap((command) => leaves(command, []))
  return `${[
    '# Command line',
    '',
    'This page is made from the commands themselves; `UPDATE=1 npx vitest run test/cli/manual` ' +
      'makes it anew.',
    '',
    program.description(),
    '',
    ...commands.map(([words]) => `- [\`quorate ${words}\`](#${anchor(words)})`),
    '',
    '## Options of every command',
    '',
    'They stand before or after the command.',
    '',
    ...table(['option', 'meaning'], program.options.map(optionRow)),
    '',
    ...conventions,
    ...commands.flatMap(([words, command]) => section(words, command)),
  ]
    .join('\n')
    .trimEnd()}\n`
}

const conventions = [
  '## Output',
  '',
  "Data goes to stdout, people's text to stderr. `-o json` prints one document with `schema` (1 " +
    'today), `-o ndjson` one document a line, `-o raw` bytes as they are. A key or a value that ' +
    'is not UTF-8 comes as `keyBase64` or `valueBase64`. Under `-o json` and `-o ndjson` an error ' +
    'is a document on stderr: `{ schema, error: { code, message, outcome, retryable } }`, where ' +
    '`outcome` is `not-applied` (surely without effect) or `unknown`.',
  '',
  '## Exit codes',
  '',
  ...table(
    ['code', 'meaning'],
    [
      ['0', 'ok'],
      [
        '1',
        'unexpected: a bug, a file or a disk that fails the command or its node, a port or ' +
          'directory in use, a failed chaos run',
      ],
      ['2', 'usage: the command line cannot be meant'],
      ['3', 'not found: no record, or no write with this token'],
      ['4', 'conflict, mismatch, or a condition that failed'],
      [
        '5',
        'unavailable: no node, no quorum, too much load, or a leader whose disk is nearly full',
      ],
      ['6', 'unknown: the write may have happened, or a check could not tell'],
      ['7', 'a check found a violation or damage, or doctor something critical'],
      ['130, 143', 'interrupted by SIGINT or SIGTERM'],
    ],
  ),
  '',
  'What the commands `chaos` and `check` do is told at length in [chaos.md](chaos.md); which ' +
    'commands help when something happens to a cluster, in [operations.md](operations.md).',
  '',
]

function leaves(command: Command, path: readonly string[]): [string, Command][] {
  const words = [...path, command.name()]
  const own: [string, Command] = [words.join(' '), command]
  if (command.commands.length === 0) return [own]
  return command.commands.flatMap((child) => leaves(child, words))
}

function section(words: string, command: Command): string[] {
  const examples = examplesOf(command)
  const lines = [`## quorate ${words}`, '', command.description(), '']
  lines.push('```', `quorate ${words} ${command.usage()}`, '```', '')
  const rows = [
    ...command.registeredArguments.map(argumentRow),
    ...command.options.filter((option) => !option.hidden).map(optionRow),
  ]
  if (rows.length > 0) lines.push(...table(['argument or option', 'meaning'], rows), '')
  if (examples.length > 0) {
    const shell = examples.flatMap(([what, line]) => [`# ${what}`, line])
    lines.push('```sh', ...shell, '```', '')
  }
  return lines
}

function argumentRow(argument: Argument): [string, string] {
  const name = argument.required ? `<${argument.name()}>` : `[${argument.name()}]`
  const choices = argument.argChoices?.join(', ')
  const described = argument.description === '' ? undefined : argument.description
  return [`\`${name}\``, [described, choices && `one of ${choices}`].filter(Boolean).join('; ')]
}

function optionRow(option: Option): [string, string] {
  return [`\`${option.flags}\``, option.description]
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = (row: readonly string[]): string =>
    `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [cells(titles), cells(titles.map(() => '---')), ...rows.map(cells)]
}

function anchor(words: string): string {
  return `quorate-${words.replaceAll(' ', '-')}`
}
