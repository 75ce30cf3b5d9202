/**
 * Hard groups of keys, judged side by side by worker threads where there are cores for it.
 *
 * The result does not depend on who is faster: groups have a rank, and once one has failed only
 * those of lower rank are still waited for, so that the failing one of lowest rank is the same in
 * every run.
 */
import type { EventEmitter } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Operation } from '../history/index.ts'
import { judgeWithPauses, type Judgement } from './judge.ts'
import type { Limits } from './limits.ts'
import type { Model } from './model.ts'
import type { Partition } from './partition.ts'

/** What the searches of all hard groups may cost together. */
export interface CrewLimits extends Omit<Limits, 'stepsMax'> {
  readonly threads: number
}

/** More would not be faster on any machine that has been seen. */
const threadsMax = 16

/** What a worker is given, as it is cloned into its thread. */
export interface HardTask {
  readonly model: string
  readonly keys: readonly string[]
  readonly operations: readonly Operation[]
  /** Time is counted anew in each thread. */
  readonly timeMs: number
  readonly memoryBytesMax: number
}

/**
 * Judges groups, by rank. Those behind the first that failed may be undefined: nobody looked. Only
 * a model that workers know by its name may have several threads.
 */
export async function judgeHard(
  model: Model<unknown>,
  groups: readonly Partition[],
  limits: CrewLimits,
): Promise<readonly (Judgement | undefined)[]> {
  const threads = Math.min(limits.threads, groups.length, threadsMax)
  if (threads > 1) return new Crew(model.name, groups, { ...limits, threads }).run()
  const judged: Judgement[] = []
  for (const group of groups) {
    const judgement = await judgeWithPauses(model, group, limits)
    judged.push(judgement)
    if (judgement.verdict === 'not') break
  }
  return judged
}

class Crew {
  readonly #model: string
  readonly #groups: readonly Partition[]
  readonly #limits: CrewLimits
  readonly #judged: (Judgement | undefined)[]
  /** By rank: what is under way. */
  readonly #working = new Map<number, Worker>()
  #next = 0
  /** The lowest rank that failed. */
  #failed = Number.POSITIVE_INFINITY

  constructor(model: string, groups: readonly Partition[], limits: CrewLimits) {
    this.#model = model
    this.#groups = groups
    this.#limits = limits
    this.#judged = groups.map(() => undefined)
  }

  async run(): Promise<readonly (Judgement | undefined)[]> {
    const { signal } = this.#limits
    const stop = (): void => this.#stopFrom(0)
    signal?.addEventListener('abort', stop)
    try {
      await Promise.all(Array.from({ length: this.#limits.threads }, () => this.#work()))
    } finally {
      signal?.removeEventListener('abort', stop)
      this.#stopFrom(0)
    }
    return this.#judged
  }

  /** One thread's share: the next rank that matters, until there is none. */
  async #work(): Promise<void> {
    while (this.#next < this.#groups.length && this.#next < this.#failed) {
      const rank = this.#next++
      const group = this.#groups[rank]
      if (group === undefined) return
      const judgement = await this.#judge(rank, group)
      this.#judged[rank] = judgement
      if (judgement?.verdict !== 'not') continue
      this.#failed = Math.min(this.#failed, rank)
      this.#stopFrom(rank + 1)
    }
  }

  /** Undefined: it was stopped, because it did not matter any more. */
  async #judge(rank: number, { keys, operations }: Partition): Promise<Judgement | undefined> {
    const { deadline, memoryBytesMax, threads, signal } = this.#limits
    if (signal?.aborted === true) return { verdict: 'unknown', exhausted: 'aborted', steps: 0 }
    const task: HardTask = {
      model: this.#model,
      keys,
      operations,
      timeMs: deadline - performance.now(),
      memoryBytesMax: memoryBytesMax / threads,
    }
    const worker = new Worker(new URL('worker.js', import.meta.url), { workerData: task })
    this.#working.set(rank, worker)
    try {
      const judgement = await answerOf(worker)
      if (judgement !== undefined || rank > this.#failed) return judgement
      return { verdict: 'unknown', exhausted: 'aborted', steps: 0 }
    } finally {
      this.#working.delete(rank)
    }
  }

  #stopFrom(rank: number): void {
    for (const [working, worker] of this.#working) {
      if (working >= rank) void worker.terminate()
    }
  }
}

/** Undefined: it ended without an answer, because it was stopped. */
export function answerOf(worker: Pick<EventEmitter, 'once'>): Promise<Judgement | undefined> {
  return new Promise((resolve, reject) => {
    worker.once('message', (answer: Judgement) => resolve(answer))
    worker.once('error', (error: Error) => {
      // Its heap was full before the cap on what it remembers was met: nobody knows.
      if ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
        resolve({ verdict: 'unknown', exhausted: 'memory', steps: 0 })
      } else reject(error)
    })
    worker.once('exit', () => resolve(undefined))
  })
}
