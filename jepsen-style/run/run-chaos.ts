/**
 * A run from its options to its report: set the stage, load and break the cluster, read what is left
 * in it, take everything down, judge, write. Whatever throws, nothing is left running.
 */
import { QuorateError, type Client } from 'quorate'
import type { Cluster } from '../cluster/cluster.ts'
import { readHistory, type HistoryEvent } from '../history/index.ts'
import type { Nemesis } from '../nemesis/nemesis.ts'
import type { Links } from '../network/links.ts'
import type { RunRecord } from '../report/run-record.ts'
import type { Chance, CheckResult, FinalState, Workload } from '../workloads/workload.ts'
import type { WorkloadRun } from '../workloads/workload.ts'
import { availabilityOf } from './availability.ts'
import { Cleanup, messageOf } from './cleanup.ts'
import { late, within, type RunClock } from './clock.ts'
import { commandOf } from './command-line.ts'
import { foreignCluster, foreignLinks } from './foreign-cluster.ts'
import { checkedResults } from './given.ts'
import { Journal } from './journal.ts'
import { Load, type LoadEnd } from './load.ts'
import { whyNotReady } from './not-ready.ts'
import { settleOptions, usage, type ChaosOptions, type Settled } from './options.ts'
import { dropData, dropFailedStart, keepLogs, openDirectory } from './out-directory.ts'
import { writeRecord, type RunDirectory } from './out-directory.ts'
import { connectWithin, patienceOf } from './patience.ts'
import type { ChaosHooks, ChaosResult, RunPorts } from './ports.ts'
import { ProgressTeller } from './progress.ts'
import { resolveNemeses, resolveWorkload, sortOut } from './resolve.ts'
import type { Catalogue, ChosenNemeses } from './resolve.ts'
import { countSnapshots } from './snapshots.ts'
import { checkBounds, exitCodeOf, verdictOf } from './verdict.ts'
import { readDigests, readFinally } from './verify.ts'

/** How long a new cluster may take until all of its nodes serve, ms. */
const startMsMax = 60_000
/** What each step at the end may take once the user has interrupted the run, ms. */
const hurryMs = 3_000
/** Checks have bounds of their own; beyond this one counts as unknown, ms. */
const checkMsMax = 1_800_000

/** Runs one; `runChaos` is this with the real world. */
export async function runChaosIn(
  ports: RunPorts,
  options: ChaosOptions,
  hooks: ChaosHooks = {},
): Promise<ChaosResult> {
  const settled = settleOptions(options, () => ports.drawSeed())
  const { catalogue } = ports
  const workload = await resolveWorkload(settled.workload, catalogue, settled.clients)
  const chosen = await resolveNemeses(settled.nemeses, catalogue)
  if (settled.endpoints !== undefined) refuseHarnessNemeses(chosen, catalogue)
  const directory = await openDirectory(settled.directory, ports.now())
  hooks.onBegin?.({ seed: settled.seed, directory: directory.path })
  const run = new ChaosRun({ ports, settled, workload, chosen, directory, hooks })
  return await run.play()
}

/** What the harness has breaks processes and links that it made itself, and no others. */
function refuseHarnessNemeses(chosen: ChosenNemeses, catalogue: Catalogue): void {
  const found = chosen.nemeses.find((nemesis) => catalogue.nemeses.includes(nemesis))
  if (found === undefined) return
  throw usage(
    `${found.name} can break a cluster only that the harness has started: for one of your own, ` +
      'name none, or modules of your own',
  )
}

interface RunParts {
  readonly ports: RunPorts
  readonly settled: Settled
  readonly workload: Workload
  readonly chosen: ChosenNemeses
  readonly directory: RunDirectory
  readonly hooks: ChaosHooks
}

/** What a run acts on. */
interface Stage {
  readonly links: Links
  readonly cluster: Cluster
  readonly nodes: number
  readonly usable: readonly Nemesis[]
  readonly leftOut: RunRecord['leftOut']
  readonly clients: readonly Client[]
  readonly workload: WorkloadRun
}

class ChaosRun {
  readonly #parts: RunParts
  readonly #startedAt: Date
  readonly #clock: RunClock
  readonly #chanceOf: (name: string) => Chance
  readonly #cleanup: Cleanup
  readonly #journal: Journal
  readonly #signal: AbortSignal
  readonly #progress: ProgressTeller
  readonly #problems: string[] = []
  readonly #clients = new Set<Client>()
  #interrupted = false

  constructor(parts: RunParts) {
    const { ports, settled, directory, hooks } = parts
    this.#parts = parts
    this.#startedAt = ports.now()
    this.#clock = ports.clock()
    this.#chanceOf = ports.chances(settled.seed)
    this.#cleanup = new Cleanup(this.#clock)
    this.#journal = new Journal(ports.openHistory(directory.history), this.#clock)
    this.#signal = hooks.signal ?? new AbortController().signal
    this.#progress = new ProgressTeller({
      clock: this.#clock,
      journal: this.#journal,
      totalMs: settled.seconds * 1000,
      tell: hooks.onProgress,
    })
  }

  async play(): Promise<ChaosResult> {
    this.#progress.begin()
    let stage: Stage
    let end: LoadEnd
    let final: FinalState
    try {
      stage = await this.#beginStage()
      end = await this.#load(stage)
      final = await this.#readWhatIsLeft(stage, end)
      this.#interrupted = this.#signal.aborted
    } finally {
      // Before the checks: they take their time, and need nobody.
      this.#problems.push(...(await this.#cleanup.run()))
    }
    this.#progress.phase('checking')
    const record = await this.#judge(stage, end, final)
    return await this.#deliver(record)
  }

  /** Of a run that could not begin, nothing stays but what tells why. */
  async #beginStage(): Promise<Stage> {
    try {
      return await this.#setStage()
    } catch (error) {
      await this.#cleanup.run()
      const refused = error instanceof QuorateError && error.code === 'QUORATE_USAGE'
      await dropFailedStart(this.#parts.directory, { inLogs: !refused })
      throw error
    }
  }

  /** Opens what the run acts on; all of it is closed by the clean-up. */
  async #setStage(): Promise<Stage> {
    const { settled, chosen, workload, directory } = this.#parts
    this.#cleanup.defer('writing the history', async () => {
      await this.#progress.end()
      await this.#journal.close()
    })
    this.#cleanup.defer('closing the clients', () => this.#closeClients())
    const { links, cluster, nodes } = await this.#openCluster()
    const { usable, leftOut } = sortOut(chosen, { links, cluster })
    const [first] = leftOut
    if (usable.length === 0 && first !== undefined) {
      throw usage(`${first.nemesis} cannot be had here: ${first.reason}`)
    }
    // Before the nodes are stopped, for then clients can still say good-bye.
    this.#cleanup.defer('closing the clients', () => this.#closeClients())
    const ids = cluster.nodes.map(({ id }) => id)
    const hurry = { signal: this.#signal, ms: 0 }
    const ready = within(this.#clock, 2 * startMsMax, cluster.ready(ids, startMsMax), hurry)
    if ((await ready) !== true && !this.#signal.aborted) {
      throw new Error(
        `${whyNotReady(cluster, startMsMax, 'before any fault')}: ` +
          `see the nodes' logs in ${directory.logs}`,
      )
    }
    const connect = (): Promise<Client> => this.#connect(cluster.endpoints)
    const run = workload.begin({
      chance: this.#chanceOf('workload'),
      clients: settled.clients,
      timeoutOf: (slot) => patienceOf(slot, settled.timeoutMs),
      connect,
    })
    if (this.#signal.aborted) {
      return { links, cluster, nodes, usable, leftOut, clients: [], workload: run }
    }
    await run.prepare?.(await connect())
    const clients = await Promise.all(
      Array.from({ length: settled.clients }, (_, slot) =>
        this.#connect(cluster.endpoints, patienceOf(slot, settled.timeoutMs)),
      ),
    )
    return { links, cluster, nodes, usable, leftOut, clients, workload: run }
  }

  async #openCluster(): Promise<{ links: Links; cluster: Cluster; nodes: number }> {
    const { ports, settled, chosen, directory } = this.#parts
    const { endpoints } = settled
    if (endpoints !== undefined) {
      const client = await this.#connect(endpoints)
      const { endpoints: told } = await client.status()
      const cluster = foreignCluster(client, endpoints, this.#clock)
      this.#progress.watch(cluster)
      return { links: foreignLinks(), cluster, nodes: told.length }
    }
    const ids = Array.from({ length: settled.nodes }, (_, i) => `n${i + 1}`)
    const { nemeses } = chosen
    const stage = { settled, ids, directory: directory.data, nemeses }
    const links = await ports.openLinks(stage)
    this.#cleanup.defer('closing the links', () => links.close())
    const cluster = await ports.openCluster({ ...stage, links })
    this.#cleanup.defer('keeping the logs', () => keepLogs(directory, cluster))
    this.#cleanup.defer('stopping the nodes', () => cluster.close())
    this.#progress.watch(cluster)
    return { links, cluster, nodes: settled.nodes }
  }

  async #connect(endpoints: string, timeout?: number): Promise<Client> {
    const { ports, settled } = this.#parts
    const { timeoutMs } = settled
    const client = await connectWithin(ports, endpoints, {
      timeoutMs,
      callMs: timeout ?? timeoutMs,
    })
    this.#clients.add(client)
    return client
  }

  async #closeClients(): Promise<void> {
    const open = [...this.#clients]
    this.#clients.clear()
    await Promise.all(open.map((client) => client.close()))
  }

  async #load(stage: Stage): Promise<LoadEnd> {
    const { settled } = this.#parts
    const load = new Load({
      ...stage,
      settled,
      nemeses: stage.usable,
      required: this.#requiredOf(stage).length,
      clock: this.#clock,
      journal: this.#journal,
      chanceOf: this.#chanceOf,
      signal: this.#signal,
      onPhase: (phase) => this.#progress.phase(phase),
    })
    this.#progress.watchFaults(load.faults)
    return await load.run()
  }

  /** Kinds of faults that have to come up. */
  #requiredOf({ usable }: Stage): readonly string[] {
    const { required } = this.#parts.chosen
    return usable.map(({ name }) => name).filter((name) => required.has(name))
  }

  /** Final reads and digests; what cannot be had is a problem, unless the user is in a hurry. */
  async #readWhatIsLeft(stage: Stage, end: LoadEnd): Promise<FinalState> {
    const nothing: FinalState = { digests: {} }
    const [client] = stage.clients
    if (client === undefined || end.readAs === undefined) return nothing
    this.#progress.phase('reading')
    const over = new AbortController()
    const stop = over.signal
    const hurry = { signal: this.#signal, ms: hurryMs }
    const { workload } = stage
    const parts = { workload, client, journal: this.#journal, clock: this.#clock, stop }
    const work = readFinally({ ...parts, process: end.readAs }).then(async (unread) => {
      const { final, missing } = await readDigests(client, this.#clock, stop)
      return { final, missing: [...unread, ...missing] }
    })
    try {
      const read = await within(this.#clock, checkMsMax, work, hurry)
      if (read === late) {
        if (!this.#signal.aborted) this.#problems.push('the final reads did not end in their time')
        return nothing
      }
      if (!this.#signal.aborted) this.#problems.push(...read.missing)
      return read.final
    } catch (error) {
      this.#problems.push(messageOf(error))
      return nothing
    } finally {
      over.abort()
    }
  }

  async #judge(stage: Stage, end: LoadEnd, final: FinalState): Promise<RunRecord> {
    const { ports, settled, workload } = this.#parts
    const history = await this.#readHistory()
    const checks = [...(await this.#check(stage.workload, history, final))]
    if (Object.keys(final.digests).length > 0) checks.push(ports.checkReplicas(final, stage.nodes))
    const figures = availabilityOf({ history, spans: end.spans, checks })
    checks.push(...checkBounds(settled.bounds, figures))
    const interrupted = this.#interrupted
    const snapshots = await this.#countSnapshots()
    const kinds = stage.usable.map(({ name }) => name)
    const verdict = verdictOf({
      checks,
      spans: end.spans,
      required: this.#requiredOf(stage),
      kinds,
      passed: end.passed,
      problems: [...end.problems, ...this.#problems],
      interrupted,
    })
    return {
      schema: 1,
      version: ports.version,
      node: process.version,
      startedAt: this.#startedAt.toISOString(),
      seed: settled.seed,
      nodes: stage.nodes,
      clients: settled.clients,
      rate: settled.rate,
      seconds: settled.seconds,
      workload: workload.name,
      nemeses: kinds,
      leftOut: [...stage.leftOut, ...this.#neverBegun(stage, end)],
      backend: stage.links.backend,
      faults: end.spans,
      availability: figures.availability,
      ...(snapshots !== undefined && { snapshots }),
      checks,
      ...verdict,
      command: commandOf(settled, workload.name),
      interrupted,
    }
  }

  /** What was not asked for in particular, and did not come either: the report must not hide it. */
  #neverBegun(stage: Stage, end: LoadEnd): RunRecord['leftOut'] {
    const { required } = this.#parts.chosen
    const begun = new Set(end.spans.map(({ nemesis }) => nemesis))
    return stage.usable
      .filter(({ name }) => !begun.has(name) && !required.has(name))
      .map(({ name }) => ({
        nemesis: name,
        reason: end.passed.has(name)
          ? `it never fitted, of ${end.passed.get(name)} times that it was tried`
          : 'it did not get its turn',
      }))
  }

  async #countSnapshots(): Promise<number | undefined> {
    try {
      return await countSnapshots(this.#parts.directory.logs)
    } catch (error) {
      this.#problems.push(messageOf(error))
      return undefined
    }
  }

  /** What is not readable, for example because the disk was full, proves nothing. */
  async #readHistory(): Promise<readonly HistoryEvent[]> {
    try {
      return await readHistory(this.#parts.directory.history)
    } catch (error) {
      this.#problems.push(messageOf(error))
      return []
    }
  }

  /** The workload's own checks; one that fails or does not end proves nothing. */
  async #check(
    ...[workload, ...rest]: [WorkloadRun, ...Parameters<WorkloadRun['check']>]
  ): Promise<readonly CheckResult[]> {
    const hurry = { signal: this.#signal, ms: 2 * hurryMs }
    try {
      const checks = await within(this.#clock, checkMsMax, workload.check(...rest), hurry)
      if (checks !== late) return checkedResults(checks)
      return [{ name: 'checks', verdict: 'unknown', text: 'they did not end in the time they had' }]
    } catch (error) {
      this.#problems.push(`the checks of the workload failed: ${messageOf(error)}`)
      return []
    }
  }

  async #deliver(record: RunRecord): Promise<ChaosResult> {
    const { ports, directory } = this.#parts
    try {
      await writeRecord(directory, record)
      const report = await ports.writeReport(directory.path)
      if (record.verdict === 'ok') await dropData(directory)
      return { record, exitCode: exitCodeOf(record.verdict), directory: directory.path, report }
    } catch (error) {
      return this.#undelivered(record, messageOf(error))
    }
  }

  /** A violation that was found is told, also where the disk takes nothing any more. */
  #undelivered(record: RunRecord, why: string): ChaosResult {
    const { path } = this.#parts.directory
    const verdict = record.verdict === 'violation' ? 'violation' : 'failed'
    const reasons = [...record.reasons, `the results could not be written: ${why}`]
    const told = { ...record, verdict, reasons } as const
    return { record: told, exitCode: exitCodeOf(verdict), directory: path, report: path }
  }
}
