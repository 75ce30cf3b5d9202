/** Fakes for the collectors' tests: a store with tokens, a file, and sources from arrays. */
import { QuorateError, type ErrorCode } from '../../src/errors.ts'
import { SeededRandom } from '../../src/random.ts'
import type { Disk } from '../../src/ports.ts'
import type {
  CollectOptions,
  CollectReport,
  Line,
  LineSource,
  RecordPutOptions,
  RecordWriter,
} from '../../src/collector/index.ts'
import { collect, parseTemplate } from '../../src/collector/index.ts'
import { ManualClock } from '../suites/manual-clock.ts'

/** One call of `put`, as the store saw it. */
export interface Put {
  readonly writer: number
  readonly key: string
  readonly value: Uint8Array
  readonly options: RecordPutOptions
  /** How often this writer has called with this key, from 1. */
  readonly attempt: number
}

/**
 * What becomes of a call: it is done, it is done but its answer lost, it is lost itself, it fails
 * with a code, or it stays without an answer until its signal aborts.
 */
export type Behaviour =
  | 'answer'
  | 'loseAnswer'
  | 'loseCall'
  | 'hang'
  | { readonly code: ErrorCode; readonly outcome?: 'unknown' | 'not-applied' }

/** Decides by token (or key, with once) as a cluster would, and misbehaves as it is told. */
export class FakeStore {
  readonly rows = new Map<string, { value: string; revision: number }>()
  readonly puts: Put[] = []
  writers = 0
  closed = 0
  inFlight = 0
  inFlightHighest = 0
  readonly #behave: (put: Put) => Behaviour
  readonly #clock: ManualClock | undefined

  constructor(behave: (put: Put) => Behaviour = () => 'answer', clock?: ManualClock) {
    this.#behave = behave
    this.#clock = clock
  }

  connect = async (): Promise<RecordWriter> => {
    await Promise.resolve()
    const writer = this.writers++
    const attempts = new Map<string, number>()
    return {
      put: async (key, value, options) => {
        const attempt = (attempts.get(key) ?? 0) + 1
        attempts.set(key, attempt)
        return await this.#put({ writer, key, value, options, attempt })
      },
      close: async () => {
        await Promise.resolve()
        this.closed += 1
      },
    }
  }

  async #put(put: Put): ReturnType<RecordWriter['put']> {
    this.puts.push(put)
    this.inFlight += 1
    this.inFlightHighest = Math.max(this.inFlightHighest, this.inFlight)
    const clock = this.#clock
    await (clock === undefined
      ? Promise.resolve()
      : new Promise<void>((resolve) => void clock.timer(3, resolve)))
    this.inFlight -= 1
    const behaviour = this.#behave(put)
    if (behaviour === 'hang') return await hangUntilAborted(put.options.signal)
    if (behaviour === 'loseCall') throw new QuorateError('QUORATE_TIMEOUT', 'no answer')
    if (typeof behaviour === 'object') {
      const { code, outcome } = behaviour
      throw new QuorateError(code, 'as told', outcome === undefined ? {} : { outcome })
    }
    const result = this.#decide(put)
    if (behaviour === 'loseAnswer') throw new QuorateError('QUORATE_CONNECTION_LOST', 'gone')
    return result
  }

  #decide({ key, value, options }: Put): Awaited<ReturnType<RecordWriter['put']>> {
    const identity = options.once === true ? key : (options.token ?? '')
    const text = Buffer.from(value).toString('latin1')
    const row = this.rows.get(identity)
    if (row === undefined) {
      const revision = this.rows.size + 1
      this.rows.set(identity, { value: text, revision })
      return { verdict: 'applied', revision }
    }
    return { verdict: row.value === text ? 'duplicate' : 'mismatch', revision: row.revision }
  }
}

async function hangUntilAborted(signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })
  throw new QuorateError('QUORATE_ABORTED', 'aborted', { outcome: 'unknown' })
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Pieces of `size` bytes. */
export async function* chunksOf(bytes: Uint8Array, size = 1_000): AsyncGenerator<Uint8Array> {
  await Promise.resolve()
  for (let i = 0; i < bytes.length; i += size) yield bytes.slice(i, i + size)
}

/** Texts as a source, in batches; with one list for each replica, each replica gets its own. */
export function sourceOf(...texts: readonly (readonly string[])[]): LineSource {
  const batches = async function* (replica: number): AsyncGenerator<readonly Line[]> {
    await Promise.resolve()
    const lines = (texts[replica] ?? []).map((text, i) => ({ line: i + 1, bytes: bytesOf(text) }))
    for (let i = 0; i < lines.length; i += 7) yield lines.slice(i, i + 7)
  }
  return { kind: texts.length === 1 ? 'shared' : 'perReplica', open: batches }
}

/** `{"id":1}`, `{"id":2}`, … */
export const goodLines = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `{"id":${i + 1}}`)

/** Runs `collect` on a clock of its own to its end, with keys and tokens made from `id`. */
export async function runCollect(
  store: FakeStore,
  source: LineSource,
  overrides: Partial<CollectOptions> = {},
  clock = new ManualClock(),
): Promise<CollectReport> {
  const running = collect({
    source,
    replicas: 3,
    connect: store.connect,
    keyTemplate: parseTemplate('k/{id}'),
    ...(overrides.once === true ? {} : { tokenTemplate: parseTemplate('t/{id}') }),
    clock,
    random: new SeededRandom(1),
    ...overrides,
  })
  return await settle(clock, running)
}

/** Moves the clock in large steps until the promise settles. */
export async function settle<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  const state = { settled: false }
  const mark = (): void => void (state.settled = true)
  promise.then(mark, mark)
  await clock.run()
  for (let i = 0; i < 10_000 && !state.settled; i++) await clock.advance(100)
  if (!state.settled) throw new Error('never settled')
  return await promise
}

/** A disk with one file, which may fail from some offset on. */
export function diskWith(path: string, bytes: Uint8Array, failsAt = Infinity): Disk {
  const refuse = async (): Promise<never> => {
    await Promise.resolve()
    throw new Error('not for this test')
  }
  return {
    makeDirectory: refuse,
    list: refuse,
    size: refuse,
    readFile: refuse,
    rename: refuse,
    remove: refuse,
    syncDirectory: refuse,
    space: refuse,
    lock: refuse,
    open: async (wanted) => {
      await Promise.resolve()
      if (wanted !== path) throw new Error(`ENOENT: no such file, open '${wanted}'`)
      return {
        read: async (offset, length) => {
          await Promise.resolve()
          if (offset >= failsAt) throw new Error('EIO: i/o error, read')
          return bytes.slice(offset, offset + length)
        },
        write: refuse,
        truncate: refuse,
        sync: refuse,
        close: async () => await Promise.resolve(),
      }
    },
  }
}
