/** Runs `ip` and `tc` (iproute2) as children. What fails says so in its own words. */
import { execFile, spawnSync } from 'node:child_process'

/** Nothing that is asked of the kernel here takes anywhere near this long, ms. */
const timeoutMs = 10_000
/** Figures of some hundred devices, with room. */
const outputBytesMax = 16 * 1024 * 1024

/** A command that could not be run or that failed. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** What the command prints on stdout; rejects with a `CommandError` unless it exits with 0. */
export function run(command: readonly string[], input = ''): Promise<string> {
  const [file = '', ...args] = command
  return new Promise((resolve, reject) => {
    const options = {
      timeout: timeoutMs,
      maxBuffer: outputBytesMax,
      killSignal: 'SIGKILL',
    } as const
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const why = stderr.trim() || error.message
      const lines = input === '' ? '' : ` (with the lines: ${input.trim().replaceAll('\n', '; ')})`
      reject(new CommandError(`${command.join(' ')}: ${why}${lines}`, { cause: error }))
    })
    // A child that is gone takes no input; its exit says why.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** For a process that is about to exit: waits, and says nothing of what failed. */
export function runNow(command: readonly string[]): void {
  const [file = '', ...args] = command
  spawnSync(file, args, { timeout: timeoutMs, stdio: 'ignore' })
}

/** Several commands of `ip` within a namespace, in one process; stops at the first that fails. */
export async function ipBatch(namespace: string, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await run(['ip', '-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`)
}

/** Sets kernel parameters of a namespace, by their paths below /proc/sys/net/ipv4. */
export async function setIpv4(
  namespace: string,
  values: Readonly<Record<string, number>>,
): Promise<void> {
  const script = Object.entries(values)
    .map(([path, value]) => `echo ${value} > /proc/sys/net/ipv4/${path}`)
    .join(' && ')
  await run(['ip', 'netns', 'exec', namespace, 'sh', '-c', script])
}
