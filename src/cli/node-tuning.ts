/** How a node is tuned: options that `node start` takes and `cluster up` hands on to its nodes. */
import { Option, type Command } from 'commander'
import type { NodeTuning } from '../cluster/index.ts'
import { logLevels, type LogLevel } from './json-logger.ts'
import {
  parseCount,
  parseDuration,
  parseDurationOrNever,
  parseLogLevel,
  parsePositive,
  parseSize,
  parseSizeOrNone,
} from './parsers.ts'

/** The options as parsed; undefined: not given, and the node's default holds. */
export interface TuningOptions {
  readonly heartbeat?: number
  readonly electionTimeoutMin?: number
  readonly electionTimeoutMax?: number
  readonly logLevel?: LogLevel
  readonly walMax?: number
  readonly walEntries?: number
  readonly walKeep?: number
  readonly freeSpaceFloor?: number
  readonly scrubRate?: number
  readonly auditEvery?: number
}

/** The same under the names of `NodeOptions`. */
export function tuningOf(options: TuningOptions): NodeTuning {
  const { heartbeat, electionTimeoutMin, electionTimeoutMax, logLevel } = options
  const { walMax, walEntries, walKeep, freeSpaceFloor, scrubRate, auditEvery } = options
  return {
    ...(heartbeat !== undefined && { heartbeatMs: heartbeat }),
    ...(electionTimeoutMin !== undefined && { electionTimeoutMinMs: electionTimeoutMin }),
    ...(electionTimeoutMax !== undefined && { electionTimeoutMaxMs: electionTimeoutMax }),
    ...(logLevel !== undefined && { logLevel }),
    ...(walMax !== undefined && { walMaxBytes: walMax }),
    ...(walEntries !== undefined && { walEntriesMax: walEntries }),
    ...(walKeep !== undefined && { walKeepEntries: walKeep }),
    ...(freeSpaceFloor !== undefined && { freeSpaceFloorBytes: freeSpaceFloor }),
    ...(scrubRate !== undefined && { scrubBytesPerSecond: scrubRate }),
    ...(auditEvery !== undefined && { auditEveryMs: auditEvery }),
  }
}

/** Declares them. */
export function addTuningOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--heartbeat <duration>',
        'how often a leader is heard of (default: 50ms)',
      ).argParser(parseDuration),
    )
    .addOption(
      new Option(
        '--election-timeout-min <duration>',
        'after how long without a leader one is elected (default: 300ms)',
      ).argParser(parseDuration),
    )
    .addOption(
      new Option(
        '--election-timeout-max <duration>',
        'the longest such time; each is drawn anew (default: twice the least)',
      ).argParser(parseDuration),
    )
    .addOption(
      new Option('--log-level <level>', `one of ${logLevels.join(', ')} (default: info)`).argParser(
        parseLogLevel,
      ),
    )
    .addOption(
      new Option(
        '--wal-max <size>',
        'bytes that the log may take, or, while a node fetches a snapshot, up to four times as ' +
          'many, or as many as that has; from half of it on it is compacted (default: 512MiB, or ' +
          'a quarter of a smaller disk)',
      ).argParser(parseSize),
    )
    .addOption(
      new Option(
        '--wal-entries <n>',
        'the same for the number of its entries (default: 10,000,000)',
      ).argParser(parsePositive),
    )
    .addOption(
      new Option(
        '--wal-keep <n>',
        'newest entries that are kept for slow followers, where there is room (default: 10,000)',
      ).argParser(parseCount),
    )
    .addOption(
      new Option(
        '--free-space-floor <size>',
        'with less free on the disk writes are refused; 0: never (default: 128MiB, or half ' +
          'of a smaller disk)',
      ).argParser(parseSizeOrNone),
    )
    .addOption(
      new Option(
        '--scrub-rate <size>',
        'how much of the stored records is read a second, to find rot; 0: nothing (default: 1MiB)',
      ).argParser(parseSizeOrNone),
    )
    .addOption(
      new Option(
        '--audit-every <duration>',
        'how often the leader has the copies of all nodes compared; 0: never (default: 1h)',
      ).argParser(parseDurationOrNever),
    )
}
