/**
 * The whole world of one lifetime: machines with nodes, clients, the network between them, and the
 * checks that watch. It is built from the drawn options and a seed, and nothing else.
 */
import { AssertionError } from '../../../src/assert.ts'
import { QuorateError } from '../../../src/errors.ts'
import type { Logger } from '../../../src/logger.ts'
import { nodeSettings } from '../../../src/node/options.ts'
import { randomBetween, randomFraction, SeededRandom } from '../../../src/random.ts'
import type { Entry, Message, Raft, Ready } from '../../../src/raft/index.ts'
import type { StateFrame } from '../../../src/transport/index.ts'
import type { AppliedEntry, StateMachine } from '../../../src/state/index.ts'
import { Atlas } from '../disk/atlas.ts'
import { SimDatabases } from '../disk/sim-databases.ts'
import { SimDisk } from '../disk/sim-disk.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { MachineClock } from '../kernel/process.ts'
import { SimNetwork } from '../network/sim-network.ts'
import { Weather } from '../network/weather.ts'
import { clientPort, codeOf, dataDirectory, isRemoved, Machine, peerPort } from './machine.ts'
import { Violation } from './observer.ts'
import type { Check, LifeEnd, WorldView } from './observer.ts'
import type { Probe } from './probe.ts'
import type { Begun } from './faults.ts'
import type { Swarm } from './swarm.ts'

/** What a world is made of. */
export interface WorldOptions {
  readonly kernel: Kernel
  readonly swarm: Swarm
  readonly seed: number
  /** Nodes' own log lines, for people; undefined: none are made. */
  readonly log: ((line: string) => void) | undefined
}

export class World implements WorldView, Probe {
  readonly kernel: Kernel
  readonly swarm: Swarm
  readonly weather: Weather
  readonly network: SimNetwork
  /** Those of the beginning, and those that joined. */
  readonly machines: Machine[]
  /** Of the beginning. */
  readonly firstIds: readonly string[]
  readonly clientHosts: readonly string[]
  /** Faults in force that keep clients from nodes. */
  clientCuts = 0
  readonly atlas: Atlas
  readonly random: SeededRandom
  /** Kills one of the clients; false where there is none. Set by whoever runs them. */
  killClient: (random: SeededRandom) => boolean = () => false
  /** Told once of a node that begins to fetch a snapshot, or has it whole. */
  atInstall: ((machine: Machine, stage: 'begun' | 'whole') => void) | undefined
  /** How often what happened so far: see `Figures` of a lifetime. */
  readonly counts = {
    elections: 0,
    compactions: 0,
    snapshotsSent: 0,
    snapshotsInstalled: 0,
    handOvers: 0,
    configurations: 0,
  }
  readonly #spares: SeededRandom[]
  #checks: readonly Check[] = []
  readonly #owner = new WeakMap<Raft, Machine>()
  readonly #options: WorldOptions

  constructor(options: WorldOptions) {
    this.#options = options
    this.kernel = options.kernel
    this.swarm = options.swarm
    const { swarm, kernel } = this
    // One generator for each part, so that a draw in one does not shift the others.
    const random = new SeededRandom(options.seed)
    this.weather = new Weather({ delayMs: swarm.delayMs, jitterMs: swarm.jitterMs })
    this.network = new SimNetwork({
      kernel,
      random: random.fork(),
      weather: this.weather,
      windowBytes: swarm.windowBytes,
      isRough: (port) => port === peerPort,
    })
    // Whoever was wiped has forgotten its votes and acknowledgements (RethinkDB 2.2.3,
    // `qdrant#1235`): nothing that it says may count.
    this.network.onDisowned = (from, to) =>
      this.judge(() => {
        if (this.node(to).wiped) return
        throw new Violation('wiped', `${to} takes messages from ${from}, which was wiped`)
      })
    this.firstIds = Array.from({ length: swarm.nodes }, (_, i) => `n${i + 1}`)
    this.clientHosts = Array.from({ length: swarm.clients }, (_, i) => `c${i + 1}`)
    this.atlas = new Atlas({ ids: this.firstIds, random: random.fork() })
    this.machines = this.firstIds.map((id) => this.#machine(id, random.fork()))
    this.random = random.fork()
    this.#spares = Array.from({ length: swarm.spares }, () => random.fork())
  }

  /** Of all machines that there are by now. */
  get ids(): readonly string[] {
    return this.machines.map(({ id }) => id)
  }

  /** Another machine, made to join, which starts by itself soon; undefined: there is none left. */
  join(): Machine | undefined {
    const random = this.#spares.shift()
    if (random === undefined) return undefined
    const machine = this.#machine(`n${this.machines.length + 1}`, random, true)
    this.machines.push(machine)
    this.kernel.note('join', machine.id)
    machine.keptDown = true
    void machine.initialise().then(() => {
      machine.keptDown = false
      this.kernel.after(1, () => machine.start())
    })
    return machine
  }

  get now(): number {
    return this.kernel.now
  }

  get nodes(): readonly Machine[] {
    return this.machines
  }

  node(id: string): Machine {
    const found = this.machines.find((machine) => machine.id === id)
    if (found === undefined) throw new Error(`there is no node ${id}`)
    return found
  }

  /** Who listens from now on. */
  watch(checks: readonly Check[]): void {
    this.#checks = checks
  }

  /** The leader of the highest term, as far as one is known to lead. */
  leader(): Machine | undefined {
    let found: Machine | undefined
    let term = -1
    for (const machine of this.machines) {
      if (machine.raft?.role !== 'leader' || !machine.alive) continue
      const status = machine.raft.status()
      if (status.term > term) {
        found = machine
        term = status.term
      }
    }
    return found
  }

  /** A clock of its own for a client's machine. */
  clockOf(random: SeededRandom): MachineClock {
    const { clockSpread, wallSpreadMs } = this.swarm
    const around = (spread: number): number => spread * (2 * randomFraction(random) - 1)
    return new MachineClock(this.kernel, {
      rate: 1 + around(clockSpread),
      base: randomBetween(random, 0, 100_000),
      wallOffset: 1_767_225_600_000 + Math.floor(around(wallSpreadMs)),
    })
  }

  /** Makes all data directories and starts all nodes. */
  start(): void {
    let made = 0
    for (const machine of this.machines) {
      void machine.initialise().then(() => {
        made++
      })
    }
    if (!this.kernel.runUntil(() => made === this.machines.length, 60_000)) {
      throw new Violation('world', 'the data directories could not be made', 'crash')
    }
    for (const machine of this.machines) machine.start()
  }

  /** Takes processes down; the heal starts those that are still down. */
  takeDown(what: string, machines: readonly Machine[], how: (machine: Machine) => void): Begun {
    const ids = machines.map(({ id }) => id).join(' ')
    for (const machine of machines) how(machine)
    const heal = (): void => {
      for (const machine of machines) if (!machine.refused) machine.start()
    }
    return { what: `${what} ${ids}`, heal }
  }

  /** Somebody made a node's data directory anew, under its old name. */
  wipe(machine: Machine): void {
    this.atlas.record({ machine: machine.id, at: this.now, what: 'wipe' })
    machine.kill()
    machine.wiped = true
    machine.damaged = true
    machine.keptDown = true
    this.kernel.note('wipe', machine.id)
    machine.replaceDisk(this.#disk(machine.id, machine.spare.fork()), this.#databases(machine))
    void machine.initialise().then(() => {
      machine.keptDown = false
      this.kernel.after(1, () => machine.start())
    })
  }

  /** Runs a check's code; a violation ends the lifetime. */
  judge(look: () => void): void {
    try {
      look()
    } catch (error) {
      this.kernel.crash ??= { error, where: 'a check' }
    }
  }

  // What the probe sees.

  onCore(raft: Raft): void {
    const machine = this.node(this.kernel.running ?? '')
    machine.raft = raft
    this.#owner.set(raft, machine)
    if (machine.wiped) return
    const status = raft.status()
    this.judge(() => {
      for (const check of this.#checks) check.onStart?.(machine, status)
    })
  }

  onReady(raft: Raft, ready: Ready): void {
    const machine = this.#owner.get(raft)
    if (machine === undefined) return
    const change = ready.roleChange
    if (change !== undefined) {
      this.kernel.note('role', machine.id, change.role, change.term)
      if (change.role === 'leader') this.counts.elections++
    }
    if (machine.wiped) return
    for (const { kind, term, index } of ready.entries) {
      if (kind !== 'config' || raft.role !== 'leader') continue
      this.counts.configurations++
      this.kernel.note('configuration', machine.id, index, term)
    }
    this.judge(() => {
      for (const check of this.#checks) check.onReady?.(machine, ready)
      if (ready.readStates.length === 0) return
      for (const state of ready.readStates) {
        const index = state.refused ? undefined : state.readIndex
        for (const check of this.#checks) check.onReadState?.(machine, state.requestId, index)
      }
    })
  }

  onAdvance(raft: Raft, ready: Ready): void {
    const machine = this.#owner.get(raft)
    if (machine === undefined || machine.wiped) return
    this.judge(() => {
      for (const check of this.#checks) check.onAdvance?.(machine, ready)
    })
  }

  onStep(raft: Raft, message: Message): void {
    const machine = this.#owner.get(raft)
    if (machine === undefined || machine.wiped) return
    this.judge(() => {
      for (const check of this.#checks) check.onStep?.(machine, message)
    })
  }

  onCompacted(raft: Raft, index: number): void {
    this.counts.compactions++
    this.kernel.note('compacted', this.#owner.get(raft)?.id, index)
  }

  onExport(): void {
    this.counts.snapshotsSent++
  }

  onImport(stage: 'begun' | 'whole'): void {
    const machine = this.node(this.kernel.running ?? '')
    if (stage === 'whole') this.counts.snapshotsInstalled++
    this.kernel.note('import', machine.id, stage)
    this.atInstall?.(machine, stage)
  }

  onReadIndex(raft: Raft, id: number): void {
    const machine = this.#owner.get(raft)
    if (machine === undefined || machine.wiped) return
    this.judge(() => {
      for (const check of this.#checks) check.onReadIndex?.(machine, id)
    })
  }

  onSend(messages: readonly Message[]): void {
    const [first] = messages
    if (first === undefined) return
    const machine = this.node(first.from)
    if (machine.wiped) return
    this.judge(() => {
      for (const message of messages) {
        if (message.type === 'timeoutNow') this.counts.handOvers++
        for (const check of this.#checks) check.onSend?.(machine, message)
      }
    })
  }

  onSendState(to: string, frame: StateFrame): void {
    const machine = this.node(this.kernel.running ?? '')
    if (frame.type !== 'snapshotFrame' || machine.wiped) return
    for (const check of this.#checks) check.onSnapshotFrame?.(machine, to, frame)
  }

  onApplied(
    state: StateMachine,
    entries: readonly Entry[],
    applied: readonly AppliedEntry[],
  ): void {
    const machine = this.node(this.kernel.running ?? '')
    const last = entries.at(-1)
    if (last === undefined || machine.wiped) return
    const effects = state.effectsDigest
    this.kernel.note('applied', machine.id, last.index, last.term, state.revision, effects)
    this.judge(() => {
      for (const check of this.#checks) check.onApplied?.(machine, entries, applied, effects)
    })
  }

  // The parts.

  #machine(id: string, random: SeededRandom, joins = false): Machine {
    const { kernel, network, swarm } = this
    return new Machine({
      id,
      members: this.firstIds,
      joins,
      kernel,
      network,
      clock: this.clockOf(random),
      disk: this.#disk(id, random.fork()),
      databases: new SimDatabases({ kernel, random: random.fork() }),
      random: random.fork(),
      spare: random.fork(),
      settings: (node, logger) => this.#settings(node, logger),
      segmentBytes: swarm.segmentBytes,
      log: this.#options.log,
      onEnd: (which, end) => this.#onEnd(which, end),
    })
  }

  #disk(id: string, random: SeededRandom): SimDisk {
    const { syncMsMin, syncMsMax } = this.swarm
    const disk = new SimDisk({
      kernel: this.kernel,
      name: id,
      random,
      timing: {
        readMs: [0.02, 0.2],
        writeMs: [0.01, 0.1],
        syncMs: [syncMsMin, syncMsMax],
        otherMs: [0.02, 0.3],
      },
    })
    disk.onDurable = () => {
      const machine = this.node(id)
      if (machine.wiped) return
      this.judge(() => {
        for (const check of this.#checks) check.onDurable?.(machine)
      })
    }
    return disk
  }

  #databases(machine: Machine): SimDatabases {
    return new SimDatabases({ kernel: this.kernel, random: machine.spare.fork() })
  }

  #settings(id: string, logger: Logger) {
    const { heartbeatMs, electionMinMs, electionMaxMs, caps } = this.swarm
    const { walMaxBytes, walKeepEntries } = this.swarm
    return nodeSettings(
      {
        dataDirectory,
        clientListen: `${id}:${clientPort}`,
        peerListen: `${id}:${peerPort}`,
        heartbeatMs,
        electionTimeoutMinMs: electionMinMs,
        electionTimeoutMaxMs: electionMaxMs,
        ...(walMaxBytes === undefined ? {} : { walMaxBytes }),
        ...(walKeepEntries === undefined ? {} : { walKeepEntries }),
        logger,
      },
      { ...caps, segmentBytes: this.swarm.segmentBytes },
    )
  }

  #onEnd(machine: Machine, end: LifeEnd): void {
    this.judge(() => {
      if (end.type === 'failed') this.#judgeFailure(machine, end.error)
      if (machine.wiped) return
      for (const check of this.#checks) check.onEnd?.(machine, end)
    })
  }

  /** A node may end itself for one reason alone: its disk failed it, and that had been set off. */
  #judgeFailure(machine: Machine, error: unknown): void {
    if (error instanceof AssertionError && !machine.wiped) {
      throw new Violation('assertion', `${machine.id}: ${error.message}`, 'crash', error)
    }
    if (isRemoved(error)) return
    const excused = machine.damaged || machine.disk.troubled
    if (excused && error instanceof QuorateError) return
    if (machine.databases.rotten) return
    const what = `${machine.id} ended itself: ${codeOf(error)}: ${String(error)}`
    throw new Violation('ended', what, 'crash', error)
  }
}
