/** What a node or client says of itself to its operator. Keys and values are never logged. */

/** Fields of a log line: plain data. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>

/** Where log lines go. Injectable: give your own to take them into your logs. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
}
