/** Runs a program to its end. */
import { spawn, type ChildProcess } from 'node:child_process'

/** Of what a program writes, this much is kept. */
const outputBytesMax = 65_536

/** How it ended. */
export interface CommandEnd {
  /** The exit code; undefined: a signal ended it, or it was killed at the deadline. */
  readonly code: number | undefined
  /** The first 64 KiB that it wrote to stderr. */
  readonly stderr: string
}

/** Runs a command; kills it at the deadline. Rejects where it can't be started. */
export function runCommand(
  command: readonly string[],
  options: {
    readonly environment: NodeJS.ProcessEnv
    readonly withinMs: number
    readonly onStart?: (child: ChildProcess) => void
  },
): Promise<CommandEnd> {
  const [program = '', ...args] = command
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: options.environment,
    })
    options.onStart?.(child)
    const timer = setTimeout(() => child.kill('SIGKILL'), options.withinMs)
    const chunks: Buffer[] = []
    let length = 0
    child.stderr.on('data', (chunk: Buffer) => {
      const part = chunk.subarray(0, outputBytesMax - length)
      length += part.length
      if (part.length > 0) chunks.push(part)
    })
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code: code ?? undefined, stderr: Buffer.concat(chunks).toString('utf8') })
    })
  })
}
