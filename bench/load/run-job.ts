/** One job from beginning to end, over the connections that it asks for. */
import type { Client } from 'quorate'
import { present } from '../../src/assert.ts'
import { GapWatch } from './gaps.ts'
import type { Job, JobAnswer } from './job.ts'
import { closedLoop, openLoop, type LoopClock, type LoopOptions, type NameError } from './loops.ts'
import { operationOf } from './operations.ts'
import { Tally } from './tally.ts'
import { keyOf, valuesOf } from './values.ts'

/** What a job is run with. */
export interface JobTools {
  readonly clock: LoopClock
  /** ms since 1970, for gaps alone. */
  readonly wallMs: () => number
  readonly nameError: NameError
  /** Client library and version. */
  readonly client: string
}

/** Pause between two writes of one caller of `write-gap`. */
const gapPaceMs = 5

/** Runs it; `clients` are as many as `job.connections`. */
export async function runJob(
  job: Job,
  clients: readonly Client[],
  tools: JobTools,
): Promise<JobAnswer> {
  const clientOf = (caller: number): Client =>
    present(clients[caller % clients.length], 'a job has a connection at least')
  if (job.op === 'fill') return await fill(job, clientOf, tools)
  const { clock, client, nameError } = tools
  const operation = operationOf(job)
  const startMs = clock.now()
  const beginMs = startMs + job.warmupSeconds * 1_000
  const tally = new Tally(
    beginMs,
    beginMs + job.seconds * 1_000,
    job.rate === undefined ? 'end' : 'due',
  )
  const options: LoopOptions = {
    clock,
    tally,
    nameError,
    call: (caller) => operation(clientOf(caller)),
  }
  if (job.op === 'write-gap') return await writeGap(job, options, tools)
  if (job.rate === undefined) await closedLoop(options, job.inFlight)
  else await openLoop(options, startMs, job.rate)
  return tally.answer(client)
}

/** The rows `from` … `from + count`, in calls of `batch`. The first failure ends it. */
async function fill(
  job: Job,
  clientOf: (caller: number) => Client,
  { clock, client }: JobTools,
): Promise<JobAnswer> {
  const values = valuesOf(job.seed, job.valueBytes)
  const startMs = clock.now()
  const tally = new Tally(startMs, Infinity)
  const end = job.from + job.keys.count
  let next = job.from
  const caller = async (number: number): Promise<void> => {
    while (next < end) {
      const first = next
      next = Math.min(end, first + job.batch)
      const records = Array.from({ length: next - first }, (_, i) => ({
        key: keyOf(job.keys.prefix, first + i),
        value: present(values[(first + i) % values.length], 'values take turns'),
      }))
      const beganMs = clock.now()
      const results = await clientOf(number).putMany(records)
      for (const result of results) if ('error' in result) throw result.error
      tally.succeeded(beganMs, clock.now(), records.length)
    }
  }
  await Promise.all(Array.from({ length: job.inFlight }, (_, number) => caller(number)))
  return tally.answer(client, (clock.now() - startMs) / 1_000)
}

/** Each caller writes, rests, writes; what is told is for how long nobody succeeded. */
async function writeGap(job: Job, options: LoopOptions, tools: JobTools): Promise<JobAnswer> {
  const { wallMs, client } = tools
  const watch = new GapWatch(wallMs())
  const call = async (caller: number): Promise<number> => {
    const records = await options.call(caller)
    watch.success(wallMs())
    return records
  }
  await closedLoop({ ...options, call, restMs: gapPaceMs }, job.inFlight)
  watch.success(wallMs())
  const { gaps, longestMs } = watch
  return { ...options.tally.answer(client), gaps, longestGapMs: longestMs }
}
