/**
 * Bytes from gzip, in a stream, with all that stood before a damage.
 *
 * Node's own stream iteration drops what is still buffered when the stream fails, and so would
 * lose records that were read well. Here the output is taken by hand, slice by slice.
 */
import { createGunzip, type Gunzip } from 'node:zlib'
import { corruptError } from '../errors.ts'

// A slice of deflate data grows at most about 1,030 times; the stream itself stops at its own
// buffer while nobody reads, so memory stays bounded by that and not by this.
const sliceBytesMax = 16_384

/** Whether bytes begin as gzip does. No JSON text begins so. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/**
 * Unpacks gzip (several members in a row too). Where the data is cut or damaged it throws
 * `QUORATE_CORRUPT`, after what was unpacked before was handed over: all of it where data is cut,
 * and all but what the damaged 16 KiB would have given where it is damaged.
 */
export async function* gunzip(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  const stream = createGunzip()
  const state: StreamState = { failure: undefined, pending: false, ended: false, wake: () => {} }
  // Every event only wakes the loop below, which then looks at the state.
  stream.on('error', (error) => {
    state.failure ??= error
    state.wake()
  })
  stream.on('readable', () => state.wake())
  stream.on('end', () => {
    state.ended = true
    state.wake()
  })
  let offset = 0
  try {
    for await (const chunk of chunks) {
      for (let start = 0; start < chunk.length; start += sliceBytesMax) {
        const slice = chunk.subarray(start, start + sliceBytesMax)
        state.pending = true
        stream.write(slice, () => {
          state.pending = false
          state.wake()
        })
        yield* drain(stream, state, () => !state.pending)
        if (state.failure !== undefined) throw damaged(name, offset, state.failure)
        offset += slice.length
      }
    }
    stream.end()
    yield* drain(stream, state, () => state.ended)
    if (state.failure !== undefined) throw damaged(name, offset, state.failure)
  } finally {
    stream.destroy()
  }
}

interface StreamState {
  failure: Error | undefined
  /** A slice is being unpacked. */
  pending: boolean
  ended: boolean
  wake: () => void
}

/** Hands over the output until `isDone`, or until the stream fails. */
async function* drain(
  stream: Gunzip,
  state: StreamState,
  isDone: () => boolean,
): AsyncGenerator<Uint8Array> {
  for (;;) {
    // Read first, judge then: a stream that has failed still holds what it unpacked before.
    let output: unknown = stream.read()
    while (output instanceof Uint8Array) {
      yield output
      output = stream.read()
    }
    if (state.failure !== undefined || isDone()) return
    await new Promise<void>((resolve) => {
      state.wake = resolve
    })
  }
}

function damaged(name: string, offset: number, cause: Error): Error {
  const isCut = 'code' in cause && cause.code === 'Z_BUF_ERROR'
  return corruptError(name, offset, isCut ? 'the gzip data is cut short' : 'bad gzip data')
}
