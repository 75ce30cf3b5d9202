/**
 * `npm run life:big`: far more goes through three nodes than their logs may hold, and a new member
 * comes while others write. The logs stay below their cap, the memory small, the leader the same,
 * the new member gets all; what it costs the writers is measured.
 */
import { Command } from 'commander'
import { QuorateError } from '../../src/index.ts'
import type { Client } from '../../src/index.ts'
import { parsed, whole } from '../chaos/command.ts'
import { Figures, mib, ms, percentile } from './figures.ts'
import { LifeCluster, pause, until } from './nodes.ts'
import { openLoop } from './open-loop.ts'

interface Options {
  readonly megabytes: number
  readonly walMax: number
  readonly rate: number
  readonly seconds: number
  readonly memory: number
}

const mebibyte = 1_048_576
const valueBytes = 16_384
/** Values are drawn from so many keys, so that the state is smaller than what was written. */
const keys = 20_000
const writersCount = 32
const lookEveryMs = 250
/** However long a snapshot takes; one that takes longer has hung. */
const joinMsMax = 900_000

/** Watches what has to stay small and still, until told to stop. */
class Watch {
  walBytesMost = 0
  anonymousBytesMost = 0
  readonly terms = new Set<number>()
  #stopped = false
  readonly #running: Promise<void>

  constructor(cluster: LifeCluster) {
    this.#running = this.#look(cluster)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #look(cluster: LifeCluster): Promise<void> {
    while (!this.#stopped) {
      for (const node of cluster.nodes.values()) {
        if (!node.runs) continue
        this.walBytesMost = Math.max(this.walBytesMost, node.walBytes())
        this.anonymousBytesMost = Math.max(this.anonymousBytesMost, node.anonymousBytes())
      }
      for (const { term } of await cluster.reports()) this.terms.add(term)
      await pause(lookEveryMs)
    }
  }
}

async function fill(db: Client, bytes: number): Promise<number> {
  // Not compressible: LevelDB would make little of it otherwise.
  const noise = Buffer.from(Array.from({ length: 2 * valueBytes }, () => Math.random() * 256))
  let next = 0
  let failed = 0
  const write = async (): Promise<void> => {
    while (next * valueBytes < bytes) {
      const i = next++
      const at = (i * 7_919) % valueBytes
      try {
        await db.put(`big/${i % keys}`, noise.subarray(at, at + valueBytes), { timeout: 60_000 })
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error
        failed += 1
      }
    }
  }
  await Promise.all(Array.from({ length: writersCount }, write))
  return failed
}

async function main(options: Options): Promise<number> {
  const figures = new Figures()
  const walMax = options.walMax * mebibyte
  const arguments_ = ['--wal-max', `${walMax}B`]
  await using cluster = new LifeCluster()
  await cluster.begin(['n1', 'n2', 'n3'], arguments_)
  await using db = await cluster.connect({ timeout: 60_000 })
  const watch = new Watch(cluster)

  const begin = performance.now()
  const failed = await fill(db, options.megabytes * mebibyte)
  const seconds = (performance.now() - begin) / 1_000
  figures.judge(failed === 0, `${options.megabytes} MiB written in ${seconds.toFixed(1)} s; ${failed} calls failed`) // prettier-ignore
  const bases = (await cluster.reports()).map(({ baseIndex }) => baseIndex)
  const written = options.megabytes * mebibyte
  if (written > walMax) {
    figures.judge(bases.every((base) => base > 0), `logs begin behind entries ${bases.join(', ')}`) // prettier-ignore
  }

  const { rate: perSecond } = options
  const quiet = async (prefix: string) => {
    const end = performance.now() + options.seconds * 1_000
    const ended = (): boolean => performance.now() > end
    return await openLoop({ db, prefix, perSecond, bytes: 1_024, ended })
  }
  const without = await quiet('without/')
  const { id, peerAddress } = await cluster.newcomer('n4', arguments_)
  let joined = false
  const joinBegin = performance.now()
  const join = db.addMember({ id, peerAddress }, { timeout: joinMsMax }).finally(() => {
    joined = true
  })
  const during = await openLoop({
    db,
    prefix: 'during/',
    perSecond,
    bytes: 1_024,
    ended: () => joined,
  })
  const { members } = await join
  const joinSeconds = (performance.now() - joinBegin) / 1_000
  figures.judge(
    members.some((member) => member.id === id && member.voter),
    `n4 is a voter after ${joinSeconds.toFixed(1)} s`,
  )
  await until('n4 is ready', async () => (await cluster.node(id).status())?.ready)
  await cluster.ready()
  // One more node on this machine costs something by itself.
  const after = await quiet('after/')
  await cluster.ready()
  await watch.stop()
  const fetched = cluster.node(id).said('a snapshot is whole').length
  figures.say(`     it fetched ${fetched} snapshots`)

  const { nodes, kinds } = await cluster.digests()
  figures.judge(nodes === 4 && kinds === 1, `${nodes} of 4 nodes gave a digest: ${kinds} different`)
  figures.judge(watch.walBytesMost <= walMax, `the largest log was ${mib(watch.walBytesMost)} of ${mib(walMax)}`) // prettier-ignore
  figures.compare(
    watch.anonymousBytesMost <= options.memory * mebibyte,
    `anonymous memory of a node was ${mib(watch.anonymousBytesMost)} at most; goal ${options.memory} MiB`,
  )
  // The new member begins in term 0 until it hears of the leader.
  const terms = [...watch.terms].filter((term) => term > 0)
  figures.judge(terms.length === 1, `${terms.length - 1} leader changes`)
  const [before, meanwhile, then] = [without, during, after].map(({ latencies }) => percentile(latencies, 0.99)) // prettier-ignore
  const failedPuts = without.failed + during.failed + after.failed
  figures.judge(failedPuts === 0, `${failedPuts} puts of the open loop failed`)
  figures.say(`     the loop itself was late by ${ms(without.latestMs)} and ${ms(during.latestMs)}`)
  figures.compare(
    (meanwhile ?? 0) <= 2 * (before ?? 0),
    `p99 of ${perSecond} puts/s: ${ms(before ?? 0)} without, ${ms(meanwhile ?? 0)} with the transfer ` +
      `(${without.latencies.length} and ${during.latencies.length} puts); goal: at most twice`,
  )
  figures.say(`     the same with four nodes and no transfer: ${ms(then ?? 0)}`)
  return figures.exitCode
}

const most = 999_999
const command = new Command('npm run life:big --')
  .description('Writes more than the logs may hold, then adds a member under load.')
  .option('--megabytes <n>', 'how much is written, MiB', whole(most), 2_048)
  .option('--wal-max <n>', 'cap of each log, MiB', whole(most), 256)
  .option('--rate <n>', 'puts a second of 1 KiB while a member joins', whole(most), 1_000)
  .option('--seconds <n>', 'how long the same is measured without', whole(most), 15)
  .option('--memory <n>', 'goal for the anonymous memory of a node, MiB', whole(most), 250)
if (parsed(command)) process.exitCode = await main(command.opts<Options>())
