/** What a command has of the world. Tests give their own. */
import type { Client, ConnectOptions } from '../client/index.ts'

/** A stream that can be written to with back-pressure. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(chunk: string | Uint8Array, callback: (error?: Error | null) => void): boolean
}

/** The world of one invocation. */
export interface Io {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  stdin(): AsyncIterable<Uint8Array>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** This package's version. */
  readonly version: string
  /** Aborted by the first SIGINT or SIGTERM, or when nobody reads the output any more. */
  readonly signal: AbortSignal
  connect(endpoints: readonly string[], options: ConnectOptions): Promise<Client>
}

/** What the parts of one invocation share. */
export interface Cli {
  readonly io: Io
  /** Set by the command that ran. */
  exitCode: number
  /** Whether the command changes records: then an error says what became of the change. */
  writing: boolean
}

/** Exit codes; scripts rely on them. */
export const exitCodes = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  unavailable: 5,
  unknown: 6,
  violation: 7,
} as const
