/** Log lines for machines: one JSON object a line. */
import type { Logger, LogFields } from '../logger.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
/** How much a node says. */
export type LogLevel = (typeof logLevels)[number]

/** A logger that writes what is at `level` or above it. */
export function jsonLogger(options: {
  readonly level: LogLevel
  readonly wall: () => number
  readonly write: (line: string) => void
  /** Fields that every line carries. */
  readonly fields?: LogFields
}): Logger {
  const { wall, write, fields: common } = options
  const at =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      if (logLevels.indexOf(level) < logLevels.indexOf(options.level)) return
      const time = new Date(wall()).toISOString()
      write(JSON.stringify({ time, level, message, ...common, ...fields }) + '\n')
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
