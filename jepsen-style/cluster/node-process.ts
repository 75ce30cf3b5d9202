/**
 * The process of one node, start after start. A signal is only ever sent through the handle of a
 * child that has not ended: its process id cannot have passed to anybody else.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync } from 'node:fs'
import { once } from 'node:events'
import type { NodeState } from './cluster.ts'
import { openLog } from './log-file.ts'
import { standsStill } from './process-identity.ts'

/** How long a node may take to stop in good order before it is killed. */
const stopGraceMsDefault = 10_000

/** What a process is started with. */
export interface ProcessPlan {
  readonly command: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  readonly logFile: string
  /** Told of each process that was started. */
  readonly onStart?: (child: ChildProcess) => void
}

/** One node's process. */
export class NodeProcess {
  readonly #plan: ProcessPlan
  #child: ChildProcess | undefined
  /** Settles when the process that runs now has ended. */
  #ended: Promise<void> = Promise.resolve()
  #stopped = false
  #endings: { readonly count: number; readonly last: string | undefined } = {
    count: 0,
    last: undefined,
  }

  constructor(plan: ProcessPlan) {
    this.#plan = plan
  }

  /** Undefined while none runs. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  get endings(): { readonly count: number; readonly last: string | undefined } {
    return this.#endings
  }

  state(): NodeState {
    if (this.#child === undefined) return 'stopped'
    // The system has the last word: a signal that was sent has not arrived yet.
    const { pid } = this.#child
    return this.#stopped && pid !== undefined && standsStill(pid) === true ? 'paused' : 'running'
  }

  /** Starts it; resolves once it runs. Rejects where it runs already or can't be started. */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`process ${this.#child.pid} runs already`)
    const [program = '', ...args] = this.#plan.command
    const log = openLog(this.#plan.logFile)
    let child: ChildProcess
    try {
      child = spawn(program, args, {
        // A session of its own: Ctrl-C is for the harness, which then stops the nodes itself.
        detached: true,
        stdio: ['ignore', 'ignore', log],
        env: this.#plan.environment,
      })
    } finally {
      closeSync(log)
    }
    this.#child = child
    this.#stopped = false
    this.#ended = new Promise((resolve) => {
      const ended = (how: string): void => {
        if (this.#child !== child) return
        this.#child = undefined
        this.#endings = { count: this.#endings.count + 1, last: how }
        resolve()
      }
      child.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`))
      // After its start a child has errors only for signals, and has then not ended.
      child.on('error', (error) => {
        if (child.pid === undefined) ended(error.message)
      })
    })
    this.#plan.onStart?.(child)
    await once(child, 'spawn')
  }

  /** SIGKILL; resolves when it has gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  /** SIGTERM, and after the grace SIGKILL; resolves with how it ended. */
  async stop(graceMs = stopGraceMsDefault): Promise<string> {
    if (this.#child !== undefined) {
      this.#child.kill('SIGTERM')
      // One that stands still could not act on it.
      this.resume()
      const timer = setTimeout(() => this.#child?.kill('SIGKILL'), graceMs)
      await this.#ended
      clearTimeout(timer)
    }
    return this.#endings.last ?? 'never started'
  }

  /** SIGSTOP. */
  pause(): void {
    if (this.#child?.kill('SIGSTOP') === true) this.#stopped = true
  }

  /** SIGCONT. */
  resume(): void {
    this.#child?.kill('SIGCONT')
    this.#stopped = false
  }
}
