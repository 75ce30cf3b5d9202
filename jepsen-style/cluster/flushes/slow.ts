/**
 * Loaded into the process of a node before its own code (`node --import`): makes flushes of files
 * (`sync` and `datasync` of file handles, and the calls that block) take longer, as the harness
 * orders. What is flushed, and whether, does not change. LevelDB flushes by calls of its own and is left as it is: acknowledged
 * is what is in the log.
 */
import fs from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { answerOrder, follow } from '../orders/follow.ts'
import { orderVariable, parseDelays, type NumberedDelays } from './order.ts'

/** What follows orders, and counts what came of the last one. */
class SlowFlushes {
  readonly #path: string
  #order: NumberedDelays | undefined
  #flushes = 0
  #delayedMs = 0
  #told = ''

  constructor(path: string) {
    this.#path = path
  }

  /** The delay of a flush that begins now, ms; 0: none. */
  next(): number {
    const delays = this.#order?.order ?? []
    if (delays.length === 0) return 0
    return delays[this.#flushes++ % delays.length] ?? 0
  }

  passed(ms: number): void {
    this.#delayedMs += ms
  }

  follow(): void {
    follow(this.#path, {
      changed: (text) => {
        const order = text === undefined ? undefined : parseDelays(text)
        if (order?.number === this.#order?.number) return
        this.#order = order
        this.#flushes = 0
        this.#delayedMs = 0
      },
      looked: () => {
        if (this.#order === undefined) return
        const delayedMs = Math.round(this.#delayedMs)
        const answer = { number: this.#order.number, flushes: this.#flushes, delayedMs }
        const text = JSON.stringify(answer)
        if (text === this.#told) return
        answerOrder(this.#path, answer)
        this.#told = text
      },
    })
  }
}

const orderFile = process.env[orderVariable]
if (orderFile !== undefined && orderFile !== '') await install(orderFile)

async function install(path: string): Promise<void> {
  const flushes = new SlowFlushes(path)
  const prototype = await prototypeOfHandles()
  for (const name of ['sync', 'datasync'] as const) {
    const real: FileHandle['sync'] = prototype[name]
    prototype[name] = async function slowed(this: FileHandle): Promise<void> {
      const ms = flushes.next()
      if (ms > 0) {
        const began = performance.now()
        // Before the flush and not after it: nothing is durable until late.
        await delay(ms)
        flushes.passed(performance.now() - began)
      }
      await real.call(this)
    }
  }
  slowDownBlocking(flushes)
  flushes.follow()
}

/** A disk that is slow keeps whoever waits for it on the event loop from everything else. */
function slowDownBlocking(flushes: SlowFlushes): void {
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (const name of ['fsyncSync', 'fdatasyncSync'] as const) {
    const real = fs[name]
    fs[name] = (fd: number): void => {
      const ms = flushes.next()
      if (ms > 0) {
        const began = performance.now()
        Atomics.wait(never, 0, 0, ms)
        flushes.passed(performance.now() - began)
      }
      real(fd)
    }
  }
  // Those who import them by name get these, too.
  syncBuiltinESMExports()
}

/** Node hands the class of its file handles to nobody; one of them leads to it. */
async function prototypeOfHandles(): Promise<FileHandle> {
  const handle = await open(fileURLToPath(import.meta.url))
  try {
    return Object.getPrototypeOf(handle) as FileHandle
  } finally {
    await handle.close()
  }
}
