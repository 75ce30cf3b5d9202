/**
 * `npm run life:small-disk`: each node's data lies on a small file system, which fills up under a
 * load. No node ends, nothing is lost, reads go on; and soon after there is room again, so do
 * writes. Needs a system on which root can mount such file systems.
 */
import { execFileSync } from 'node:child_process'
import { Command } from 'commander'
import { mountSmallDisk, unmountDisk, whyNoSmallDisks } from '../../jepsen-style/cluster/small-disk.ts' // prettier-ignore
import { QuorateError } from '../../src/index.ts'
import { parsed, whole } from '../chaos/command.ts'
import { Figures, mib, ms } from './figures.ts'
import { LifeCluster, pause, peerList, until } from './nodes.ts'
import type { LifeNode } from './nodes.ts'
import { Writers } from './writers.ts'

interface Options {
  readonly megabytes: number
  readonly seconds: number
}

const mebibyte = 1_048_576
const ids = ['n1', 'n2', 'n3']
const fillMsMax = 300_000
const serviceMsMax = 5_000

/** Nodes that ended, since a look began: a supervisor would start them again and again. */
function ended(nodes: readonly LifeNode[]): string[] {
  return nodes.filter(({ runs }) => !runs).map(({ id }) => id)
}

async function main(options: Options): Promise<number> {
  const figures = new Figures()
  const reason = whyNoSmallDisks()
  if (reason !== undefined) {
    figures.say(`left out: ${reason}`)
    return 0
  }
  const cluster = new LifeCluster()
  const mounted: string[] = []
  try {
    const nodes: LifeNode[] = []
    for (const id of ids) nodes.push(await cluster.plan(id))
    for (const { directory } of nodes) {
      mountSmallDisk(directory, options.megabytes * mebibyte)
      mounted.push(directory)
    }
    for (const { id, directory } of nodes) {
      await cluster.cli('node', 'init', '--id', id, '--data-dir', directory, '--cluster', 'small',
        '--peers', peerList(nodes)) // prettier-ignore
    }
    for (const node of nodes) node.start()
    await cluster.ready()
    await fillAndFree(cluster, nodes, options, figures)
  } finally {
    await cluster.close(true)
    for (const directory of mounted) unmountDisk(directory)
    await cluster.close()
  }
  return figures.exitCode
}

async function fillAndFree(
  cluster: LifeCluster,
  nodes: readonly LifeNode[],
  options: Options,
  figures: Figures,
): Promise<void> {
  await using db = await cluster.connect()
  const load = new Writers({
    db,
    prefix: 'small/',
    writers: 16,
    pauseMs: 1,
    valueBytes: 4_096,
    timeoutMs: 1_000,
  })
  await until(
    'writes are refused',
    async () => (load.failed.get('QUORATE_DISK_FULL') ?? 0) > 0 || ended(nodes).length > 0,
    fillMsMax,
  )
  const full = load.acknowledged.size
  figures.say(`     ${full} records of 4 KiB (${mib(full * 4_096)}) on disks of ${options.megabytes} MiB`) // prettier-ignore
  for (let second = 0; second < options.seconds; second++) await pause(1_000)
  figures.judge(ended(nodes).length === 0, `nodes that ended while full: ${ended(nodes).join(' ') || 'none'}`) // prettier-ignore
  for (const node of nodes) for (const line of node.said('"error"')) figures.say(`     ${node.id}: ${JSON.stringify(line)}`) // prettier-ignore
  const reports = await cluster.reports()
  figures.say(`     free: ${reports.map(({ id, freeBytes, walBytes }) => `${id} ${mib(freeBytes ?? 0)} (log ${mib(walBytes)})`).join(', ')}`) // prettier-ignore
  const key = [...load.acknowledged.keys()][0] ?? ''
  const read = await db.get(key).catch((error: unknown) => error)
  figures.judge(!(read instanceof QuorateError) && read !== undefined, 'linearizable reads go on')

  // Nobody's failed call must hide the first that succeeds.
  const before = load.acknowledged.size
  for (const { directory } of nodes) {
    const size = `remount,size=${2 * options.megabytes * mebibyte}`
    execFileSync('mount', ['-t', 'tmpfs', '-o', size, 'quorate-life', directory])
  }
  const freed = performance.now()
  for (const node of nodes) if (!node.runs) node.start()
  await until('writes are taken', async () => load.acknowledged.size > before, 30_000)
  const service = performance.now() - freed
  figures.judge(service <= serviceMsMax, `service ${ms(service)} after there was room; goal 5 s`)
  await pause(1_000)
  await load.stop()
  const failed = [...load.failed].map(([code, count]) => `${count} ${code}`).join(', ')
  figures.say(`     calls that failed: ${failed}`)
  const { acknowledged, stored, faults } = await load.judge(db)
  figures.judge(faults.length === 0, `${acknowledged} acknowledged, ${stored} stored`)
  for (const fault of faults) figures.say(`     ${fault}`)
  await cluster.ready()
  const { nodes: known, kinds } = await cluster.digests()
  figures.judge(known === ids.length && kinds === 1, `${known} of ${ids.length} nodes gave a digest: ${kinds} different`) // prettier-ignore
}

const command = new Command('npm run life:small-disk --')
  .description('Fills small disks under a load, and makes room again.')
  .option('--megabytes <n>', 'size of each disk', whole(9_999), 64)
  .option('--seconds <n>', 'how long they stay full', whole(9_999), 10)
if (parsed(command)) process.exitCode = await main(command.opts<Options>())
