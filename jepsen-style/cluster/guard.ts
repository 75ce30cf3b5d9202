/**
 * Sees to it that nothing outlives the harness: while it ends by itself, whatever is left is killed
 * at its exit; where it is killed, its watchdog does so (see `watchdog.ts`).
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { beginningOf } from './process-identity.ts'
import { builtModule } from './package-files.ts'
import { formatWatchLine } from './watch-line.ts'

/** The processes and mounts of one cluster. */
export class Guard {
  readonly #watchdog: ChildProcess
  readonly #children = new Set<ChildProcess>()
  readonly #mounts = new Set<string>()
  readonly #sweep = (): void => this.#sweepNow()

  private constructor(watchdog: ChildProcess) {
    this.#watchdog = watchdog
    // It may end before us, for example when the whole machine is stopped: no error of the run.
    watchdog.stdin?.on('error', () => {})
    process.on('exit', this.#sweep)
  }

  /** Starts the watchdog. Rejects where it can't be started. */
  static async open(): Promise<Guard> {
    const watchdog = spawn(process.execPath, [builtModule('cluster/watchdog')], {
      // A session of its own: Ctrl-C must not end it before the harness.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      // What the nodes' environment is made to do is not meant for it.
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    await once(watchdog, 'spawn')
    watchdog.unref()
    return new Guard(watchdog)
  }

  /** A process that must not be left running; it is forgotten when it ends. */
  watch(child: ChildProcess): void {
    const { pid } = child
    if (pid === undefined) return
    this.#children.add(child)
    child.once('exit', () => {
      this.#children.delete(child)
      this.#tell(formatWatchLine({ type: 'gone', pid }))
    })
    const beginning = beginningOf(pid)
    if (beginning !== undefined) this.#tell(formatWatchLine({ type: 'process', pid, beginning }))
  }

  /** A directory at which a file system was mounted. */
  mounted(path: string): void {
    this.#mounts.add(path)
    this.#tell(formatWatchLine({ type: 'mount', path }))
  }

  /** It is no longer. */
  unmounted(path: string): void {
    this.#mounts.delete(path)
    this.#tell(formatWatchLine({ type: 'unmounted', path }))
  }

  /** Kills and unmounts what is left, and ends the watchdog. */
  async close(): Promise<void> {
    process.off('exit', this.#sweep)
    this.#sweepNow()
    if (this.#watchdog.exitCode !== null || this.#watchdog.signalCode !== null) return
    // Let go of at the start, so that it holds nobody up; what is awaited must hold the loop.
    this.#watchdog.ref()
    const ended = once(this.#watchdog, 'exit')
    this.#watchdog.stdin?.end()
    await ended
  }

  #tell(line: string): void {
    if (this.#watchdog.stdin?.writable === true) this.#watchdog.stdin.write(line)
  }

  #sweepNow(): void {
    // A handle signals nothing once its process has ended: no stranger can be hit.
    for (const child of this.#children) child.kill('SIGKILL')
    for (const path of this.#mounts) {
      execFileSync('umount', ['-l', path], { stdio: 'ignore' })
      this.unmounted(path)
    }
  }
}
