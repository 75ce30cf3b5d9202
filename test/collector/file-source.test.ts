/**
 * Goal: a file gives its lines, plain or gzip; where gzip is cut or damaged, what came before is
 * handed over and the error says where.
 * Method: gzip files cut at many places and damaged at random ones, fed in chunks of all sizes; a
 * disk of one file.
 */
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fileChunks, gunzip, ndjsonSource, pipeChunks } from '../../src/collector/index.ts'
import { QuorateError } from '../../src/errors.ts'
import { bytesOf, chunksOf, diskWith, textOf } from './fakes.ts'

const signal = new AbortController().signal

interface Outcome {
  readonly lines: readonly string[]
  readonly error: QuorateError | undefined
}

async function read(
  name: string,
  bytes: Uint8Array,
  size = 1_000,
  open = (): AsyncIterable<Uint8Array> => chunksOf(bytes, size),
): Promise<Outcome> {
  const lines: string[] = []
  try {
    for await (const batch of ndjsonSource({ name, open }).open(0, signal)) {
      for (const line of batch) lines.push(textOf(line.bytes ?? new Uint8Array(0)))
    }
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error
    return { lines, error }
  }
  return { lines, error: undefined }
}

/** Lines that do not pack away to nothing. */
const lines = Array.from(
  { length: 4_000 },
  (_, i) => `{"n":${i},"x":"${Math.imul(i, 2654435761)}"}`,
)
const plain = bytesOf(lines.join('\n') + '\n')
const packed = new Uint8Array(gzipSync(plain))

describe('ndjsonSource', () => {
  test('reads plain and gzip bytes alike, in chunks of any size', async () => {
    for (const size of [1, 7, 1_000, 1_000_000]) {
      expect(await read('f.ndjson', plain, size)).toEqual({ lines, error: undefined })
    }
    for (const size of [1, 1_000, 1_000_000]) {
      expect(await read('f.ndjson.gz', packed, size)).toEqual({ lines, error: undefined })
      // What comes through a pipe has no name that would say so.
      expect(await read('standard input', packed, size)).toEqual({ lines, error: undefined })
    }
  })

  test('reads several gzip members in a row, as appended logs have them', async () => {
    const two = Buffer.concat([gzipSync('{"a":1}\n'), gzipSync('{"a":2}\n')])

    for (const size of [1, 28, 1_000]) {
      expect(await read('f.gz', two, size)).toEqual({
        lines: ['{"a":1}', '{"a":2}'],
        error: undefined,
      })
    }
  })

  test('an empty file has no lines, a file with one byte has one', async () => {
    expect(await read('f', new Uint8Array(0))).toEqual({ lines: [], error: undefined })
    expect(await read('f', bytesOf('x'), 1)).toEqual({ lines: ['x'], error: undefined })
  })

  test('a file that is called .gz and is not, is refused', async () => {
    for (const bytes of [plain, new Uint8Array(0), bytesOf('\u001f')]) {
      const { lines: none, error } = await read('f.gz', bytes)

      expect(none).toEqual([])
      expect(error).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: 'f.gz', offset: 0 } })
    }
  })

  test('of a cut gzip all whole lines are kept, and the place is named', async () => {
    const cuts = [2, 10, 11, 1_000, packed.length >> 1, packed.length - 8, packed.length - 1]
    for (const cut of cuts) {
      const { lines: kept, error } = await read('f.gz', packed.subarray(0, cut))

      expect(error).toMatchObject({
        code: 'QUORATE_CORRUPT',
        details: { file: 'f.gz', offset: cut },
      })
      expect(lines.slice(0, kept.length)).toEqual(kept)
      // Half of the packed bytes are about half of the lines: none may be lost in a buffer.
      if (cut === packed.length >> 1) expect(kept.length).toBeGreaterThan(lines.length * 0.45)
      if (cut >= packed.length - 8) expect(kept).toEqual(lines)
    }
  })

  test('a damaged gzip ends with an error, or with the very same lines', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: packed.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const damaged = packed.slice()
          damaged[at] = damaged[at]! ^ flip

          const { lines: kept, error } = await read('f', damaged)

          // The first two bytes make it gzip; the header's time and system mean nothing.
          if (at < 2) expect(kept).not.toEqual(lines)
          else if (error === undefined) expect(kept).toEqual(lines)
          else expect(error.code).toBe('QUORATE_CORRUPT')
        },
      ),
      { numRuns: 150 },
    )
  })

  test('garbage behind gzip data is damage, zeros are padding', async () => {
    const after = (tail: Uint8Array): Uint8Array => new Uint8Array(Buffer.concat([packed, tail]))

    expect((await read('f.gz', after(bytesOf('garbage')))).error?.code).toBe('QUORATE_CORRUPT')
    expect(await read('f.gz', after(new Uint8Array(512)))).toEqual({ lines, error: undefined })
  })

  test('unpacking waits for whoever reads', async () => {
    let taken = 0
    const bomb = new Uint8Array(gzipSync(new Uint8Array(64_000_000)))
    async function* watched(): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunksOf(bomb, 100)) {
        taken += chunk.length
        yield chunk
      }
    }

    const iterator = gunzip(watched(), 'f')
    await iterator.next()

    expect(taken).toBeLessThan(bomb.length / 100)
    await iterator.return(undefined)
  })
})

describe('fileChunks', () => {
  test('reads a file to its end', async () => {
    const disk = diskWith('/data/f.gz', packed)

    const outcome = await read('f.gz', packed, 0, () => fileChunks(disk, '/data/f.gz'))

    expect(outcome).toEqual({ lines, error: undefined })
  })

  test('a file that is not there is a usage error, one that cannot be read on is not', async () => {
    const gone = await read('f', plain, 0, () => fileChunks(diskWith('/a', plain), '/b'))
    const bad = await read('f', plain, 0, () => fileChunks(diskWith('/a', plain, 65_536), '/a'))

    expect(gone).toMatchObject({ lines: [], error: { code: 'QUORATE_USAGE' } })
    expect(gone.error?.cause).toBeInstanceOf(Error)
    expect(bad.error).toMatchObject({
      code: 'QUORATE_STORAGE',
      outcome: 'not-applied',
      details: { file: '/a', offset: 65_536 },
    })
    expect(lines.slice(0, bad.lines.length)).toEqual(bad.lines)
    expect(bad.lines.length).toBeGreaterThan(1_000)
  })

  test('a pipe that breaks is told with where it did', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield plain.subarray(0, 1_000)
      throw new Error('EISDIR')
    }
    const outcome = await read('stdin', plain, 0, () => pipeChunks(broken(), 'stdin'))
    expect(outcome.error).toMatchObject({
      code: 'QUORATE_STORAGE',
      details: { file: 'stdin', offset: 1_000 },
    })
    expect(outcome.lines.length).toBeGreaterThan(0)
  })
})
