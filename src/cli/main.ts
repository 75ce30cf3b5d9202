/** The entry: the process's own streams, signals and exit code. */
import { readFileSync } from 'node:fs'
import { exitCodes, type Io } from './io.ts'
import { runCli } from './run.ts'

/** How long an interrupted command may take to tidy up before it is cut off. */
const tidyMsMax = 20_000

const interruption = new AbortController()
let interrupted: number | undefined

function interrupt(exitCode: number): void {
  // The second signal means it.
  if (interrupted !== undefined) process.exit(exitCode)
  interrupted = exitCode
  interruption.abort()
  setTimeout(() => process.exit(exitCode), tidyMsMax).unref()
}

process.on('SIGINT', () => interrupt(130))
process.on('SIGTERM', () => interrupt(143))
// The terminal was closed.
process.on('SIGHUP', () => interrupt(129))

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `quorate scan | head`: nobody reads any more, so there is nothing more to do.
  if (error.code !== 'EPIPE') throw error
  if (interrupted === undefined) interrupt(0)
})
// What is told on the way is told to nobody then; what the command is for goes on.
process.stderr.on('error', () => {})

const io: Io = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: () => process.stdin,
  env: process.env,
  cwd: process.cwd(),
  version: packageVersion(),
  signal: interruption.signal,
  connect: async (endpoints, options) => {
    const { connect } = await import('../client/index.ts')
    return connect(endpoints, options)
  },
}

function packageVersion(): string {
  const path = new URL('../../package.json', import.meta.url)
  const document: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const known = typeof document === 'object' && document !== null && 'version' in document
  return known ? String(document.version) : 'unknown'
}

const exitCode = await runCli(process.argv.slice(2), io)
// Output to a pipe may still be on its way when the last write was made.
await Promise.all(
  [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => void stream.write('', () => resolve())),
  ),
)
// A violation that was found is not to be hidden by a signal that came meanwhile.
process.exit(exitCode === exitCodes.violation ? exitCode : (interrupted ?? exitCode))
