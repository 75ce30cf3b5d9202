/**
 * What the devices of the router have counted, read every so often while there are rules: the
 * counts of a rule are asked for at any moment, and the kernel answers only by way of a process.
 */
import { run } from './command.ts'
import type { DeviceFigures } from './kernel-json.ts'
import { figuresByDevice, packetsByLink } from './kernel-json.ts'

const readEveryMs = 250

const none: DeviceFigures = { packets: 0, drops: 0 }

export class Figures {
  readonly #router: string
  readonly #shapes: boolean
  #packets: ReadonlyMap<string, number> = new Map()
  #shaped: ReadonlyMap<string, DeviceFigures> = new Map()
  #readers = 0
  #timer: NodeJS.Timeout | undefined
  #reading: Promise<void> | undefined

  /** `shapes`: there is a `tc` to ask. */
  constructor(router: string, shapes: boolean) {
    this.#router = router
    this.#shapes = shapes
  }

  /** As last read. */
  of(device: string): DeviceFigures {
    return this.#shaped.get(device) ?? { ...none, packets: this.#packets.get(device) ?? 0 }
  }

  /** Reads now. */
  async read(): Promise<void> {
    // What is being read may be from before the call.
    await this.#reading
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined
    })
    await this.#reading
  }

  /** Reads again and again until as many have let go as have followed. */
  follow(): void {
    this.#readers++
    if (this.#readers === 1) this.#later()
  }

  letGo(): void {
    this.#readers = Math.max(0, this.#readers - 1)
    if (this.#readers === 0) clearTimeout(this.#timer)
  }

  async #readAll(): Promise<void> {
    this.#packets = packetsByLink(await run(['ip', '-n', this.#router, '-s', '-j', 'link', 'show']))
    if (!this.#shapes) return
    const command = ['tc', '-n', this.#router, '-s', '-j', 'qdisc', 'show']
    this.#shaped = figuresByDevice(await run(command))
  }

  #later(): void {
    this.#timer = setTimeout(() => void this.#again(), readEveryMs)
  }

  async #again(): Promise<void> {
    try {
      await this.read()
    } catch {
      // What could not be read is not counted, and a fault without counts was not seen.
    }
    if (this.#readers > 0) this.#later()
  }
}
