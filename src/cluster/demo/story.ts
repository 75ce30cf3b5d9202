/** The demo's story: a cluster, collectors in replicas, two deaths, and the count at the end. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { present } from '../../assert.ts'
import { connect } from '../../client/index.ts'
import {
  collect,
  marketTemplates,
  systemSource,
  systemTemplates,
  type CollectReport,
  type LineSource,
} from '../../collector/index.ts'
import { QuorateError } from '../../errors.ts'
import { machineName, readMachine, realClock, realRandom } from '../../system/index.ts'
import { readClusterFile, requireClusterFile, type ClusterFile } from '../cluster-file.ts'
import {
  createCluster,
  killNode,
  startNodes,
  viewLocalCluster,
  waitForLeader,
} from '../local-cluster.ts'
import { signalNode } from '../process.ts'
import { Deadline, monotonicTime, sleep } from '../time.ts'
import { Ledger } from './ledger.ts'
import { PacedMarket } from './paced-source.ts'
import { verify, type Findings } from './verify.ts'

/** Where the story is told. */
export interface Narrator {
  say(text: string, tone?: 'plain' | 'good' | 'bad' | 'title'): Promise<void>
  /** A line that changes all the time; where that is not possible, nothing. */
  ticker(text: string): void
}

/** What the demo found. */
export interface DemoReport extends Findings {
  readonly ok: boolean
  /** Distinct records that the sources offered. */
  readonly records: number
  /** Writes: each replica writes every record. */
  readonly writes: number
  readonly duplicates: number
  readonly mismatches: number
  readonly rejected: number
  readonly retries: number
  readonly deaths: readonly Death[]
  readonly seconds: number
}

/** A node that was killed, and for how long nothing was acknowledged around it. */
export interface Death {
  readonly node: string
  readonly role: 'leader' | 'follower'
  readonly withoutWritesMs: number
}

const replicas = 3
const marketPerSecond = 120
const systemForMs = 20_000
const calmMs = 4_500
const outageMs = 3_500
const backMsMax = 30_000
const tickerMs = 200

/** Tells it. Whatever happens, no process and no file is left behind. */
export async function runDemo(narrator: Narrator, signal: AbortSignal): Promise<DemoReport> {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-demo-'))
  const onExit = (): void => leaveNothing(directory)
  // Also where the process is cut off, by a second Ctrl-C say: this is the last chance.
  process.once('exit', onExit)
  try {
    return await new Story(directory, narrator, signal).tell()
  } finally {
    await endNodes(directory)
    leaveNothing(directory)
    process.off('exit', onExit)
  }
}

async function endNodes(directory: string): Promise<void> {
  const file = readClusterFile(directory)
  await Promise.all((file?.nodes ?? []).map((node) => killNode(node)))
}

function leaveNothing(directory: string): void {
  for (const node of existing(directory)?.nodes ?? []) signalNode(node, 'SIGKILL')
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
}

function existing(directory: string): ClusterFile | undefined {
  try {
    return readClusterFile(directory)
  } catch {
    // Only the removal is left to be done.
    return undefined
  }
}

class Story {
  readonly #directory: string
  readonly #narrator: Narrator
  readonly #signal: AbortSignal
  readonly #ledger = new Ledger()
  readonly #killed = new Set<string>()
  readonly #start = monotonicTime()
  #leader = ''

  constructor(directory: string, narrator: Narrator, signal: AbortSignal) {
    this.#directory = directory
    this.#narrator = narrator
    this.#signal = signal
  }

  async tell(): Promise<DemoReport> {
    const file = await this.#startCluster()
    const before = await this.#revision(file)
    const market = new PacedMarket({
      seed: 7,
      startMs: Math.floor(realClock.wall() / 60_000) * 60_000,
      perSecond: marketPerSecond,
    })
    await this.#say(`${replicas} replicas of a market-data collector begin to write`)
    await this.#say(
      `${replicas} replicas of a collector of this machine's load, memory and disk too`,
    )
    const stopTicker = this.#tick()
    const collectors = [
      this.#collect(file, market.source, marketTemplates),
      this.#collect(file, this.#machine(), systemTemplates),
    ]
    // Their failure is met below; until then it must not count as unhandled.
    for (const collector of collectors) collector.catch(() => market.stop())
    let reports: CollectReport[]
    const deaths: Death[] = []
    try {
      await this.#pause(calmMs)
      deaths.push(await this.#killAndRestart(file, 'leader'))
      await this.#pause(calmMs)
      deaths.push(await this.#killAndRestart(file, 'follower'))
      await this.#pause(calmMs)
    } finally {
      market.stop()
      // Awaited here too, so that no write is under way when the nodes are taken away.
      reports = await this.#settle(collectors)
      stopTicker()
    }
    await this.#say('the collectors are done: every record has its verdict from every replica')
    await this.#say("reading each node's own copy, and comparing value by value")
    const findings = await verify(file, this.#ledger, before, this.#signal)
    return this.#report(reports, findings, deaths)
  }

  async #startCluster(): Promise<ClusterFile> {
    await this.#say('three nodes start, as processes on free ports of this machine')
    await createCluster({ dataDirectory: this.#directory, nodes: 3, port: 0, tuning: {} })
    await startNodes(this.#directory)
    const file = requireClusterFile(this.#directory)
    const view = await waitForLeader(file, this.#signal)
    this.#checkInterrupted()
    this.#leader = present(view.leader, 'the wait was for a leader')
    await this.#say(`they elected a leader: ${this.#leader}, in term ${view.term}`, 'good')
    return file
  }

  async #revision(file: ClusterFile): Promise<number> {
    const view = await viewLocalCluster(file, 1_000)
    return Math.max(0, ...view.nodes.map((node) => node.status?.revision ?? 0))
  }

  #machine(): LineSource {
    return systemSource({
      intervalMs: 1_000,
      forMs: systemForMs,
      clock: realClock,
      host: machineName(),
      sample: () => readMachine([tmpdir()]),
    })
  }

  #collect(
    file: ClusterFile,
    source: LineSource,
    templates: typeof marketTemplates,
  ): Promise<CollectReport> {
    const endpoints = file.nodes.map((node) => node.clientAddress)
    return collect({
      source,
      replicas,
      keyTemplate: templates.key,
      tokenTemplate: templates.token,
      connect: async (onRetry) => {
        const client = await connect(endpoints, { keyEncoding: 'utf8', valueEncoding: 'buffer' })
        client.on('status', (event) => {
          if (event.type === 'retry') onRetry()
        })
        return this.#ledger.witness(client)
      },
      signal: this.#signal,
      clock: realClock,
      random: realRandom,
    })
  }

  async #settle(collectors: readonly Promise<CollectReport>[]): Promise<CollectReport[]> {
    const settled = await Promise.allSettled(collectors)
    return settled.map((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
  }

  /** Kills a node in the middle of writes, watches the others carry on, and brings it back. */
  async #killAndRestart(file: ClusterFile, role: Death['role']): Promise<Death> {
    const before = await viewLocalCluster(requireClusterFile(this.#directory), 1_000)
    const leader = before.leader ?? this.#leader
    const followers = file.nodes.filter((node) => node.id !== leader)
    // One that has not been killed yet, so that the deaths are those of two nodes.
    const fresh = followers.find((node) => !this.#killed.has(node.id)) ?? followers[0]
    const id = role === 'leader' ? leader : fresh?.id
    const victim = present(
      requireClusterFile(this.#directory).nodes.find((node) => node.id === id),
      'a cluster of three has a leader and followers',
    )
    await this.#untilWriting()
    this.#ledger.watchGap()
    const { inFlight } = this.#ledger
    await killNode(victim)
    this.#killed.add(victim.id)
    await this.#say(
      `kill -9 ${victim.id}, ${role === 'leader' ? 'the leader' : 'a follower'}, ` +
        `with ${inFlight} writes in flight`,
      'bad',
    )
    await this.#untilRecovered(role, victim.id)
    await this.#pause(outageMs)
    const withoutWritesMs = Math.round(this.#ledger.longestGapMs)
    await this.#say(`${victim.id} starts again, and reads its log`)
    await startNodes(this.#directory, [victim.id])
    await this.#untilLevel(victim.id)
    return { node: victim.id, role, withoutWritesMs }
  }

  /** A kill between two writes would prove less. */
  async #untilWriting(): Promise<void> {
    const deadline = new Deadline(2_000)
    while (this.#ledger.inFlight === 0 && !deadline.passed) await sleep(1, this.#signal)
  }

  async #untilRecovered(role: Death['role'], victim: string): Promise<void> {
    const deadline = new Deadline(backMsMax)
    const acknowledged = this.#ledger.acknowledgements + this.#ledger.inFlight
    let leader: string | undefined
    let term = 0
    while (leader === undefined || this.#ledger.acknowledgements <= acknowledged) {
      if (deadline.passed) throw stuck('writes did not go on after the death of a node')
      await this.#pause(20)
      if (leader !== undefined) continue
      const view = await viewLocalCluster(requireClusterFile(this.#directory), 500)
      const found = view.nodes.find((node) => node.status?.role === 'leader')
      if (found?.id === undefined || found.id === victim) continue
      leader = found.id
      term = view.term
    }
    this.#leader = leader
    const gap = seconds(this.#ledger.longestGapMs)
    const text =
      role === 'leader'
        ? `${leader} leads now, in term ${term}; ${gap} without writes`
        : `two of three are a majority: the writes go on; ${gap} without any`
    await this.#say(text, 'good')
  }

  async #untilLevel(id: string): Promise<void> {
    const deadline = new Deadline(backMsMax)
    for (;;) {
      const view = await viewLocalCluster(requireClusterFile(this.#directory), 500)
      const node = view.nodes.find((candidate) => candidate.id === id)
      // Writes go on meanwhile, so that a little lag is always there.
      if (node?.status?.ready === true && (node.lag ?? marketPerSecond) < marketPerSecond) {
        const { appliedIndex } = node.status
        await this.#say(`${id} has caught up with what it missed (entry ${appliedIndex})`, 'good')
        return
      }
      if (deadline.passed) throw stuck(`${id} did not catch up`)
      await this.#pause(50)
    }
  }

  #tick(): () => void {
    const stop = new AbortController()
    const loop = async (): Promise<void> => {
      let last = this.#ledger.acknowledgements
      while (!stop.signal.aborted) {
        await sleep(tickerMs, stop.signal)
        const { acknowledgements, inFlight, applied } = this.#ledger
        const rate = Math.round(((acknowledgements - last) * 1000) / tickerMs)
        last = acknowledgements
        if (stop.signal.aborted) break
        this.#narrator.ticker(
          `${applied.size} records stored, ${acknowledgements} answers, ${rate}/s, ` +
            `${inFlight} in flight, leader ${this.#leader}`,
        )
      }
    }
    void loop()
    return () => stop.abort()
  }

  #report(
    reports: readonly CollectReport[],
    findings: Findings,
    deaths: readonly Death[],
  ): DemoReport {
    const sum = (pick: (report: CollectReport) => number): number =>
      reports.reduce((total, report) => total + pick(report), 0)
    const records = sum((report) => report.records)
    const rejected = sum((report) => report.rejected)
    const undecided = sum((report) => report.undecided)
    const { stored, lost, strange, storedTwice, alike } = findings
    const complete = stored === records && this.#ledger.applied.size === records
    const clean = lost === 0 && strange === 0 && storedTwice === 0 && alike
    return {
      ...findings,
      ok: complete && clean && rejected === 0 && undecided === 0,
      records,
      writes: sum((report) => report.records * report.replicas),
      duplicates: sum((report) => report.duplicate),
      mismatches: sum((report) => report.mismatch),
      rejected,
      retries: sum((report) => report.retries),
      deaths,
      seconds: (monotonicTime() - this.#start) / 1000,
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, this.#signal)
    this.#checkInterrupted()
  }

  #checkInterrupted(): void {
    if (!this.#signal.aborted) return
    throw new QuorateError('QUORATE_ABORTED', 'the demo was interrupted')
  }

  #say(text: string, tone?: 'plain' | 'good' | 'bad' | 'title'): Promise<void> {
    return this.#narrator.say(text, tone)
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}

function stuck(what: string): QuorateError {
  return new QuorateError('QUORATE_TIMEOUT', what, { outcome: 'not-applied' })
}
