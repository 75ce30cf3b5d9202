/**
 * `npm run life:flips`: a follower is stopped, one bit of its files is flipped, and it is started
 * again. Afterwards everything acknowledged is there on all nodes, or the node refused and named
 * the file and the place; at no time does it answer with what nobody wrote.
 */
import { openSync, closeSync, readSync, writeSync, existsSync, readdirSync, statSync } from 'node:fs' // prettier-ignore
import { join, relative } from 'node:path'
import { Command } from 'commander'
import { unreachable } from '../../src/assert.ts'
import { connect, QuorateError } from '../../src/index.ts'
import { randomBetween, SeededRandom } from '../../src/random.ts'
import { parsed, whole } from '../chaos/command.ts'
import { Figures } from './figures.ts'
import { LifeCluster, pause, until } from './nodes.ts'
import type { LifeNode } from './nodes.ts'
import { Writers } from './writers.ts'

interface Options {
  readonly trials: number
  readonly seed: number
}

const kinds = ['wal', 'vote', 'state', 'pointer'] as const
type Kind = (typeof kinds)[number]

/** A log that keeps little, so that trials meet segments, compaction and snapshots alike. */
const nodeArguments = ['--wal-max', '2MiB', '--wal-keep', '200', '--scrub-rate', '64MiB']
const ids = ['n1', 'n2', 'n3']
const sector = 512
const startMsMax = 30_000
const writesPerTrial = 60
const sampleSize = 40
/** A trial ends with a look at all rows, so one late in a long life would cost many early ones. */
const trialsPerCluster = 100

/** Where a bit is, and how to turn it. */
interface Bit {
  readonly kind: Kind
  readonly file: string
  readonly offset: number
  readonly bit: number
}

function filesOf(node: LifeNode, kind: Kind): string[] {
  const group = join(node.directory, 'groups/0')
  const within = (directory: string): string[] =>
    readdirSync(directory).map((name) => join(directory, name))
  switch (kind) {
    case 'wal':
      return within(join(group, 'wal'))
    case 'vote':
      return [join(group, 'vote')]
    case 'pointer':
      return [join(group, 'current')]
    case 'state':
      return readdirSync(group)
        .filter((name) => name.startsWith('state-'))
        .flatMap((name) => within(join(group, name)))
    default:
      return unreachable(kind)
  }
}

/** Sectors that hold something: most of a segment is empty, and a flip there would be all there is. */
function writtenSectors(file: string): number[] {
  const { size } = statSync(file)
  const bytes = Buffer.alloc(size)
  const descriptor = openSync(file, 'r')
  readSync(descriptor, bytes, 0, size, 0)
  closeSync(descriptor)
  const found: number[] = []
  for (let at = 0; at < size; at += sector) {
    if (bytes.subarray(at, at + sector).some((byte) => byte !== 0)) found.push(at)
  }
  return found
}

function draw(random: SeededRandom, node: LifeNode, kind: Kind): Bit | undefined {
  const files = filesOf(node, kind).filter((file) => statSync(file).size > 0)
  const file = files[randomBetween(random, 0, files.length)]
  if (file === undefined) return undefined
  const { size } = statSync(file)
  const written = writtenSectors(file)
  // One in eight anywhere in the file, also where nothing was written yet.
  const anywhere = randomBetween(random, 0, 8) === 0 || written.length === 0
  const from = anywhere ? 0 : (written[randomBetween(random, 0, written.length)] ?? 0)
  const to = anywhere ? size : Math.min(size, from + sector)
  return {
    kind,
    file,
    offset: randomBetween(random, from, to),
    bit: randomBetween(random, 0, 8),
  }
}

function flip({ file, offset, bit }: Bit): void {
  const descriptor = openSync(file, 'r+')
  const byte = Buffer.alloc(1)
  readSync(descriptor, byte, 0, 1, offset)
  byte.writeUInt8(byte.readUInt8(0) ^ (1 << bit), 0)
  writeSync(descriptor, byte, 0, 1, offset)
  closeSync(descriptor)
}

/** What a started node came to. */
type Ending =
  | { readonly type: 'serves' }
  | { readonly type: 'refused'; readonly error: string; readonly names: boolean }

async function ending(node: LifeNode): Promise<Ending> {
  return await until(
    `${node.id} serves or refuses`,
    async (): Promise<Ending | undefined> => {
      if (!node.runs) {
        const line = node.said('"the node stops"').at(-1)
        const names = typeof line?.['file'] === 'string' && typeof line['offset'] === 'number'
        return {
          type: 'refused',
          error: typeof line?.['error'] === 'string' ? line['error'] : 'it said nothing',
          names,
        }
      }
      const status = await node.status()
      return status?.ready === true && status.waitsFor === undefined
        ? { type: 'serves' }
        : undefined
    },
    startMsMax,
  )
}

class Trials {
  readonly outcomes = new Map<string, number>()
  #wrong: string[] = []
  readonly #random: SeededRandom
  #cluster: LifeCluster | undefined
  /** What was written to the cluster at hand, and what its nodes have said, by node and text. */
  #values = new Map<string, string>()
  #mended = new Map<string, number>()

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
  }

  async run(trial: number, cluster: LifeCluster, say: (line: string) => void): Promise<void> {
    if (cluster !== this.#cluster) {
      this.#cluster = cluster
      this.#values = new Map()
      this.#mended = new Map()
    }
    const leader = (await cluster.leader()).id
    const followers = ids.filter((id) => id !== leader)
    const node = cluster.node(followers[randomBetween(this.#random, 0, 2)] ?? '')
    await this.#write(trial, cluster, leader)
    // Half of them stop in order, half at once: what the state then lacks the log has to have.
    await (randomBetween(this.#random, 0, 2) === 0 ? node.stop() : node.kill())
    const kind = kinds[trial % kinds.length] ?? 'wal'
    const bit = draw(this.#random, node, kind)
    if (bit === undefined) {
      node.start(nodeArguments)
      return
    }
    const where = `${relative(node.directory, bit.file)} byte ${bit.offset} bit ${bit.bit}`
    flip(bit)
    node.start(nodeArguments)
    const reading = this.#readStale(node, where)
    const found = await ending(node).catch((error: unknown) => error)
    await reading
    if (found instanceof Error) {
      this.#wrong.push(`trial ${trial}: ${where}: ${found.message}`)
      await node.kill()
      if (existsSync(bit.file)) flip(bit)
      node.start(nodeArguments)
      return
    }
    const { type, ...more } = found as Ending
    const how = type === 'serves' ? this.#howItServes(node) : type
    this.#count(`${kind} ${how}`)
    say(`     ${trial} ${node.id} ${where}: ${how}${'error' in more ? `: ${more.error}` : ''}`)
    if ('names' in more) {
      if (!more.names) this.#wrong.push(`trial ${trial}: ${where}: refused without a place: ${more.error}`) // prettier-ignore
      flip(bit)
      node.start(nodeArguments)
    }
    await cluster.ready(startMsMax)
    const digests = await cluster.digests()
    if (digests.nodes !== ids.length || digests.kinds !== 1) {
      this.#wrong.push(`trial ${trial}: ${where}: ${digests.nodes} digests, ${digests.kinds} kinds`)
    }
  }

  /** What was wrong since the last call. */
  takeWrong(): readonly string[] {
    const wrong = this.#wrong
    this.#wrong = []
    return wrong
  }

  #howItServes(node: LifeNode): string {
    const said = ['the log is damaged', 'the state is damaged', 'the pointer to the state', 'a snapshot is whole', 'was torn'] // prettier-ignore
    const fresh = said.filter((text) => {
      const key = `${node.id} ${text}`
      const count = node.said(text).length
      const isNew = count > (this.#mended.get(key) ?? 0)
      this.#mended.set(key, count)
      return isNew
    })
    return fresh.length === 0 ? 'serves' : `serves (${fresh.join(', ')})`
  }

  async #write(trial: number, cluster: LifeCluster, leader: string): Promise<void> {
    await using db = await cluster.connect({ ids: [leader] })
    await Promise.all(
      Array.from({ length: writesPerTrial }, async (_, i) => {
        const key = `known/${trial}/${i}`
        const value = `${key} ${'.'.repeat(1_000)}`
        await db.put(key, value, { token: key })
        this.#values.set(key, value)
      }),
    )
  }

  /** Keys are written once, so that whatever else a node answers was never true. */
  async #readStale(node: LifeNode, where: string): Promise<void> {
    const keys = [...this.#values.keys()]
    const sample = Array.from(
      { length: sampleSize },
      () => keys[randomBetween(this.#random, 0, keys.length)] ?? '',
    )
    try {
      await using db = await connect(node.clientAddress, { pin: true, timeout: 3_000 })
      for (const key of sample) {
        const value = await db.get(key, { consistency: 'stale', valueEncoding: 'utf8', timeout: 500 }) // prettier-ignore
        if (value !== undefined && value !== this.#values.get(key)) {
          this.#wrong.push(`${where}: ${node.id} answered ${key} with what nobody wrote`)
        }
      }
    } catch (error) {
      // One that refuses, or makes its state anew, answers nothing; that is no wrong answer.
      if (!(error instanceof QuorateError)) throw error
      await pause(0)
    }
  }

  #count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
  }
}

/** One cluster for so many trials; figures are said, what is wrong is kept. */
async function runOn(
  cluster: LifeCluster,
  trials: Trials,
  numbers: readonly number[],
  figures: Figures,
): Promise<void> {
  await cluster.begin(ids, nodeArguments)
  await using db = await cluster.connect()
  const load = new Writers({ db, prefix: 'flips/', writers: 4, pauseMs: 50, valueBytes: 500 })
  for (const trial of numbers) await trials.run(trial, cluster, (line) => figures.say(line))
  await load.stop()
  const { acknowledged, stored, faults } = await load.judge(db)
  figures.judge(faults.length === 0, `${acknowledged} acknowledged, ${stored} stored`)
  for (const fault of faults) figures.say(`     ${fault}`)
  const wrong = trials.takeWrong()
  figures.judge(wrong.length === 0, `trials ${numbers[0]} to ${numbers.at(-1)}`)
  for (const each of wrong) figures.say(`     ${each}`)
}

async function main({ trials: count, seed }: Options): Promise<number> {
  const figures = new Figures()
  const trials = new Trials(seed)
  const numbers = Array.from({ length: count }, (_, i) => i + 1)
  for (let at = 0; at < count; at += trialsPerCluster) {
    const cluster = new LifeCluster()
    let keep = true
    try {
      await runOn(cluster, trials, numbers.slice(at, at + trialsPerCluster), figures)
      keep = figures.exitCode !== 0
    } finally {
      await cluster.close(keep)
      if (keep) figures.say(`     kept: ${cluster.directory}`)
    }
  }
  for (const [outcome, times] of [...trials.outcomes].toSorted(([a], [b]) => a.localeCompare(b))) figures.say(`     ${times} x ${outcome}`) // prettier-ignore
  figures.judge(figures.exitCode === 0, `${count} bits flipped, seed ${seed}`)
  return figures.exitCode
}

const command = new Command('npm run life:flips --')
  .description("Flips one bit of a stopped follower's files, again and again.")
  .option('--trials <n>', 'how many', whole(999_999), 1_000)
  .option('--seed <n>', 'draws the bits', whole(999_999), 1)
if (parsed(command)) process.exitCode = await main(command.opts<Options>())
