/** `quorate get`. */
import { Command } from 'commander'
import {
  addExamples,
  argumentBytes,
  beginRun,
  dataDirOption,
  withClient,
  type ClientOptions,
} from '../command.ts'
import type { Cli } from '../io.ts'
import { bytesOf, describeBytes, keyField, valueField } from '../json-shapes.ts'
import type { Output } from '../output.ts'
import { NotFound } from '../problem.ts'
import { printable, renderTable } from '../table.ts'

/** Declares it. */
export function getCommand(cli: Cli): Command {
  const command = new Command('get')
    .summary('print a record')
    .description(
      'Prints the value as it was stored, byte for byte; at a terminal a line end follows. ' +
        'Exits with 3 if there is no record.',
    )
    .argument('<key>', 'the key')
    .addOption(dataDirOption())
    .action(async (key: string, options: ClientOptions) => {
      const run = beginRun(cli, command)
      const entry = await withClient(run, { ...options, reading: true }, (client) =>
        client.entry(argumentBytes(key), { signal: run.io.signal }),
      )
      if (entry === undefined) {
        throw new NotFound(`there is no record at ${printable(key)}`, 'quorate scan --keys-only')
      }
      await print(run.out, {
        key: bytesOf(entry.key),
        value: bytesOf(entry.value),
        revision: entry.revision,
        readRevision: entry.readRevision,
      })
    })
  return addExamples(command, [
    ['the bytes', 'quorate get report > report.pdf'],
    ['with its revision', 'quorate get config -o json'],
    [
      'what one node has, without asking the others',
      'quorate get config --consistency stale -e 127.0.0.1:7102',
    ],
  ])
}

interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly revision: number
  readonly readRevision: number
}

async function print(out: Output, entry: Entry): Promise<void> {
  const { key, value, revision, readRevision } = entry
  if (out.structured) {
    await out.json({ schema: 1, ...keyField(key), ...valueField(value), revision, readRevision })
  } else if (out.format === 'table') {
    const row = [printable(describeBytes(key)), `${revision}`, printable(describeBytes(value))]
    const columns = [{ title: 'KEY' }, { title: 'REVISION' }, { title: 'VALUE' }]
    for (const line of renderTable(columns, [row])) await out.line(line)
  } else {
    await out.write(value)
    // Only for the eye: a program gets the bytes and nothing else.
    if (out.stdoutIsTty) await out.write('\n')
  }
}
