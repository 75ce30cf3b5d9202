/**
 * Ports that end with a process: what a dead life set going never reaches the world any more. The
 * memory clock and network outlive their nodes, so each life gets its own view of them.
 */
import type { Cancel, Clock, Connection, Disk, Network } from '../../../src/ports.ts'

/** One life of one process. */
export class Life {
  #dead = false

  get isDead(): boolean {
    return this.#dead
  }

  end(): void {
    this.#dead = true
  }

  clock(clock: Clock): Clock {
    const alive = (callback: () => void) => (): void => {
      if (!this.#dead) callback()
    }
    return {
      monotonic: () => clock.monotonic(),
      wall: () => clock.wall(),
      timer: (delayMs: number, callback: () => void): Cancel =>
        clock.timer(delayMs, alive(callback)),
      soon: (callback) => clock.soon(alive(callback)),
    }
  }

  network(network: Network): Network {
    return {
      listen: (options) => network.listen(options),
      connect: async (address, options): Promise<Connection> => {
        const connection = await network.connect(address, options)
        if (!this.#dead) return connection
        connection.setHandlers({ onFrame: () => {}, onClose: () => {} })
        connection.close('its process is gone')
        return await new Promise<Connection>(() => {})
      },
    }
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
