// Goal: docs/cli.md says what the commands say, and every command says enough. Method: the page is
// made from the commands and compared; UPDATE=1 writes it.
import type { Command } from 'commander'
import { readFileSync, writeFileSync } from 'node:fs'
import { format, resolveConfig } from 'prettier'
import { describe, expect, test } from 'vitest'
import type { Cli } from '../../src/cli/io.ts'
import { createProgram } from '../../src/cli/program.ts'
import { manual } from './manual.ts'

const stream = { write: () => true }
const cli: Cli = {
  io: {
    stdout: stream,
    stderr: stream,
    stdin: async function* () {},
    env: {},
    cwd: '/',
    version: '1.2.3',
    signal: new AbortController().signal,
    connect: () => Promise.reject(new Error('the manual needs no client')),
  },
  exitCode: 0,
  writing: false,
}
const program = createProgram(cli, false)
const path = new URL('../../docs/cli.md', import.meta.url).pathname

test('docs/cli.md is what the commands say', async () => {
  const config = await resolveConfig(path)
  const page = await format(manual(program), { ...config, filepath: path })
  if (process.env['UPDATE'] === '1') writeFileSync(path, page)
  expect(readFileSync(path, 'utf8')).toBe(page)
})

function all(command: Command): Command[] {
  return [command, ...command.commands.flatMap(all)]
}

describe('every command', () => {
  const commands = all(program)
    .filter((command) => command !== program)
    .map((command): [string, Command] => {
      const { parent } = command
      const group = parent === null || parent === program ? '' : `${parent.name()} `
      return [group + command.name(), command]
    })

  test.each(commands)('%s describes itself, its arguments and its options', (_name, command) => {
    expect(command.summary()).toMatch(/^[a-z].{5,70}[^.]$/)
    expect(command.description()).toMatch(/^[A-Z].*\.$/s)
    for (const option of command.options) expect(option.description).toMatch(/^.{8,}[^.]$/)
    for (const { description, argChoices } of command.registeredArguments) {
      expect(description.length > 5 || argChoices !== undefined).toBe(true)
    }
  })

  test('none has an option that a global one would swallow', () => {
    const globals = new Set(program.options.flatMap(({ short, long }) => [short, long]))
    const clashes = commands.flatMap(([name, command]) =>
      command.options
        .filter(
          ({ short, long }) => globals.has(long) || (short !== undefined && globals.has(short)),
        )
        .map(({ flags }) => `${name}: ${flags}`),
    )
    expect(clashes).toEqual([])
  })
})
