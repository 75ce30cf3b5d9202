/** A load process seen from the runner: a job goes in, an answer comes out. */
import { createInterface, type Interface } from 'node:readline'
import type { ChildProcess } from 'node:child_process'
import { present } from '../../src/assert.ts'
import { parseAnswer, type JobAnswer } from '../load/job.ts'
import { start } from './processes.ts'
import type { JobRequest, Load } from './side.ts'

/** Beyond its own time a job may take so long: for connections, and for calls that time out. */
const graceMs = 120_000
/** Filling has no time of its own. */
const fillMsMax = 3_600_000

/** One load process; it ends with `close`. */
export class LoadProcess implements Load {
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  readonly #lines: Interface
  #said = ''

  /** `command`: a program and its arguments. */
  constructor(command: readonly string[], endpoints: string) {
    const [program = '', ...args] = command
    const { child, ended } = start(program, [...args, '--endpoints', endpoints], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#child = child
    this.#ended = ended
    this.#lines = createInterface({ input: present(child.stdout, 'stdout is a pipe') })
    child.stdin?.on('error', () => {})
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-2_000)
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Runs a job. Rejects where it fails, where the process ends, and where it takes far too long. */
  async run(job: JobRequest): Promise<JobAnswer> {
    const limitMs =
      job.op === 'fill'
        ? fillMsMax
        : graceMs + 1_000 * ((job.warmupSeconds ?? 0) + (job.seconds ?? 5))
    const line = await new Promise<string>((done, failed) => {
      const timer = setTimeout(() => failed(new Error(`a ${job.op} job hangs`)), limitMs)
      const end = (act: () => void): void => {
        clearTimeout(timer)
        this.#lines.removeAllListeners('line')
        act()
      }
      this.#lines.once('line', (text) => end(() => done(text)))
      void this.#ended.then((code) =>
        end(() => failed(new Error(`the load process ended with ${code}: ${this.#said}`))),
      )
      this.#child.stdin?.write(`${JSON.stringify(job)}\n`)
    })
    return parseAnswer(line)
  }

  async close(): Promise<void> {
    this.#child.stdin?.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    await this.#ended
    clearTimeout(timer)
  }
}
