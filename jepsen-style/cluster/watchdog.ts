/**
 * The program that outlives the harness. It is told through its stdin which processes are the
 * harness's and which file systems it mounted; when stdin ends, for whatever reason, it kills and
 * unmounts what is left of them, and ends. So a harness that was killed leaves nothing behind.
 * `guard.ts` starts it and talks to it.
 */
import { execFileSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { beginningOf } from './process-identity.ts'
import { parseWatchLine } from './watch-line.ts'

/** More than any run has: a line too many is a fault of the sender, and is left out. */
const watchedMax = 1_024

const processes = new Map<number, string>()
const mounts = new Set<string>()

for await (const text of createInterface({ input: process.stdin })) {
  const line = parseWatchLine(text)
  switch (line?.type) {
    case 'process':
      if (processes.size < watchedMax) processes.set(line.pid, line.beginning)
      break
    case 'gone':
      processes.delete(line.pid)
      break
    case 'mount':
      if (mounts.size < watchedMax) mounts.add(line.path)
      break
    case 'unmounted':
      mounts.delete(line.path)
      break
    case undefined:
      break
    default:
      unreachable(line)
  }
}

for (const [pid, beginning] of processes) {
  if (beginningOf(pid) === beginning) attempt(() => process.kill(pid, 'SIGKILL'))
}
for (const path of mounts) {
  // Lazily: a process that was killed a moment ago may not have let go of its files yet.
  attempt(() => execFileSync('umount', ['-l', path], { stdio: 'ignore' }))
}

/** Nobody is left to be told of a failure, and the rest still has to be tidied up. */
function attempt(action: () => void): void {
  try {
    action()
  } catch {
    process.exitCode = 1
  }
}

function unreachable(line: never): never {
  throw new Error(`unknown line ${JSON.stringify(line)}`)
}
