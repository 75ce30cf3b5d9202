/**
 * What every `Network` must do, as a suite to be run on each: the memory one that tests and
 * simulations stand on, and the real one. Nothing here waits for time to pass; `settle` gives the
 * network at hand what it needs to get on (a real one needs nothing but patience).
 */
import { describe, expect, test } from 'vitest'
import type { Connection, ListenOptions, Listener, Network } from '../../src/ports.ts'

/** A network under test, made anew for each test. */
export interface NetworkUnderTest {
  readonly server: Network
  readonly client: Network
  /** An address to listen on whose port is free. */
  readonly address: string
  /** Drives the network until the promise settles. */
  settle<T>(promise: Promise<T>): Promise<T>
}

/** Everything that one end of a connection saw. */
export class End {
  readonly connection: Connection
  readonly frames: Uint8Array[] = []
  readonly log: string[] = []
  readonly closed: Promise<string>
  drains = 0
  #waiting: { readonly count: number; readonly resolve: () => void }[] = []
  #onDrain: (() => void)[] = []

  constructor(connection: Connection) {
    this.connection = connection
    this.closed = new Promise((resolve) => {
      connection.setHandlers({
        onFrame: (frame) => {
          this.frames.push(frame)
          this.log.push('frame')
          this.#waiting = this.#waiting.filter(({ count, resolve: done }) => {
            if (this.frames.length < count) return true
            done()
            return false
          })
        },
        onClose: (reason) => {
          this.log.push('close')
          resolve(reason)
        },
        onDrain: () => {
          this.drains++
          for (const done of this.#onDrain.splice(0)) done()
        },
      })
    })
  }

  /** Resolves once this many frames have arrived in all. */
  arrived(count: number): Promise<void> {
    if (this.frames.length >= count) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push({ count, resolve })
    })
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDrain.push(resolve)
    })
  }

  get texts(): string[] {
    return this.frames.map((frame) => new TextDecoder().decode(frame))
  }
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

const frameBytesMax = 1_048_576
const timeoutMs = 10_000

interface Pair {
  readonly listener: Listener
  readonly near: End
  readonly far: End
}

/** Listens, connects and takes both ends. */
export async function connectPair(
  under: NetworkUnderTest,
  options: Partial<ListenOptions> = {},
): Promise<Pair> {
  const accepted: End[] = []
  const listener = await under.settle(
    under.server.listen({
      address: under.address,
      frameBytesMax,
      connectionsMax: 100,
      onConnection: (connection) => accepted.push(new End(connection)),
      ...options,
    }),
  )
  const connecting = under.client.connect(listener.address, { frameBytesMax, timeoutMs })
  const near = new End(await under.settle(connecting))
  return { listener, near, far: accepted[0]! }
}

export function networkSuite(name: string, make: () => NetworkUnderTest): void {
  describe(`network: ${name}`, () => {
    const run = async (
      check: (under: NetworkUnderTest, pair: Pair) => Promise<void>,
      options: Partial<ListenOptions> = {},
    ): Promise<void> => {
      const under = make()
      const pair = await connectPair(under, options)
      await check(under, pair)
      await under.settle(pair.listener.close())
    }

    test('port 0 becomes the port that was bound', () =>
      run(async (under, { listener }) => {
        expect(listener.address).toMatch(/:[1-9]\d*$/)
        expect(listener.address).not.toBe(under.address)
      }))

    test('frames arrive whole, in order, in both directions', () =>
      run(async (under, { near, far }) => {
        for (let i = 0; i < 100; i++) {
          near.connection.send(bytesOf(`near ${i}`))
          far.connection.send(bytesOf(`far ${i}`))
        }
        await under.settle(Promise.all([near.arrived(100), far.arrived(100)]))
        expect(far.texts).toEqual(Array.from({ length: 100 }, (_, i) => `near ${i}`))
        expect(near.texts).toEqual(Array.from({ length: 100 }, (_, i) => `far ${i}`))
      }))

    test('a frame may be empty, and as large as allowed', () =>
      run(async (under, { near, far }) => {
        near.connection.send(new Uint8Array(0))
        near.connection.send(new Uint8Array(frameBytesMax).fill(7))
        await under.settle(far.arrived(2))
        expect(far.frames.map((frame) => frame.length)).toEqual([0, frameBytesMax])
        expect(far.frames[1]?.every((byte) => byte === 7)).toBe(true)
      }))

    test('frames are plain byte arrays', () =>
      run(async (under, { near, far }) => {
        near.connection.send(Buffer.from('a buffer'))
        await under.settle(far.arrived(1))
        expect(Object.getPrototypeOf(far.frames[0])).toBe(Uint8Array.prototype)
      }))

    test('a frame above the cap closes the connection, and the next one works', () =>
      run(async (under, { listener, near, far }) => {
        near.connection.send(new Uint8Array(frameBytesMax + 1))
        await under.settle(Promise.all([near.closed, far.closed]))
        expect(far.frames).toEqual([])
        const again = under.client.connect(listener.address, { frameBytesMax, timeoutMs })
        const end = new End(await under.settle(again))
        end.connection.close('done')
        await under.settle(end.closed)
      }))

    test('what was sent before a close arrives before it', () =>
      run(async (under, { near, far }) => {
        near.connection.send(bytesOf('last words'))
        near.connection.close('enough')
        near.connection.send(bytesOf('too late'))
        expect(await under.settle(far.closed)).toBe('enough')
        expect(await under.settle(near.closed)).toBe('enough')
        expect(far.texts).toEqual(['last words'])
        expect(far.log).toEqual(['frame', 'close'])
      }))

    test('each side hears of the end once, and nothing after its own close', () =>
      run(async (under, { near, far }) => {
        far.connection.close('first')
        near.connection.send(bytesOf('crossing'))
        near.connection.close('second')
        near.connection.close('third')
        await under.settle(Promise.all([near.closed, far.closed]))
        expect(far.log).toEqual(['close'])
        expect(near.log).toEqual(['close'])
        far.connection.send(bytesOf('nobody'))
        expect(far.connection.bufferedBytes).toBe(0)
      }))

    test('the end is never told from within the call that closes', () =>
      run(async (under, { near }) => {
        near.connection.close('now')
        expect(near.log).toEqual([])
        await under.settle(near.closed)
      }))

    test('a reader that pauses gets nothing, its writer buffers, and all arrives afterwards', () =>
      run(async (under, { near, far }) => {
        far.connection.pauseReading()
        const frame = new Uint8Array(262_144)
        let sent = 0
        // The kernel's buffers are of no known size: write until they are full.
        while (near.connection.bufferedBytes < 4 * frame.length) {
          near.connection.send(frame)
          sent++
        }
        expect(near.connection.bufferedBytes).toBeGreaterThan(0)
        const drained = near.drained()
        far.connection.resumeReading()
        await under.settle(Promise.all([far.arrived(sent), drained]))
        expect(near.connection.bufferedBytes).toBe(0)
        expect(near.drains).toBe(1)
      }))

    test('pausing and resuming within a frame handler loses and repeats nothing', () =>
      run(async (under, { near, far }) => {
        for (let i = 0; i < 50; i++) {
          near.connection.send(bytesOf(String(i)))
          if (i % 10 === 0) {
            far.connection.pauseReading()
            far.connection.resumeReading()
          }
        }
        await under.settle(far.arrived(50))
        expect(far.texts).toEqual(Array.from({ length: 50 }, (_, i) => String(i)))
      }))

    test('a close gets through to a side that had paused reading itself', () =>
      run(async (under, { near, far }) => {
        near.connection.pauseReading()
        near.connection.close('bye')
        expect(await under.settle(far.closed)).toBe('bye')
        await under.settle(near.closed)
      }))

    test('a taken port is refused by code', () =>
      run(async (under, { listener }) => {
        const again = under.server.listen({
          address: listener.address,
          frameBytesMax,
          connectionsMax: 1,
          onConnection: () => {},
        })
        await expect(under.settle(again)).rejects.toMatchObject({ code: 'QUORATE_PORT_IN_USE' })
      }))

    test('nobody listening is a lost connection, surely without effect', async () => {
      const under = make()
      const { listener, near } = await connectPair(under)
      await under.settle(listener.close())
      await under.settle(near.closed)
      const dial = under.client.connect(listener.address, { frameBytesMax, timeoutMs })
      await expect(under.settle(dial)).rejects.toMatchObject({
        code: 'QUORATE_CONNECTION_LOST',
        outcome: 'not-applied',
      })
    })

    test('a connection above the cap is refused, and a place that is free again is given', () =>
      run(
        async (under, { listener, near, far }) => {
          const dial = () => under.client.connect(listener.address, { frameBytesMax, timeoutMs })
          await expect(under.settle(dial())).rejects.toMatchObject({
            code: 'QUORATE_CONNECTION_LOST',
          })
          near.connection.close('making room')
          await under.settle(Promise.all([near.closed, far.closed]))
          const end = new End(await under.settle(dial()))
          expect(end.log).toEqual([])
        },
        { connectionsMax: 1 },
      ))

    test('closing a listener closes what it accepted and frees the port', async () => {
      const under = make()
      const { listener, near, far } = await connectPair(under)
      await under.settle(listener.close())
      await under.settle(Promise.all([near.closed, far.closed]))
      const again = await under.settle(
        under.server.listen({
          address: listener.address,
          frameBytesMax,
          connectionsMax: 1,
          onConnection: () => {},
        }),
      )
      expect(again.address).toBe(listener.address)
      await under.settle(again.close())
    })
  })
}
