/**
 * Workers, one for each core, to which lifetimes are handed one by one. A worker that hangs or dies
 * is that lifetime's failure; another takes its place.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { LifetimeResult } from '../lifetime.ts'
import { lostResult } from './job.ts'
import type { Job, Report, Request } from './job.ts'

/** How a pool is made. */
export interface PoolOptions {
  /** The worker's built file. */
  readonly file: string
  readonly workers: number
  /** Real ms that a lifetime may take before it counts as hung. */
  readonly lifetimeMsMax?: number
  /** Megabytes of heap; a lifetime that needs more has lost its bounds. */
  readonly heapMb?: number
}

/** A hundred times what a lifetime takes, on a machine that does much else. */
const defaultLifetimeMsMax = 300_000
const defaultHeapMb = 1_500
/** A lifetime makes much that dies young: 7 % of its time less than with the default of 16. */
const youngHeapMb = 64
/** What a worker says of its end is kept up to so many characters. */
const errorCharsMax = 4_000

interface Waiting {
  readonly job: Job
  readonly resolve: (result: LifetimeResult) => void
}

interface Worker {
  readonly child: ChildProcess
  state: 'starting' | 'ready' | 'retired'
  job: Waiting | undefined
  timer: NodeJS.Timeout | undefined
  hung: boolean
  /** The end of what it wrote to its standard error. */
  said: string
}

export class Pool {
  readonly #options: PoolOptions
  readonly #queue: Waiting[] = []
  readonly #workers = new Set<Worker>()
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** How many lifetimes can be under way at once. */
  get width(): number {
    return this.#options.workers
  }

  /** Lives a lifetime; never rejects. */
  run(request: Request, traceFile?: string): Promise<LifetimeResult> {
    return new Promise((resolve) => {
      this.#queue.push({ job: { request, traceFile }, resolve })
      this.#handOut()
    })
  }

  /** Ends all workers; what is under way has no outcome. */
  close(): void {
    this.#closed = true
    for (const { child, timer } of this.#workers) {
      clearTimeout(timer)
      child.kill('SIGKILL')
    }
  }

  #handOut(): void {
    if (this.#closed) return
    for (const worker of this.#workers) {
      if (this.#queue.length === 0) return
      if (worker.state === 'ready' && worker.job === undefined) this.#give(worker)
    }
    const starting = [...this.#workers].filter(({ state }) => state === 'starting').length
    const wanted = Math.min(this.#queue.length - starting, this.width - this.#workers.size)
    for (let i = 0; i < wanted; i++) this.#start()
  }

  #give(worker: Worker): void {
    const next = this.#queue.shift()
    if (next === undefined) return
    worker.job = next
    worker.timer = setTimeout(() => {
      worker.hung = true
      worker.child.kill('SIGKILL')
    }, this.#options.lifetimeMsMax ?? defaultLifetimeMsMax)
    worker.child.send(next.job)
  }

  #start(): void {
    const child = fork(this.#options.file, [], {
      execArgv: [
        `--max-old-space-size=${this.#options.heapMb ?? defaultHeapMb}`,
        `--max-semi-space-size=${youngHeapMb}`,
      ],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    const worker: Worker = {
      child,
      state: 'starting',
      job: undefined,
      timer: undefined,
      hung: false,
      said: '',
    }
    this.#workers.add(worker)
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      worker.said = (worker.said + text).slice(-errorCharsMax)
    })
    child.on('message', (report: Report) => {
      if (report.type === 'ready') worker.state = 'ready'
      else {
        if (report.last) worker.state = 'retired'
        this.#finish(worker, report.result)
      }
      this.#handOut()
    })
    // A message to a worker that has just died: its end is reported by `close` as well.
    child.on('error', () => {})
    child.on('close', (code, signal) => this.#ended(worker, code, signal))
  }

  #finish(worker: Worker, result: LifetimeResult): void {
    clearTimeout(worker.timer)
    worker.job?.resolve(result)
    worker.job = undefined
  }

  #ended(worker: Worker, code: number | null, signal: string | null): void {
    this.#workers.delete(worker)
    clearTimeout(worker.timer)
    if (this.#closed) return
    const how = signal ?? `code ${code ?? 'unknown'}`
    if (worker.job !== undefined) {
      const { request } = worker.job.job
      const seconds = Math.round((this.#options.lifetimeMsMax ?? defaultLifetimeMsMax) / 1000)
      this.#finish(
        worker,
        worker.hung
          ? lostResult(request, 'hang', `no end after ${seconds} real seconds`)
          : lostResult(request, 'worker', `its process ended (${how}) ${worker.said}`.trimEnd()),
      )
    } else if (worker.state === 'starting') {
      // None will ever start: whoever waits must hear of it.
      for (const { job, resolve } of this.#queue.splice(0)) {
        const message = `no worker could start (${how}) ${worker.said}`.trimEnd()
        resolve(lostResult(job.request, 'worker', message))
      }
    }
    this.#handOut()
  }
}
