/**
 * `npm run life:changes`: members come, go and are replaced, the leadership moves, and meanwhile
 * nodes are killed and started again, all under a load. What was acknowledged is there in the end,
 * once; members that left have stopped by themselves.
 */
import { Command } from 'commander'
import { unreachable } from '../../src/assert.ts'
import { QuorateError } from '../../src/index.ts'
import type { Client } from '../../src/index.ts'
import { randomBetween, SeededRandom } from '../../src/random.ts'
import { parsed, whole } from '../chaos/command.ts'
import { Figures } from './figures.ts'
import { LifeCluster, pause, until } from './nodes.ts'
import { Writers } from './writers.ts'

interface Options {
  readonly changes: number
  readonly seed: number
}

const votersMax = 5
const votersMin = 2
/** The log keeps little, so that newcomers need snapshots. */
const nodeArguments = ['--wal-max', '2MiB', '--wal-keep', '100']
const changeMsMax = 90_000
const killsMax = 2

/** What is done next. */
type Step =
  | { readonly type: 'add'; readonly id: string }
  | { readonly type: 'remove'; readonly id: string }
  | { readonly type: 'replace'; readonly id: string; readonly by: string }
  | { readonly type: 'transfer' }

class Changes {
  readonly counts = new Map<string, number>()
  readonly faults: string[] = []
  readonly #cluster: LifeCluster
  readonly #db: Client
  readonly #random: SeededRandom
  #voters: string[]
  #named: number

  constructor(cluster: LifeCluster, db: Client, seed: number) {
    this.#cluster = cluster
    this.#db = db
    this.#random = new SeededRandom(seed)
    this.#voters = [...cluster.nodes.keys()]
    this.#named = this.#voters.length
  }

  get voters(): readonly string[] {
    return this.#voters
  }

  async run(say: (line: string) => void): Promise<void> {
    const step = this.#draw()
    const begin = performance.now()
    // Newcomers run before they are asked for; they may be killed like all others.
    if (step.type === 'add') await this.#cluster.newcomer(step.id, nodeArguments)
    if (step.type === 'replace') await this.#cluster.newcomer(step.by, nodeArguments)
    const change = this.#change(step)
    const killed = await this.#killMeanwhile()
    await change
    await this.#leave(step)
    const seconds = ((performance.now() - begin) / 1_000).toFixed(1)
    say(`     ${text(step)}, killed ${killed.join(' ') || 'none'}: ${seconds} s, now ${this.#voters.join(' ')}`) // prettier-ignore
    this.counts.set(step.type, (this.counts.get(step.type) ?? 0) + 1)
  }

  #draw(): Step {
    const random = this.#random
    const any = this.#voters[randomBetween(random, 0, this.#voters.length)] ?? ''
    const next = (): string => `n${++this.#named}`
    switch (randomBetween(random, 0, 4)) {
      case 0:
        return this.#voters.length < votersMax
          ? { type: 'add', id: next() }
          : { type: 'remove', id: any }
      case 1:
        return this.#voters.length > votersMin
          ? { type: 'remove', id: any }
          : { type: 'add', id: next() }
      case 2:
        return { type: 'replace', id: any, by: next() }
      default:
        return { type: 'transfer' }
    }
  }

  async #change(step: Step): Promise<void> {
    const address = (id: string): string => this.#cluster.node(id).peerAddress
    // One call after the other, as an operator would, until it is done: each may be repeated.
    await until(
      `${text(step)} is done`,
      async () => {
        try {
          await this.#call(step, address)
          return true
        } catch (error) {
          if (!(error instanceof QuorateError)) throw error
          this.#note(`${error.code} ${error.details.reason ?? ''}`.trim())
          // Whoever is to lead was killed meanwhile, or nobody is close enough.
          return step.type === 'transfer'
        }
      },
      changeMsMax,
    )
  }

  async #call(step: Step, address: (id: string) => string): Promise<void> {
    const options = { timeout: changeMsMax / 3 }
    switch (step.type) {
      case 'add':
        await this.#db.addMember({ id: step.id, peerAddress: address(step.id) }, options)
        return
      case 'remove':
        await this.#db.removeMember(step.id, options)
        return
      case 'replace':
        await this.#db.replaceMember(
          step.id,
          { id: step.by, peerAddress: address(step.by) },
          options,
        )
        return
      case 'transfer':
        await this.#db.transferLeadership(undefined, { timeout: 5_000 })
        return
    }
  }

  /** Kills one after the other while the change goes on, and starts each again. */
  async #killMeanwhile(): Promise<readonly string[]> {
    const killed: string[] = []
    for (let i = randomBetween(this.#random, 0, killsMax + 1); i > 0; i--) {
      await pause(randomBetween(this.#random, 0, 400))
      const running = [...this.#cluster.nodes.values()].filter(({ runs }) => runs)
      const node = running[randomBetween(this.#random, 0, running.length)]
      if (node === undefined) continue
      await node.kill()
      killed.push(node.id)
      await pause(randomBetween(this.#random, 0, 400))
      node.start(nodeArguments)
    }
    return killed
  }

  /** Who left stops by itself, also where it was down when it was decided. */
  async #leave(step: Step): Promise<void> {
    if (step.type === 'add') this.#voters.push(step.id)
    if (step.type !== 'remove' && step.type !== 'replace') return
    this.#voters = this.#voters.filter((id) => id !== step.id)
    if (step.type === 'replace') this.#voters.push(step.by)
    try {
      await this.#cluster.node(step.id).gone(20_000)
    } catch (error) {
      const status = await this.#cluster.node(step.id).status()
      this.faults.push(`${step.id} was removed and runs on: ${String(error)} ${JSON.stringify(status)}`) // prettier-ignore
      await this.#cluster.node(step.id).kill()
    }
  }

  #note(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }
}

function text(step: Step): string {
  switch (step.type) {
    case 'add':
    case 'remove':
      return `${step.type} ${step.id}`
    case 'replace':
      return `replace ${step.id} by ${step.by}`
    case 'transfer':
      return 'transfer'
    default:
      return unreachable(step)
  }
}

async function main(options: Options): Promise<number> {
  const figures = new Figures()
  const cluster = new LifeCluster()
  let keep = true
  try {
    await cluster.begin(['n1', 'n2', 'n3'], nodeArguments)
    await using db = await cluster.connect({ timeout: 60_000 })
    const load = new Writers({
      db,
      prefix: 'changes/',
      writers: 8,
      // All that is written stays: faster ones would soon make each change wait for its copy.
      pauseMs: 50,
      valueBytes: 1_000,
      timeoutMs: 60_000,
    })
    const changes = new Changes(cluster, db, options.seed)
    for (let i = 0; i < options.changes; i++) await changes.run((line) => figures.say(line))
    await load.stop()
    const said = [...changes.counts].map(([what, count]) => `${count} ${what}`).join(', ')
    figures.judge(changes.faults.length === 0, `${options.changes} changes, seed ${options.seed}: ${said}`) // prettier-ignore
    for (const fault of changes.faults) figures.say(`     ${fault}`)
    const failed = [...load.failed].map(([code, count]) => `${count} ${code}`).join(', ')
    figures.judge(load.failed.size === 0, `writes that failed: ${failed || 'none'}; the longest pause was ${load.longestGapMs.toFixed(0)} ms`) // prettier-ignore
    const { acknowledged, stored, faults } = await load.judge(db)
    figures.judge(faults.length === 0, `${acknowledged} acknowledged, ${stored} stored`)
    for (const fault of faults) figures.say(`     ${fault}`)
    await cluster.ready()
    const { nodes, kinds } = await cluster.digests()
    const voters = changes.voters.length
    figures.judge(nodes === voters && kinds === 1, `${nodes} of ${voters} nodes gave a digest: ${kinds} different`) // prettier-ignore
    keep = figures.exitCode !== 0
  } finally {
    await cluster.close(keep)
    if (keep) figures.say(`     kept: ${cluster.directory}`)
  }
  return figures.exitCode
}

const command = new Command('npm run life:changes --')
  .description('Changes members at random, and kills nodes meanwhile.')
  .option('--changes <n>', 'how many', whole(999_999), 200)
  .option('--seed <n>', 'draws them', whole(999_999), 1)
if (parsed(command)) process.exitCode = await main(command.opts<Options>())
