/**
 * Several workloads side by side as one: slot s belongs to workload s mod n. The `f` of a call
 * bears the name of its workload (`bank.transfer`), by which the history is taken apart again for
 * the checks. Each workload keeps to keys of its own, so that they cannot disturb each other.
 */
import { nemesisProcess, type HistoryEvent } from '../history/index.ts'
import type {
  CheckResult,
  Invocation,
  Workload,
  WorkloadRun,
  WorkloadSetting,
} from '../workloads/workload.ts'

/** Joins at least two workloads; they need at least as many clients. */
export function mixedWorkload(parts: readonly Workload[]): Workload {
  return {
    name: parts.map((part) => part.name).join(','),
    about: 'several workloads side by side, each on its own keys',
    begin: (setting) => new MixedRun(parts, setting),
  }
}

interface Part {
  readonly prefix: string
  readonly run: WorkloadRun
}

class MixedRun implements WorkloadRun {
  readonly #parts: readonly Part[]

  constructor(parts: readonly Workload[], setting: WorkloadSetting) {
    const { clients } = setting
    const { length } = parts
    this.#parts = parts.map((part, i) => ({
      prefix: `${part.name}.`,
      run: part.begin({
        ...setting,
        clients: Math.ceil((clients - i) / length),
        timeoutOf: (slot) => setting.timeoutOf(slot * length + i),
      }),
    }))
  }

  async prepare(...[client]: Parameters<NonNullable<WorkloadRun['prepare']>>): Promise<void> {
    for (const { run } of this.#parts) await run.prepare?.(client)
  }

  next(slot: number): Invocation | undefined {
    const { length } = this.#parts
    const part = this.#parts[slot % length]
    const invocation = part?.run.next(Math.floor(slot / length))
    return part && invocation && prefixed(part, invocation)
  }

  async perform(
    ...[client, invocation, slot]: Parameters<WorkloadRun['perform']>
  ): ReturnType<WorkloadRun['perform']> {
    const part = this.#parts.find(({ prefix }) => invocation.f.startsWith(prefix))
    if (part === undefined) throw new Error(`no workload has calls named ${invocation.f}`)
    const own = { ...invocation, f: invocation.f.slice(part.prefix.length) }
    return await part.run.perform(client, own, Math.floor(slot / this.#parts.length))
  }

  finalReads(): readonly Invocation[] {
    return this.#parts.flatMap((part) =>
      (part.run.finalReads?.() ?? []).map((invocation) => prefixed(part, invocation)),
    )
  }

  async check(
    ...[history, final]: Parameters<WorkloadRun['check']>
  ): Promise<readonly CheckResult[]> {
    const results: CheckResult[] = []
    for (const { prefix, run } of this.#parts) {
      for (const result of await run.check(ownEvents(history, prefix), final)) {
        results.push({ ...result, name: prefix + result.name })
      }
    }
    return results
  }
}

function prefixed({ prefix }: Part, invocation: Invocation): Invocation {
  return { ...invocation, f: prefix + invocation.f }
}

/** The events of one workload as it wrote them, and those of the nemesis. */
function ownEvents(history: readonly HistoryEvent[], prefix: string): readonly HistoryEvent[] {
  return history.flatMap((event) => {
    if (event.process === nemesisProcess) return [event]
    return event.f.startsWith(prefix) ? [{ ...event, f: event.f.slice(prefix.length) }] : []
  })
}
