/**
 * What damage-wal and damage-state have in common: a node is stopped, its files are damaged, it is
 * started again, and what it makes of that is looked at.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Cluster, ClusterNode } from '../../cluster/cluster.ts'
import { logEnd, logSince, type LogLine } from '../../cluster/log-file.ts'
import { until } from '../../cluster/waiting.ts'
import { applyDamage, copySparse, type Damage } from './damage.ts'

/** How long a node may take, after its start, until it ends again or answers. */
const outcomeMsMax = 30_000

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

  constructor(cluster: Cluster, node: ClusterNode) {
    this.#cluster = cluster
    this.#node = node
    // Beside the data: a node that found strange files in its own directory might refuse those.
    this.#saved = `${node.dataDirectory}.saved`
  }

  get outcome(): Outcome {
    return this.#outcome
  }

  /** Keeps copies of files of the node, which is stopped, and damages them. */
  damage(files: readonly DamagedFile[]): void {
    this.#files = files
    rmSync(this.#saved, { recursive: true, force: true })
    mkdirSync(this.#saved)
    files.forEach(({ path }, i) => copySparse(path, this.#copyOf(i)))
    for (const { path, damage } of files) applyDamage(path, damage)
  }

  /** Starts the node and waits until it is clear what it makes of them. */
  async start(): Promise<Outcome> {
    const { id, logFile } = this.#node
    const position = logEnd(logFile)
    const before = this.#node.endings().count
    await this.#cluster.start(id)
    let answers = false
    await until(async () => {
      if (this.#node.endings().count > before) return true
      answers = (await this.#cluster.report(id)) !== undefined
      return answers
    }, outcomeMsMax)
    const log = logSince(logFile, position)
    const { count, last = '' } = this.#node.endings()
    if (count > before) this.#outcome = { type: 'ended', how: last, log }
    else if (answers) this.#outcome = { type: 'answers', log }
    return this.#outcome
  }

  /** For people: a path within the node's directory. */
  nameOf(path: string): string {
    return relative(this.#node.dataDirectory, path)
  }

  /**
   * Puts the files back as they were, unless the node answers, and starts it where it is down.
   *
   * To put them back is legitimate because the node has not been a member with the damaged ones: it
   * bound its ports, and so could vote, acknowledge or answer, in none of the cases in which they
   * are put back. Its disk is then again what it was when it was stopped, and with it everything
   * that it had promised. It is not an older copy, with which promises would be forgotten.
   */
  async heal(): Promise<void> {
    const { id } = this.#node
    if (this.#outcome.type !== 'answers') {
      await this.#cluster.kill(id)
      this.#files.forEach(({ path }, i) => this.#putBack(i, path))
    }
    if (this.#node.state() === 'stopped') await this.#cluster.start(id)
    rmSync(this.#saved, { recursive: true, force: true })
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
