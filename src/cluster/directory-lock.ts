/** Whether a node runs on a data directory, found out without taking its lock. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * True: a process holds the directory's lock. Undefined: this system does not tell. The lock is
 * the kernel's, on a file of an otherwise empty database (`lock/LOCK`), and Linux lists all locks;
 * to try for it instead would refuse a node that is starting in that moment.
 */
export function isInUse(dataDirectory: string, locks = '/proc/locks'): boolean | undefined {
  const file = join(dataDirectory, 'lock', 'LOCK')
  if (!existsSync(file)) return false
  if (!existsSync(locks)) return undefined
  const { ino } = statSync(file)
  // 1: POSIX  ADVISORY  WRITE 4711 fd:01:1049203 0 EOF
  return readFileSync(locks, 'utf8')
    .split('\n')
    .some((line) => line.split(/\s+/)[5]?.split(':').at(-1) === `${ino}`)
}
