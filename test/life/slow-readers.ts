/**
 * `npm run life:slow-readers`: a follower stands still (SIGSTOP), and clients ask the leader for
 * megabytes and read none of the answers, while others write. What the leader cannot get rid of
 * stays within its caps: its anonymous memory keeps below a bound, it leads on, and no write fails.
 */
import { Command } from 'commander'
import { realNetwork } from '../../src/system/network.ts'
import { encodeClientFrame } from '../../src/transport/client-codec.ts'
import type { Request } from '../../src/transport/index.ts'
import type { Connection } from '../../src/ports.ts'
import { parsed, whole } from '../chaos/command.ts'
import { Figures, mib, ms, percentile } from './figures.ts'
import { LifeCluster, pause } from './nodes.ts'
import type { LifeNode } from './nodes.ts'
import { openLoop } from './open-loop.ts'

interface Options {
  readonly seconds: number
  readonly rate: number
  readonly bytes: number
  readonly memory: number
}

const mebibyte = 1_048_576
const lookEveryMs = 250
const largeKey = 'large'
/** Of each client that does not read: far more than a node keeps for one. */
const askedMegabytes = 256
/** The node gives up whoever takes nothing; others come all the time. */
const nextClientEveryMs = 2_500

/** Clients that ask for much and read nothing, one more every so often, until told to stop. */
class DeafClients {
  readonly #address: string
  readonly #connections: Connection[] = []
  #stopped = false
  readonly #running: Promise<void>

  constructor(address: string) {
    this.#address = address
    this.#running = this.#run()
  }

  get count(): number {
    return this.#connections.length
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    for (const connection of this.#connections) connection.close('it is over')
  }

  async #run(): Promise<void> {
    for (let next = 0; !this.#stopped;) {
      if (performance.now() >= next) {
        next = performance.now() + nextClientEveryMs
        await this.#ask()
      }
      await pause(50)
    }
  }

  async #ask(): Promise<void> {
    const options = { frameBytesMax: 64 * mebibyte, timeoutMs: 5_000 }
    const connection = await realNetwork.connect(this.#address, options)
    this.#connections.push(connection)
    connection.setHandlers({ onFrame: () => {}, onClose: () => {} })
    connection.pauseReading()
    const versions = { protocolMin: 1, protocolMax: 1, clusterId: undefined }
    connection.send(encodeClientFrame({ type: 'hello', ...versions }))
    const keys = [new Uint8Array(Buffer.from(largeKey))]
    const requests = Array.from({ length: askedMegabytes }, (_, id): Request => {
      return { id: id + 1, timeoutMs: 60_000, kind: 'get', keys, consistency: 'stale' }
    })
    connection.send(encodeClientFrame({ type: 'requests', requests }))
  }
}

/** The most anonymous memory of a node, until told to stop. */
class MemoryWatch {
  most = 0
  #stopped = false
  readonly #running: Promise<void>

  constructor(node: LifeNode) {
    this.#running = this.#look(node)
  }

  async stop(): Promise<number> {
    this.#stopped = true
    await this.#running
    return this.most
  }

  async #look(node: LifeNode): Promise<void> {
    while (!this.#stopped) {
      this.most = Math.max(this.most, node.anonymousBytes())
      await pause(lookEveryMs)
    }
  }
}

async function main(options: Options): Promise<number> {
  const figures = new Figures()
  await using cluster = new LifeCluster()
  await cluster.begin(['n1', 'n2', 'n3'])
  await using db = await cluster.connect({ timeout: 60_000 })
  await db.put(largeKey, Buffer.alloc(mebibyte, 'x'))
  const { id, term } = await cluster.leader()
  const leader = cluster.node(id)
  const still = [...cluster.nodes.values()].find((node) => node !== leader)
  if (still === undefined) throw new Error('nobody follows')
  const load = async (prefix: string, seconds: number) => {
    const watch = new MemoryWatch(leader)
    const end = performance.now() + 1_000 * seconds
    const { rate: perSecond, bytes } = options
    const ended = (): boolean => performance.now() > end
    const result = await openLoop({ db, prefix, perSecond, bytes, ended })
    return { ...result, most: await watch.stop() }
  }

  const usual = await load('usual/', Math.min(options.seconds, 10))
  still.signal('SIGSTOP')
  const deaf = new DeafClients(leader.clientAddress)
  const meanwhile = await load('meanwhile/', options.seconds)
  await deaf.stop()
  const after = await cluster.node(id).status()
  still.signal('SIGCONT')

  const written = meanwhile.latencies.length * options.bytes
  figures.say(`     ${mib(written)} written beside a follower that stood still and ${deaf.count} clients that read nothing`) // prettier-ignore
  figures.judge(
    meanwhile.most <= options.memory * mebibyte,
    `anonymous memory of the leader was ${mib(meanwhile.most)} at most; bound ${options.memory} MiB, ${mib(usual.most)} before`,
  )
  figures.judge(after?.role === 'leader' && after.term === term, `the leader is ${after?.leader ?? 'nobody'} in term ${after?.term ?? 0}; was ${id} in term ${term}`) // prettier-ignore
  figures.judge(usual.failed + meanwhile.failed === 0, `${usual.failed} and ${meanwhile.failed} puts failed`) // prettier-ignore
  const [before, during] = [usual, meanwhile].map(({ latencies }) => percentile(latencies, 0.99))
  figures.say(`     p99 of ${options.rate} puts/s: ${ms(before ?? 0)} before, ${ms(during ?? 0)} meanwhile`) // prettier-ignore
  await cluster.ready(120_000)
  const { nodes, kinds } = await cluster.digests()
  figures.judge(nodes === 3 && kinds === 1, `${nodes} of 3 nodes gave a digest: ${kinds} different`)
  return figures.exitCode
}

const most = 999_999
const command = new Command('npm run life:slow-readers --')
  .description('Stops a follower and reads nothing of what it asks for, and looks at the leader.')
  .option('--seconds <n>', 'how long', whole(most), 60)
  .option('--rate <n>', 'puts a second', whole(most), 1_000)
  .option('--bytes <n>', 'bytes of each', whole(most), 8_192)
  .option('--memory <n>', 'bound of the anonymous memory of the leader, MiB', whole(most), 420)
if (parsed(command)) process.exitCode = await main(command.opts<Options>())
