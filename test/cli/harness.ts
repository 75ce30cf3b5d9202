/** Runs the command line in this process, with streams that are strings and a client that is faked. */
import type { Client, ConnectOptions } from '../../src/client/index.ts'
import type { Io, OutputStream } from '../../src/cli/io.ts'
import { runCli } from '../../src/cli/run.ts'

/** What a test gives; the rest is empty or refuses. */
export interface World {
  readonly client?: object
  readonly env?: Record<string, string>
  readonly cwd?: string
  readonly stdin?: readonly Uint8Array[]
  readonly tty?: boolean
  readonly signal?: AbortSignal
  /** Sees what is written to stdout, as it is written. */
  readonly onStdout?: (text: string) => void
}

/** What came of it. */
export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stdoutBytes: Uint8Array
  readonly stderr: string
  /** How the client was asked for; undefined: it was not. */
  readonly connected: { endpoints: readonly string[]; options: ConnectOptions } | undefined
  readonly closed: boolean
}

class Collected implements OutputStream {
  readonly isTTY: boolean
  readonly columns = 100
  readonly chunks: Buffer[] = []
  readonly #onWrite: ((text: string) => void) | undefined

  constructor(isTTY: boolean, onWrite?: (text: string) => void) {
    this.isTTY = isTTY
    this.#onWrite = onWrite
  }

  write(chunk: string | Uint8Array, callback: (error?: Error | null) => void): boolean {
    this.chunks.push(Buffer.from(chunk))
    this.#onWrite?.(chunk.toString())
    callback()
    return true
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

/** Runs `quorate <arguments>`. */
export async function quorate(arguments_: readonly string[], world: World = {}): Promise<Ended> {
  const stdout = new Collected(world.tty === true, world.onStdout)
  const stderr = new Collected(world.tty === true)
  let connected: Ended['connected']
  let closed = false
  const io: Io = {
    stdout,
    stderr,
    stdin: async function* () {
      yield* world.stdin ?? []
    },
    env: world.env ?? {},
    cwd: world.cwd ?? '/nowhere',
    version: '1.2.3',
    signal: world.signal ?? new AbortController().signal,
    connect: (endpoints, options) => {
      connected = { endpoints, options }
      if (world.client === undefined) throw new Error('this test has no client')
      const client = { close: async () => void (closed = true), ...world.client }
      return Promise.resolve(client as unknown as Client)
    },
  }
  const code = await runCli(arguments_, io)
  return {
    code,
    stdout: stdout.bytes.toString('utf8'),
    stdoutBytes: stdout.bytes,
    stderr: stderr.bytes.toString('utf8'),
    connected,
    closed,
  }
}

/** Bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
