/** The options that every command takes, before or after its name. */
import { Option, type Command } from 'commander'
import type { Consistency } from '../client/index.ts'
import { parseDuration, parseEndpoints } from './parsers.ts'

/** How data is printed. */
export type OutputFormat = 'table' | 'json' | 'ndjson' | 'raw'
export const outputFormats = ['table', 'json', 'ndjson', 'raw'] as const

/** The global options as parsed; undefined: not given. */
export interface GlobalOptions {
  readonly endpoints?: readonly string[]
  readonly timeout?: number
  readonly consistency?: Consistency
  readonly output?: OutputFormat
  readonly color: boolean
}

/** Adds them to the program. */
export function addGlobalOptions(program: Command): void {
  program
    .addOption(
      new Option(
        '-e, --endpoints <list>',
        'client addresses of the nodes, separated by commas (default: those of the local ' +
          'cluster.json, else 127.0.0.1:7101 to 7103; env: QUORATE_ENDPOINTS)',
      ).argParser(parseEndpoints),
    )
    .addOption(
      new Option(
        '--timeout <duration>',
        'time that a call may take over all its attempts (default: 5s)',
      ).argParser(parseDuration),
    )
    .addOption(
      new Option(
        '--consistency <level>',
        'linearizable (as of now) or stale (what the asked node has; with one endpoint, exactly ' +
          'that node) (default: linearizable)',
      ).choices(['linearizable', 'stale']),
    )
    .addOption(
      new Option(
        '-o, --output <format>',
        'table, json (one document), ndjson (one document a line) or raw (bytes as they are) ' +
          '(default: table; of get: raw)',
      ).choices([...outputFormats]),
    )
    .addOption(new Option('--no-color', 'no colours (env: NO_COLOR)'))
}
