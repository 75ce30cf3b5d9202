/** Drives a workload against the reference store as a run does, and judges what came of it. */
import type { HistoryEvent } from '../../../jepsen-style/history/index.ts'
import { SeededChance } from '../../../jepsen-style/workloads/chance.ts'
import type {
  CheckResult,
  Invocation,
  Workload,
  WorkloadRun,
} from '../../../jepsen-style/workloads/workload.ts'
import { ReferenceStore, type Bug } from './reference-store.ts'

/** How it is driven. */
export interface DriveOptions {
  readonly seed: number
  readonly bug?: Bug
  /** Of each client. Default 60. */
  readonly calls?: number
  readonly unknown?: number
  readonly refused?: number
}

/** What came of it. */
export interface Driven {
  readonly history: readonly HistoryEvent[]
  readonly results: readonly CheckResult[]
}

const clients = 6
/** What a call may take: never up, as no time passes. */
const callMs = 600_000

/** Every client makes its calls one after the other, all clients at once; then the final reads. */
export async function drive(workload: Workload, options: DriveOptions): Promise<Driven> {
  const { seed, calls = 60 } = options
  const chance = new SeededChance(seed)
  const store = new ReferenceStore({ ...options, chance: chance.fork('store') })
  const run = workload.begin({
    chance: chance.fork('workload'),
    clients,
    timeoutOf: () => callMs,
    connect: () => Promise.resolve(store.client()),
  })
  await run.prepare?.(store.client())
  const history: HistoryEvent[] = []
  const processes = Array.from({ length: clients }, (_, slot) => slot)
  const callOf = async (slot: number, invocation: Invocation): Promise<void> => {
    const process = processes[slot] ?? slot
    const type = await call(run, { store, history, process, slot, invocation })
    if (type === 'info') processes[slot] = process + clients
  }
  await Promise.all(
    processes.map(async (_, slot) => {
      for (let i = 0; i < calls; i++) {
        const invocation = run.next(slot)
        if (invocation !== undefined) await callOf(slot, invocation)
      }
    }),
  )
  store.heal()
  for (const invocation of run.finalReads?.() ?? []) await callOf(0, invocation)
  // As if it had been read from its file.
  const read = JSON.parse(JSON.stringify(history)) as HistoryEvent[]
  return { history: read, results: await run.check(read, { digests: {} }) }
}

interface OneCall {
  readonly store: ReferenceStore
  readonly history: HistoryEvent[]
  readonly process: number
  readonly slot: number
  readonly invocation: Invocation
}

async function call(run: WorkloadRun, one: OneCall): Promise<string> {
  const { store, history, process, slot, invocation } = one
  const { f, key, value } = invocation
  const about = { process, f, ...(key !== undefined && { key }) }
  history.push({ i: history.length, ...about, type: 'invoke', value })
  const completion = await run.perform(store.client(), invocation, slot)
  history.push({ i: history.length, ...about, value, ...completion })
  return completion.type
}

/** The verdicts by the names of the checks. */
export function verdicts({ results }: Driven): Readonly<Record<string, string>> {
  return Object.fromEntries(results.map(({ name, verdict }) => [name, verdict]))
}
