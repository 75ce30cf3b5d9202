/** What the tests of the disk share: a disk with a kernel of its own, and processes on it. */
import type { Disk, DiskFile } from '../../../src/ports.ts'
import { SeededRandom } from '../../../src/random.ts'
import { Kernel } from '../kernel/kernel.ts'
import { MachineClock, Process } from '../kernel/process.ts'
import { settle } from '../kernel/settle.ts'
import { SimDisk } from './sim-disk.ts'

/** One machine, without a network. */
export class TestMachine {
  readonly kernel = new Kernel()
  readonly random: SeededRandom
  readonly disk: SimDisk
  process: Process
  port: Disk

  constructor(seed = 1) {
    this.random = new SeededRandom(seed)
    this.disk = new SimDisk({
      kernel: this.kernel,
      name: 'n1',
      random: this.random.fork(),
      timing: { readMs: [0.1, 0.2], writeMs: [0.1, 0.5], syncMs: [1, 3], otherMs: [0.1, 0.2] },
    })
    this.process = this.#newProcess()
    this.port = this.disk.mount(this.process)
  }

  /** Lets time pass until it settles. */
  run<T>(promise: Promise<T>): Promise<T> {
    return settle(this.kernel, promise)
  }

  /** The process goes and a new one comes; `powerOff`: in between, on a machine that is off. */
  restart(powerOff?: () => void): void {
    this.process.kill()
    this.disk.kill()
    powerOff?.()
    this.process = this.#newProcess()
    this.port = this.disk.mount(this.process)
  }

  /** The port, for a suite that knows nothing of virtual time. */
  driven(): Disk {
    const { port } = this
    return {
      makeDirectory: (path) => this.run(port.makeDirectory(path)),
      list: (path) => this.run(port.list(path)),
      size: (path) => this.run(port.size(path)),
      readFile: (path, bytesMax) => this.run(port.readFile(path, bytesMax)),
      open: async (path, mode) => this.#drivenFile(await this.run(port.open(path, mode))),
      rename: (from, to) => this.run(port.rename(from, to)),
      remove: (path) => this.run(port.remove(path)),
      syncDirectory: (path) => this.run(port.syncDirectory(path)),
      space: (path) => this.run(port.space(path)),
      lock: async (path) => {
        const lock = await this.run(port.lock(path))
        return { release: () => this.run(lock.release()) }
      },
    }
  }

  #drivenFile(file: DiskFile): DiskFile {
    return {
      read: (offset, length) => this.run(file.read(offset, length)),
      write: (buffers, offset) => this.run(file.write(buffers, offset)),
      truncate: (length) => this.run(file.truncate(length)),
      sync: () => this.run(file.sync()),
      close: () => this.run(file.close()),
    }
  }

  #newProcess(): Process {
    return new Process(this.kernel, 'n1', new MachineClock(this.kernel))
  }
}
