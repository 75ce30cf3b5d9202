/** What commands have in common: how they are declared, and what they get when they run. */
import { Option, type Command } from 'commander'
import type { Client } from '../client/index.ts'
import { findEndpoints } from './endpoints.ts'
import type { GlobalOptions } from './globals.ts'
import type { Cli, Io } from './io.ts'
import { Output } from './output.ts'

/** One run of a command. */
export interface Run {
  readonly io: Io
  readonly out: Output
  readonly globals: GlobalOptions
}

/** Headings of the help. */
export const groups = {
  data: 'Records:',
  cluster: 'Cluster:',
  checks: 'Faults and checks:',
  start: 'Start here:',
} as const

/** Prepares a run from the options that stand before or after the command's name. */
export function beginRun(cli: Cli, command: Command): Run {
  const globals = command.optsWithGlobals<GlobalOptions>()
  const out = new Output(cli.io, { format: globals.output, colour: globals.color })
  return { io: cli.io, out, globals }
}

/** The option by which a client command finds the local cluster. */
export function dataDirOption(): Option {
  return new Option(
    '--data-dir <dir>',
    'directory of the local cluster to talk to (default: ./.quorate)',
  )
}

/** Options of commands that are clients. */
export interface ClientOptions {
  readonly dataDir?: string
}

/** How long a call may take, unless told otherwise. */
export const defaultTimeoutMs = 5_000

/**
 * Runs something with a client, and closes it whatever happens. A `reading` command with one
 * endpoint and stale consistency is answered by exactly that node; one with `pinOne` needs no
 * stale consistency for that.
 */
export async function withClient<T>(
  run: Run,
  options: ClientOptions & { reading?: boolean; pinOne?: boolean },
  action: (client: Client) => Promise<T>,
): Promise<T> {
  const { globals, io } = run
  const { endpoints } = await findEndpoints(io, {
    endpoints: globals.endpoints,
    dataDir: options.dataDir,
  })
  const exactly =
    options.pinOne === true || (options.reading === true && globals.consistency === 'stale')
  const client = await io.connect(endpoints, {
    timeout: globals.timeout ?? defaultTimeoutMs,
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    signal: io.signal,
    ...(globals.consistency !== undefined && { consistency: globals.consistency }),
    ...(exactly && endpoints.length === 1 && { pin: true }),
  })
  try {
    return await action(client)
  } finally {
    await client.close()
  }
}

/** What an example does, and its command line. */
export type Example = readonly [string, string]

const examples = new WeakMap<Command, readonly Example[]>()

/** Adds examples below a command's help. */
export function addExamples(command: Command, given: readonly Example[]): Command {
  examples.set(command, given)
  const lines = given.flatMap(([what, line]) => [`  # ${what}`, `  ${line}`])
  return command.addHelpText('after', ['', 'Examples:', ...lines].join('\n'))
}

/** A command's examples, for the manual. */
export function examplesOf(command: Command): readonly Example[] {
  return examples.get(command) ?? []
}

/** Bytes of an argument. */
export function argumentBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
