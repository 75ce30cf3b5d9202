/** Writing a history while it happens: what was told is in the file, whatever happens later. */
import { createWriteStream, type WriteStream } from 'node:fs'
import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import type { HistoryEvent } from './event.ts'
import { formatLine } from './line.ts'

/** Bytes that may wait for the disk before `flushed` makes its caller wait. */
const waitingBytesMax = 1024 * 1024

/** An event that has no number yet. */
export type NewEvent = Omit<HistoryEvent, 'i'>

/** Numbers events and appends them to a file. */
export class HistoryWriter {
  readonly #stream: WriteStream
  #next = 0
  #failure: Error | undefined

  /** Makes the file, which must not be there yet. */
  constructor(path: string) {
    this.#stream = createWriteStream(path, { flags: 'wx', highWaterMark: waitingBytesMax })
    // Told by the next call: nobody listens at the moment at which it happens.
    this.#stream.on('error', (error) => {
      this.#failure = error
    })
  }

  /** How many events were written so far: the number of the next one. */
  get length(): number {
    return this.#next
  }

  /** Appends an event; the order of the calls is the order of the lines. Throws if the disk failed. */
  write(event: NewEvent): HistoryEvent {
    this.#check()
    const numbered = { i: this.#next++, ...event }
    this.#stream.write(`${formatLine(numbered)}\n`)
    return numbered
  }

  /** Resolves when less than a MiB waits for the disk: await it now and then. */
  async flushed(): Promise<void> {
    this.#check()
    if (this.#stream.writableNeedDrain) await once(this.#stream, 'drain')
  }

  /** Resolves when everything is in the file. */
  async close(): Promise<void> {
    this.#check()
    this.#stream.end()
    await finished(this.#stream)
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}
