/** What the scripts share: their own options, runs of the harness as a user starts them, what those left. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommanderError, InvalidArgumentError, type Command } from 'commander'

/** Exit codes of `quorate chaos run`. */
export const exits = { ok: 0, failed: 1, usage: 2, unknown: 6, violation: 7 } as const

/** What a run says last is kept up to so many characters. */
const saidCharsMax = 8_000

/** A whole number from 1 to `most`, for an option. */
export function whole(most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : 0
    if (value >= 1 && value <= most) return value
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`)
  }
}

/** Reads the options that a script was given. False: it has told its usage, and its exit code is set. */
export function parsed(command: Command): boolean {
  try {
    command.allowExcessArguments(false).exitOverride().parse()
    return true
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? exits.ok : exits.usage
    return false
  }
}

/** How a run of the harness ended. */
export interface Ended {
  readonly code: number | null
  /** The end of what it wrote to its standard error. */
  readonly said: string
}

/** Runs `quorate chaos run`; one that takes longer than `limitMs` is interrupted as by Ctrl-C. */
export function chaosRun(
  launcher: string,
  args: readonly string[],
  limitMs: number,
): Promise<Ended> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [launcher, 'chaos', 'run', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-saidCharsMax)
    })
    const timer = setTimeout(() => child.kill('SIGINT'), limitMs)
    child.on('error', failed)
    child.on('close', (code) => {
      clearTimeout(timer)
      done({ code, said })
    })
  })
}

/** What the scripts need of a run's `run.json`. */
export interface Outcome {
  readonly verdict: string
  readonly reasons: readonly string[]
  readonly checks: readonly { readonly name: string; readonly verdict: string }[]
  readonly faults: readonly { readonly nemesis: string; readonly seen?: string }[]
  readonly leftOut: readonly { readonly nemesis: string; readonly reason: string }[]
  readonly availability: {
    readonly calls: number
    readonly ok: number
    readonly unknown: number
    readonly lost: number
    /** Null where no call succeeded after a fault. */
    readonly rto: { readonly p50: number | null; readonly max: number | null }
  }
}

/** Reads it; the harness validates its own file, and these scripts are its own as well. */
export function readOutcome(directory: string): Outcome {
  return JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8')) as Outcome
}
