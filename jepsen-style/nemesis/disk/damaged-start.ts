/**
 * What the nemeses have in common that damage files: a node is stopped, its files are damaged, it
 * is started again, and what it makes of that is looked at.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Cluster, ClusterNode, NodeReport } from '../../cluster/cluster.ts'
import { logEnd, logSince, type LogLine } from '../../cluster/log-file.ts'
import { until } from '../../cluster/waiting.ts'
import { applyDamage, copySparse, type Damage } from './damage.ts'
import { damageableSegments } from './files.ts'

/** How long a node may take, after its start, until it ends again or answers. */
const outcomeMsMax = 30_000
/** How long a node is waited for that has nothing in its log yet. */
const logMsMax = 10_000
/** How long it may take, once it runs, until it has back what it lost; healing is tried again. */
const wholeMsMax = 25_000

/** Whether a node has a state again that it answers from. */
export function hasState(report: NodeReport): boolean {
  return report.waitsFor === undefined && report.ready
}

/** A file and what is done to it. */
export interface DamagedFile {
  readonly path: string
  readonly damage: Damage
}

/** What a node made of its damaged files. */
export type Outcome =
  /** It ended by itself. */
  | { readonly type: 'ended'; readonly how: string; readonly log: readonly LogLine[] }
  /** It answers. */
  | { readonly type: 'answers'; readonly log: readonly LogLine[] }
  /** Neither, in time. */
  | { readonly type: 'neither' }

/** One node whose files are damaged. */
export class DamagedStart {
  readonly #cluster: Cluster
  readonly #node: ClusterNode
  readonly #saved: string
  #files: readonly DamagedFile[] = []
  #outcome: Outcome = { type: 'neither' }
  /** Where the node's log ended before it was started. */
  #position = 0

  constructor(cluster: Cluster, node: ClusterNode) {
    this.#cluster = cluster
    this.#node = node
    // Beside the data: a node that found strange files in its own directory might refuse those.
    this.#saved = `${node.dataDirectory}.saved`
  }

  get outcome(): Outcome {
    return this.#outcome
  }

  /** Waits for a log in which something can be damaged: after a snapshot it begins empty. */
  async hasLog(): Promise<void> {
    await until(() => damageableSegments(this.#node).length > 0, logMsMax)
  }

  /** Keeps copies of files of the node, which is stopped, and damages them. */
  damage(files: readonly DamagedFile[]): void {
    this.#files = files
    rmSync(this.#saved, { recursive: true, force: true })
    mkdirSync(this.#saved)
    for (const [i, path] of this.#paths().entries()) copySparse(path, this.#copyOf(i))
    for (const { path, damage } of files) applyDamage(path, damage)
  }

  /** Starts the node, without waiting for what it makes of them. */
  async startOnly(): Promise<void> {
    this.#position = logEnd(this.#node.logFile)
    await this.#cluster.start(this.#node.id)
  }

  /** Starts the node and waits until it is clear what it makes of them. */
  async start(): Promise<Outcome> {
    const { id } = this.#node
    const before = this.#node.endings().count
    await this.startOnly()
    let answers = false
    await until(async () => {
      if (this.#node.endings().count > before) return true
      answers = (await this.#cluster.report(id)) !== undefined
      return answers
    }, outcomeMsMax)
    const log = this.logLines()
    const { count, last = '' } = this.#node.endings()
    if (count > before) this.#outcome = { type: 'ended', how: last, log }
    else if (answers) this.#outcome = { type: 'answers', log }
    return this.#outcome
  }

  /** What the node has logged since it was started. */
  logLines(): readonly LogLine[] {
    return logSince(this.#node.logFile, this.#position)
  }

  /** For people: a path within the node's directory. */
  nameOf(path: string): string {
    return relative(this.#node.dataDirectory, path)
  }

  /**
   * Starts the node where it is down, and waits until it says `isWhole` of itself: the product has
   * to mend what was damaged. Rejects where that takes too long.
   */
  async mended(isWhole: (report: NodeReport) => boolean): Promise<void> {
    const { id } = this.#node
    if (this.#node.state() === 'stopped') await this.#cluster.start(id)
    const whole = await until(async () => {
      const report = await this.#cluster.report(id)
      return report !== undefined && isWhole(report)
    }, wholeMsMax)
    if (!whole) {
      const waits = (await this.#cluster.report(id))?.waitsFor ?? 'nothing that it tells of'
      throw new Error(`${id} has not got back what it lost; it waits for ${waits}`)
    }
    rmSync(this.#saved, { recursive: true, force: true })
  }

  /**
   * Puts the files back as they were, unless the node answers, and starts it where it is down;
   * resolves once it serves.
   *
   * To put them back is legitimate because the node has not been a member with the damaged ones: it
   * bound its ports, and so could vote, acknowledge or answer, in none of the cases in which they
   * are put back. Its disk is then again what it was when it was stopped, and with it everything
   * that it had promised. It is not an older copy, with which promises would be forgotten.
   */
  async putBack(): Promise<void> {
    const { id } = this.#node
    if (this.#outcome.type !== 'answers') {
      await this.#cluster.kill(id)
      for (const [i, path] of this.#paths().entries()) this.#putBack(i, path)
    }
    await this.mended(hasState)
  }

  /** Of the damaged files: one of which two places are damaged comes once. */
  #paths(): string[] {
    return [...new Set(this.#files.map(({ path }) => path))]
  }

  #putBack(i: number, path: string): void {
    const copy = this.#copyOf(i)
    if (!existsSync(copy)) return
    // A start that began to mend may have removed the directory of a state.
    mkdirSync(join(path, '..'), { recursive: true })
    copySparse(copy, path)
  }

  #copyOf(i: number): string {
    return join(this.#saved, `${i}`)
  }
}
