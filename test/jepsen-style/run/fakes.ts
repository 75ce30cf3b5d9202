/** A world without processes, sockets and waiting, for tests of runs. */
import { mkdirSync } from 'node:fs'
import type { Client } from 'quorate'
import type { Cluster } from '../../../jepsen-style/cluster/cluster.ts'
import { HistoryWriter, type NewEvent } from '../../../jepsen-style/history/index.ts'
import type { Fault, Nemesis, Scene } from '../../../jepsen-style/nemesis/nemesis.ts'
import type { Links } from '../../../jepsen-style/network/links.ts'
import { Journal, type HistorySink } from '../../../jepsen-style/run/journal.ts'
import type { RunPorts } from '../../../jepsen-style/run/ports.ts'
import { SeededChance } from '../../../jepsen-style/workloads/chance.ts'
import { checkReplicas } from '../../../jepsen-style/workloads/replicas.ts'
import type {
  Completion,
  Invocation,
  Workload,
  WorkloadRun,
} from '../../../jepsen-style/workloads/workload.ts'
import { VirtualClock } from './virtual-clock.ts'

export const chances =
  (seed: number) =>
  (name: string): SeededChance =>
    new SeededChance(seed).fork(name)

/** A history in memory. */
export class MemorySink implements HistorySink {
  readonly events: NewEvent[] = []

  get length(): number {
    return this.events.length
  }

  write(event: NewEvent): void {
    this.events.push(event)
  }

  async flushed(): Promise<void> {}

  async close(): Promise<void> {}
}

export function memoryJournal(clock: VirtualClock): { sink: MemorySink; journal: Journal } {
  const sink = new MemorySink()
  return { sink, journal: new Journal(sink, clock) }
}

/** A fault that does what its options say, and writes down what was done to it. */
export interface FaultScript {
  readonly takes?: readonly string[]
  readonly seen?: boolean
  readonly begin?: () => Promise<void>
  readonly heal?: () => Promise<void>
  readonly unavailable?: string
  readonly drawn?: boolean
}

export function fakeNemesis(name: string, log: string[], script: FaultScript = {}): Nemesis {
  return {
    name,
    about: 'a fault for tests',
    kind: 'process',
    unavailable: () => script.unavailable,
    draw: async (scene: Scene): Promise<Fault | undefined> => {
      if (script.drawn === false) return undefined
      log.push(`draw ${name} busy ${[...scene.busy].join()}`.trim())
      return {
        detail: `${name} hits`,
        takes: script.takes ?? [],
        begin: async () => {
          log.push(`begin ${name}`)
          await script.begin?.()
        },
        seen: async () => (script.seen === false ? undefined : 'it was seen'),
        heal: async () => {
          log.push(`heal ${name}`)
          await script.heal?.()
        },
      }
    },
  }
}

const refuse = (): never => {
  throw new Error('not in this test')
}

/** A cluster of which only the readiness counts. */
export function fakeCluster(log: string[], ready: () => boolean = () => true): Cluster {
  return {
    nodes: [],
    node: refuse,
    endpoints: 'nowhere:1',
    start: async () => refuse(),
    kill: async () => refuse(),
    stop: async () => refuse(),
    pause: refuse,
    resume: refuse,
    report: async () => undefined,
    leader: async () => 'n1',
    ready: async () => ready(),
    close: async () => void log.push('cluster closed'),
  }
}

export function fakeLinks(log: string[]): Links {
  return {
    backend: 'relay',
    effects: new Set(),
    listenAddresses: refuse,
    peerAddress: refuse,
    clientAddress: refuse,
    commandOf: (_node, command) => command,
    add: async () => refuse(),
    close: async () => void log.push('links closed'),
  }
}

/** A client of which a run itself needs only this much. */
export function fakeClient(log: string[], digests: Readonly<Record<string, string>>): Client {
  const client = {
    digest: async () => ({
      index: 1,
      nodes: Object.entries(digests).map(([id, rows]) => ({ id, rows, effects: 'e' })),
    }),
    status: async () => ({ clusterId: 'c', leader: 'n1', term: 1, endpoints: [] }),
    close: async () => void log.push('client closed'),
  }
  // The rest of a client is for workloads, and those of these tests do without.
  return client as unknown as Client
}

/** What a workload of these tests does. */
export interface WorkloadScript {
  readonly perform?: (invocation: Invocation, slot: number) => Promise<Completion>
  readonly check?: WorkloadRun['check']
  readonly finalReads?: () => readonly Invocation[]
}

/** Numbers its calls; each takes 10 ms and is ok, unless the script says otherwise. */
export function fakeWorkload(clock: VirtualClock, script: WorkloadScript = {}): Workload {
  return {
    name: 'numbers',
    about: 'for tests',
    begin: () => {
      let next = 0
      return {
        next: () => ({ f: 'count', value: next++ }),
        perform: async (_client, invocation, slot) => {
          await clock.sleep(10)
          return (await script.perform?.(invocation, slot)) ?? { type: 'ok' }
        },
        finalReads: script.finalReads ?? (() => []),
        check:
          script.check ??
          (async (history) => [
            {
              name: 'counted',
              verdict: 'ok',
              text: `${history.length} events`,
              figures: { acknowledged: 1, lost: 0 },
            },
          ]),
      }
    },
  }
}

/** The whole world. */
export interface FakeWorld {
  readonly clock: VirtualClock
  readonly log: string[]
  readonly ports: RunPorts
}

export interface WorldScript {
  readonly nemeses?: (log: string[]) => readonly Nemesis[]
  readonly workload?: WorkloadScript
  readonly ready?: () => boolean
  readonly digests?: Readonly<Record<string, string>>
}

export function fakeWorld(script: WorldScript = {}): FakeWorld {
  const clock = new VirtualClock()
  const log: string[] = []
  const same = { n1: 'a', n2: 'a', n3: 'a' }
  return {
    clock,
    log,
    ports: {
      catalogue: {
        workloads: [fakeWorkload(clock, script.workload)],
        nemeses: script.nemeses?.(log) ?? [fakeNemesis('kill', log)],
      },
      version: '1.2.3',
      clock: () => clock,
      now: () => new Date('2026-01-31T12:00:00Z'),
      drawSeed: () => 42,
      chances,
      openLinks: async () => fakeLinks(log),
      openCluster: async ({ directory }) => {
        mkdirSync(directory, { recursive: true })
        return fakeCluster(log, script.ready)
      },
      connect: async () => fakeClient(log, script.digests ?? same),
      openHistory: (path) => new HistoryWriter(path),
      checkReplicas,
      writeReport: async (directory) => `${directory}/report.html`,
    },
  }
}
