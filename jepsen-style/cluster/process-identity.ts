/**
 * Process ids are used again. What tells two processes with one id apart is the moment when they
 * began; without it, a signal meant for a node could hit a stranger's process.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** Whether this system shows its processes as files, as Linux does. */
const hasProc = existsSync('/proc/self/stat')

/** `proc(5)` counts the fields of `stat` from 1; those behind the name begin with the third. */
const stateField = 3
const startTimeField = 22

/** When a process began, as the system tells it; undefined: there is no such process. */
export function beginningOf(pid: number): string | undefined {
  return hasProc ? statField(pid, startTimeField) : psField(pid, 'lstart')
}

/** Whether a process stands still because of a SIGSTOP; undefined: there is no such process. */
export function standsStill(pid: number): boolean | undefined {
  const state = hasProc ? statField(pid, stateField) : psField(pid, 'state')
  return state?.startsWith('T')
}

function statField(pid: number, field: number): string | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    // Gone, or gone while it was read: the two look different and mean the same.
    return undefined
  }
  // The second field is the program's name in brackets and may hold anything, brackets as well.
  const behindName = stat.slice(stat.lastIndexOf(')') + 2)
  return behindName.split(' ')[field - stateField]
}

/** Where there is no /proc. `ps` exits with 1 where there is no such process. */
function psField(pid: number, field: string): string | undefined {
  try {
    const text = execFileSync('ps', ['-o', `${field}=`, '-p', `${pid}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    return text === '' ? undefined : text
  } catch {
    return undefined
  }
}
