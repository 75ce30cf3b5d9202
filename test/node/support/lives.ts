/**
 * Ports that end with a process: what a dead life set going never reaches the world any more. The
 * memory clock and network outlive their nodes, so each life gets its own view of them.
 *
 * A life can also stand still, as a process does under SIGSTOP or in a long collection: its timers
 * are late, and what is sent to it waits in the sockets. Once it goes on it meets both as Node
 * does: the late timers first, then the input, then what was to be called `soon`.
 */
import type {
  Cancel,
  Clock,
  Connection,
  ConnectionHandlers,
  Disk,
  Network,
} from '../../../src/ports.ts'

/** One life of one process. */
export class Life {
  #dead = false
  #paused = false
  /** What fell due while it stood still. */
  #late: (() => void)[] = []
  readonly #connections = new Set<PausableConnection>()

  get isDead(): boolean {
    return this.#dead
  }

  get isPaused(): boolean {
    return this.#paused
  }

  end(): void {
    this.#dead = true
    this.#late = []
    this.#connections.clear()
  }

  /** The process stands still. */
  pause(): void {
    this.#paused = true
    for (const connection of this.#connections) connection.stop()
  }

  /** It goes on. */
  resume(): void {
    this.#paused = false
    const late = this.#late
    this.#late = []
    for (const callback of late) callback()
    for (const connection of this.#connections) connection.goOn()
  }

  /** Runs it unless the process is dead; later, while it stands still. */
  run(callback: () => void): void {
    if (this.#dead) return
    if (this.#paused) this.#late.push(callback)
    else callback()
  }

  /** `skewMs`: how far this machine's wall clock is off. */
  clock(clock: Clock, skewMs: () => number = () => 0): Clock {
    return {
      monotonic: () => clock.monotonic(),
      wall: () => clock.wall() + skewMs(),
      timer: (delayMs: number, callback: () => void): Cancel => {
        let cancelled = false
        const cancel = clock.timer(delayMs, () =>
          this.run(() => {
            if (!cancelled) callback()
          }),
        )
        return () => {
          cancelled = true
          cancel()
        }
      },
      soon: (callback) =>
        clock.soon(() => {
          if (this.#paused) this.run(() => clock.soon(() => this.run(callback)))
          else this.run(callback)
        }),
    }
  }

  network(network: Network): Network {
    const own = (connection: Connection): Connection => {
      const pausable = new PausableConnection(this, connection, () => {
        this.#connections.delete(pausable)
      })
      this.#connections.add(pausable)
      if (this.#paused) pausable.stop()
      return pausable
    }
    return {
      listen: (options) =>
        network.listen({
          ...options,
          onConnection: (connection) => {
            const pausable = own(connection)
            this.run(() => options.onConnection(pausable))
          },
        }),
      connect: async (address, options): Promise<Connection> => {
        const connection = await network.connect(address, options)
        if (!this.#dead) {
          const pausable = own(connection)
          if (this.#paused) await new Promise<void>((resolve) => this.run(resolve))
          return pausable
        }
        connection.setHandlers({ onFrame: () => {}, onClose: () => {} })
        connection.close('its process is gone')
        return await new Promise<Connection>(() => {})
      },
    }
  }
}

/** A connection of a process that may stand still: what comes in meanwhile is not read. */
class PausableConnection implements Connection {
  readonly #life: Life
  readonly #inner: Connection
  readonly #onEnd: () => void
  #readingPaused = false

  constructor(life: Life, inner: Connection, onEnd: () => void) {
    this.#life = life
    this.#inner = inner
    this.#onEnd = onEnd
  }

  get remote(): string {
    return this.#inner.remote
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes
  }

  setHandlers(handlers: ConnectionHandlers): void {
    this.#inner.setHandlers({
      onFrame: (frame) => this.#life.run(() => handlers.onFrame(frame)),
      onClose: (reason) => {
        this.#onEnd()
        this.#life.run(() => handlers.onClose(reason))
      },
      onDrain: () => this.#life.run(() => handlers.onDrain?.()),
    })
  }

  send(frame: Uint8Array): void {
    this.#inner.send(frame)
  }

  pauseReading(): void {
    this.#readingPaused = true
    this.#inner.pauseReading()
  }

  resumeReading(): void {
    this.#readingPaused = false
    this.#inner.resumeReading()
  }

  close(reason: string): void {
    this.#inner.close(reason)
  }

  /** The process stands still: nobody reads. */
  stop(): void {
    this.#inner.pauseReading()
  }

  goOn(): void {
    if (!this.#readingPaused) this.#inner.resumeReading()
  }
}

/** A disk whose syncs take time, so that a crash can come between a write and its sync. */
export function slowDisk(disk: Disk, clock: Clock, syncMs: () => number): Disk {
  return {
    makeDirectory: (path) => disk.makeDirectory(path),
    list: (path) => disk.list(path),
    size: (path) => disk.size(path),
    readFile: (path, bytesMax) => disk.readFile(path, bytesMax),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    space: (path) => disk.space(path),
    lock: (path) => disk.lock(path),
    open: async (path, mode) => {
      const file = await disk.open(path, mode)
      const sync = async (): Promise<void> => {
        await new Promise<void>((resolve) => clock.timer(syncMs(), resolve))
        await file.sync()
      }
      return { ...file, sync }
    },
  }
}
