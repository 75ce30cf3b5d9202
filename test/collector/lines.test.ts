/**
 * Goal: lines come out byte for byte, however the bytes were cut into chunks, and a giant one
 * neither comes out nor is held.
 * Method: a property against a plain split; tables for line ends; a stream that is watched.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitLines, type Line } from '../../src/collector/index.ts'
import { bytesOf, chunksOf, textOf } from './fakes.ts'

async function linesOf(text: string, size = 1_000, max?: number): Promise<(string | undefined)[]> {
  const lines: Line[] = []
  for await (const batch of splitLines(chunksOf(bytesOf(text), size), max)) lines.push(...batch)
  expect(lines.map(({ line }) => line)).toEqual(lines.map((_, i) => i + 1))
  return lines.map(({ bytes }) => (bytes === undefined ? undefined : textOf(bytes)))
}

describe('splitLines', () => {
  test.for([
    ['', []],
    ['a', ['a']],
    ['a\n', ['a']],
    ['a\r\nb\r\n', ['a', 'b']],
    ['a\r\nb', ['a', 'b']],
    ['a\rb\n', ['a\rb']],
    ['a\r', ['a\r']],
    ['a\r\r\n', ['a\r']],
    ['\n', []],
    ['\na', ['', 'a']],
    ['a\n\nb\n', ['a', '', 'b']],
    ['a\n\n', ['a']],
    ['a\r\n\r\n', ['a']],
    ['a\n\n\n', ['a', '']],
  ] as const)('%j becomes %j', async ([text, lines]) => {
    for (const size of [1, 2, 3, 1_000]) expect(await linesOf(text, size)).toEqual(lines)
  })

  test('gives what a plain split gives, whatever the chunks', async () => {
    const line = fc.string({ unit: fc.constantFrom('a', 'é', '"', '\r'), maxLength: 12 })
    const end = fc.constantFrom('\n', '\r\n')
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(line, end)), fc.nat({ max: 9 }), async (rows, size) => {
        const text = rows.map(([content, ending]) => content + ending).join('')
        const expected = text.split('\n').map((piece) => piece.replace(/\r$/, ''))
        expected.pop()
        if (expected.at(-1) === '') expected.pop()

        expect(await linesOf(text, size + 1)).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })

  test('a line of the cap comes out, a longer one does not, and the next does', async () => {
    for (const size of [1, 4, 1_000]) {
      const text = '12345\r\n123456\r\n123456\n1234\r56\nab\n12345'
      expect(await linesOf(text, size, 5)).toEqual([
        '12345',
        undefined,
        undefined,
        undefined,
        'ab',
        '12345',
      ])
      expect(await linesOf('123456', size, 5)).toEqual([undefined])
    }
  })

  test('a giant line is not held', async () => {
    const chunkBytes = 1_048_576
    async function* giant(): AsyncGenerator<Uint8Array> {
      await Promise.resolve()
      for (let i = 0; i < 512; i++) yield new Uint8Array(chunkBytes).fill(0x61)
      yield bytesOf('\n{}\n')
    }
    const before = process.memoryUsage().arrayBuffers

    const lines: Line[] = []
    let highest = 0
    for await (const batch of splitLines(watch(giant()))) lines.push(...batch)

    expect(lines).toEqual([
      { line: 1, bytes: undefined },
      { line: 2, bytes: bytesOf('{}') },
    ])
    expect(highest - before).toBeLessThan(256 * chunkBytes)

    async function* watch(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        highest = Math.max(highest, process.memoryUsage().arrayBuffers)
        yield chunk
      }
    }
  })

  test('a short line does not keep the chunk that it came in', async () => {
    for await (const batch of splitLines(chunksOf(bytesOf('ab\ncd\n')))) {
      for (const { bytes } of batch) expect(bytes?.buffer.byteLength).toBe(2)
    }
  })
})
