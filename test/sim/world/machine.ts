/**
 * A machine with one node on it: disk, databases and clock outlive the processes that run there.
 * What would restart a real node, an init system, is here too: a node that ended itself is started
 * again a little later, unless it refused to start on a disk that was damaged.
 */
import { QuorateError } from '../../../src/errors.ts'
import type { Logger } from '../../../src/logger.ts'
import type { NodeSettings } from '../../../src/node/options.ts'
import type { RunningNode } from '../../../src/node/supervise.ts'
import { runNode } from '../../../src/node/supervise.ts'
import type { Raft } from '../../../src/raft/index.ts'
import type { SeededRandom } from '../../../src/random.ts'
import { initialise } from '../../../src/wal/index.ts'
import type { SimDatabases } from '../disk/sim-databases.ts'
import type { SimDisk } from '../disk/sim-disk.ts'
import type { DurableLog } from '../disk/durable-log.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { Process } from '../kernel/process.ts'
import type { MachineClock } from '../kernel/process.ts'
import type { SimNetwork } from '../network/sim-network.ts'
import type { LifeEnd, NodeView } from './observer.ts'

/** Where a node keeps everything. */
export const dataDirectory = '/data'
export const clientPort = 7101
export const peerPort = 7201

/** What a machine is made of. */
export interface MachineOptions {
  readonly id: string
  readonly members: readonly string[]
  /** It is made for a cluster that runs already, and those are its members. */
  readonly joins: boolean
  readonly kernel: Kernel
  readonly network: SimNetwork
  readonly disk: SimDisk
  readonly databases: SimDatabases
  readonly clock: MachineClock
  readonly random: SeededRandom
  /** For parts that are made later. */
  readonly spare: SeededRandom
  readonly settings: (id: string, logger: Logger) => NodeSettings
  readonly segmentBytes: number
  /** Lines for people; undefined: none are made. */
  readonly log: ((line: string) => void) | undefined
  readonly onEnd: (machine: Machine, end: LifeEnd) => void
}

/** How long an init system waits, ms. */
const restartMs = 500

export class Machine implements NodeView {
  readonly id: string
  readonly members: readonly string[]
  disk: SimDisk
  databases: SimDatabases
  readonly clock: MachineClock
  readonly spare: SeededRandom
  readonly settings: NodeSettings
  process: Process | undefined
  running: RunningNode | undefined
  /** It joined a running cluster. */
  readonly joins: boolean
  /** The core of the present life. */
  raft: Raft | undefined
  lives = 0
  /** Its log, vote or identity was damaged. */
  damaged = false
  /** Its state was damaged, or what points to it: it is made anew. */
  stateDamaged = false
  /** Its data directory was made anew: nothing that it says may count. */
  wiped = false
  /** It will not start any more, and that is right: it said what is damaged. */
  refused = false
  /** The init system is told to leave it down. */
  keptDown = false
  /** An orderly stop was asked for in the present life. */
  #closing = false
  /** A start was asked for meanwhile. */
  #startsAgain = false
  readonly #options: MachineOptions

  constructor(options: MachineOptions) {
    this.#options = options
    this.id = options.id
    this.members = options.members
    this.joins = options.joins
    this.disk = options.disk
    this.databases = options.databases
    this.clock = options.clock
    this.spare = options.spare
    this.settings = options.settings(this.id, this.#logger())
  }

  get durable(): DurableLog {
    return this.disk.durable
  }

  /** As far as the rows of the live state are durable; see `NodeView`. */
  durableState(): number | undefined {
    if (this.stateDamaged) return undefined
    const generation = this.disk.liveGeneration()
    const marker = generation && this.disk.durableFile(`groups/0/state-${generation}/CURRENT`)
    return marker && this.databases.durableIndex(Number(Buffer.from(marker).toString('latin1')))
  }

  /** A process is there, stopped or not. */
  get alive(): boolean {
    return this.process?.alive === true
  }

  /** It answers, as far as it is let. */
  get serving(): boolean {
    return this.running !== undefined && this.alive && !this.process?.stopped
  }

  /** Makes the data directory, in a process of its own. */
  initialise(): Promise<void> {
    const { kernel, random, segmentBytes } = this.#options
    const process = new Process(kernel, this.id, this.clock)
    const made = (): Promise<unknown> =>
      initialise({
        disk: this.disk.mount(process),
        random,
        path: dataDirectory,
        nodeId: this.id,
        members: this.members.map((id) => ({ id, peerAddress: `${id}:${peerPort}` })),
        clusterName: 'sim',
        ...(this.joins ? { joining: true } : {}),
        segmentBytes,
      })
    return new Promise((resolve) => {
      process.post('input', () => {
        void made().then(() => {
          process.kill()
          this.disk.kill()
          resolve()
        })
      })
    })
  }

  /** What was there is gone. */
  replaceDisk(disk: SimDisk, databases: SimDatabases): void {
    this.disk = disk
    this.databases = databases
  }

  /** Starts a process with a node in it; where one is about to end in good order, after that. */
  start(): void {
    if (this.alive) {
      this.#startsAgain = this.#closing
      return
    }
    const { kernel, network, random } = this.#options
    const process = new Process(kernel, this.id, this.clock)
    process.disowned = this.wiped
    this.process = process
    this.lives++
    network.powerOn(this.id)
    kernel.note('start', this.id, this.lives)
    const ports = {
      clock: process.clock,
      random: random.fork(),
      disk: this.disk.mount(process),
      network: network.port(this.id, process),
      openDatabase: this.databases.opener(process, this.disk.mount(process)),
      processId: undefined,
      version: 'simulated',
    }
    process.post('input', () => {
      runNode(ports, this.settings).then(
        (running) => {
          if (this.process !== process || !process.alive) return
          this.running = running
          kernel.note('serving', this.id)
          running.closed.then(
            () => this.#ended(process, { type: 'closed' }),
            (error: unknown) => this.#ended(process, { type: 'failed', error }),
          )
        },
        (error: unknown) => this.#ended(process, { type: 'failed', error }),
      )
    })
  }

  /** SIGKILL: the process is gone, the machine and all that it was given to write stay. */
  kill(): void {
    if (!this.alive) return
    this.#options.kernel.note('kill', this.id)
    this.#leave({ type: 'killed' })
    this.disk.kill()
  }

  /** The machine loses power: what was not synced is gone, as far as chance does not save it. */
  powerCut(keep: 'none' | 'prefix' | 'sectors' | 'all', style: 'strict' | 'ext4'): void {
    // Of a process that had ended before nothing ends now; what it had not synced is lost all the
    // same. The network goes first: a machine without power says nothing of its connections.
    const { alive } = this
    if (alive) this.#options.kernel.note('power cut', this.id, keep)
    this.#options.network.powerOff(this.id)
    if (alive) this.#leave({ type: 'powerCut' })
    this.disk.powerCut({ keep, style })
  }

  /** An orderly stop, as on SIGTERM; one that does not serve yet has nothing to bring in order. */
  close(): void {
    const { running, process } = this
    if (running === undefined || process === undefined) return this.kill()
    this.#closing = true
    this.#options.kernel.note('close', this.id)
    process.post('input', () => {
      running.close().catch(() => {})
    })
  }

  stop(): void {
    this.process?.stop()
  }

  resume(): void {
    this.process?.resume()
  }

  #ended(process: Process, end: LifeEnd): void {
    if (this.process !== process || !process.alive) return
    const { kernel } = this.#options
    kernel.note('ended', this.id, end.type, end.type === 'failed' ? codeOf(end.error) : undefined)
    this.#options.log?.(`${this.id} ended: ${end.type === 'failed' ? String(end.error) : end.type}`)
    const hadStarted = this.running !== undefined
    const startsAgain = this.#startsAgain
    this.#leave(end)
    this.disk.kill()
    if (end.type !== 'failed' && !startsAgain) return
    // It refuses every start from now on: an init system is told to leave such a node alone.
    if (end.type === 'failed' && isRemoved(end.error)) return
    if (end.type === 'failed' && !hadStarted && this.damaged && isRefusal(end.error)) {
      this.refused = true
      kernel.note('refused', this.id)
      return
    }
    kernel.after(restartMs, () => {
      if (!this.keptDown) this.start()
    })
  }

  #leave(end: LifeEnd): void {
    const { process } = this
    this.process = undefined
    this.running = undefined
    this.#closing = false
    this.#startsAgain = false
    // A check may still want to look at the core that ended.
    this.#options.onEnd(this, end)
    this.raft = undefined
    process?.kill()
    this.databases.crash()
  }

  #logger(): Logger {
    const { log, kernel } = this.#options
    if (log === undefined) {
      const nothing = (): void => {}
      return { debug: nothing, info: nothing, warn: nothing, error: nothing }
    }
    const line =
      (level: string) =>
      (message: string, fields?: object): void =>
        log(
          `${kernel.now.toFixed(3)} ${this.id} ${level} ${message} ${JSON.stringify(fields ?? {})}`,
        )
    return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
  }
}

/** The code of an error, which is the same on every version of Node; never its text. */
export function codeOf(error: unknown): string {
  if (error instanceof QuorateError) return error.code
  return error instanceof Error ? error.name : typeof error
}

/** Whether a node said that it was removed. Of one that was not, the end finds that it is away. */
export function isRemoved(error: unknown): boolean {
  return codeOf(error) === 'QUORATE_REMOVED'
}

/** Whether a node said that its bytes are not what was written. */
function isRefusal(error: unknown): boolean {
  return error instanceof QuorateError && error.code !== 'QUORATE_INTERNAL'
}
