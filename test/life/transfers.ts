/**
 * `npm run life:transfers`: the leadership is handed over again and again under steady writes. How
 * often it succeeds at the first attempt, and how long nobody's write is acknowledged meanwhile.
 */
import { Command } from 'commander'
import { QuorateError } from '../../src/index.ts'
import { parsed, whole } from '../chaos/command.ts'
import { Figures, ms, percentile } from './figures.ts'
import { LifeCluster, pause, until } from './nodes.ts'
import { Writers } from './writers.ts'

interface Options {
  readonly times: number
  readonly writers: number
}

const heartbeatMs = 50
/** Between two transfers, so that each meets a leader that has settled. */
const restMs = 150
const transferMsMax = 10_000

async function main(options: Options): Promise<number> {
  const figures = new Figures()
  await using cluster = new LifeCluster()
  await cluster.begin(['n1', 'n2', 'n3'])
  await using db = await cluster.connect()
  // One of its own, so that what it repeats is told apart from what the writers repeat.
  await using operator = await cluster.connect()
  let retries = 0
  const repeated = new Map<string, number>()
  operator.on('status', (event) => {
    if (event.type !== 'retry') return
    repeated.set(event.code, (repeated.get(event.code) ?? 0) + 1)
    // To be sent on to who leads now is no attempt: nobody has begun to hand over yet.
    if (event.code !== 'QUORATE_NOT_LEADER') retries += 1
  })
  const load = new Writers({ db, prefix: 'transfers/', writers: options.writers })
  await until('writes are acknowledged', async () => load.acknowledged.size > 100)
  load.watchGap()
  await pause(1_000)
  const gapWithout = load.longestGapMs

  const pauses: number[] = []
  const refused = new Map<string, number>()
  let first = 0
  for (let i = 0; i < options.times; i++) {
    await pause(restMs)
    const before = retries
    load.watchGap()
    try {
      await operator.transferLeadership(undefined, { timeout: transferMsMax })
      if (retries === before) first += 1
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      const why = `${error.code} ${error.details.reason ?? ''}`
      refused.set(why, (refused.get(why) ?? 0) + 1)
    }
    const since = performance.now()
    await until('a write is acknowledged', async () => load.lastAt > since)
    pauses.push(load.longestGapMs)
  }
  await load.stop()

  const failed = options.times - first
  figures.compare(
    first >= 0.99 * options.times,
    `${first} of ${options.times} transfers succeeded at once; goal 99 of 100`,
  )
  if (failed > 0) figures.say(`     ${failed} were repeated or failed: ${text(refused) || 'none failed'}`) // prettier-ignore
  figures.say(`     calls that were sent again: ${text(repeated) || 'none'}`)
  const median = percentile(pauses, 0.5)
  figures.compare(
    median < 2 * heartbeatMs,
    `the pause was ${ms(median)} at the median (${(median / heartbeatMs).toFixed(1)} heartbeats), ` +
      `${ms(percentile(pauses, 0.99))} at p99; goal under two heartbeats; without a transfer ` +
      `the longest in a second was ${ms(gapWithout)}`,
  )
  figures.judge(load.failed.size === 0, `writes that failed: ${text(load.failed) || 'none'}`)
  const { acknowledged, stored, faults } = await load.judge(db)
  figures.judge(faults.length === 0, `${acknowledged} acknowledged, ${stored} stored`)
  for (const fault of faults) figures.say(`     ${fault}`)
  await cluster.ready()
  const { nodes, kinds } = await cluster.digests()
  figures.judge(nodes === 3 && kinds === 1, `${nodes} of 3 nodes gave a digest: ${kinds} different`)
  return figures.exitCode
}

function text(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([what, count]) => `${count} ${what}`).join(', ')
}

const command = new Command('npm run life:transfers --')
  .description('Hands the leadership over again and again under steady writes.')
  .option('--times <n>', 'how many transfers', whole(999_999), 200)
  .option('--writers <n>', 'how many write at once', whole(1_000), 16)
if (parsed(command)) process.exitCode = await main(command.opts<Options>())
