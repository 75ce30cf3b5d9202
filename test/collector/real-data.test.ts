/**
 * Goal: real collector records go through unchanged: every line parses, has a key and token of its
 * own, and comes out with the bytes that went in.
 * Method: the gzip files beside the checkout, where there are any, against plain gunzip and split.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { marketTemplates, ndjsonSource, recordsFromLines } from '../../src/collector/index.ts'
import { chunksOf } from './fakes.ts'

const folder = resolve(import.meta.dirname, '../../../shared/data')
const files = existsSync(folder)
  ? readdirSync(folder).filter((name) => name.endsWith('.ndjson.gz'))
  : []
if (files.length === 0) {
  console.info('real collector records were not found beside the checkout: not run over them')
}

describe.skipIf(files.length === 0)('real records', () => {
  test.for(files.map((name) => join(folder, name)))('%s', async (path) => {
    const packed = new Uint8Array(readFileSync(path))
    const expected = gunzipSync(packed)
    const source = ndjsonSource({ name: basename(path), open: () => chunksOf(packed, 65_536) })
    const lines = source.open(0, new AbortController().signal)
    const keys = new Set<string>()
    const tokens = new Set<string>()
    let offset = 0
    let records = 0

    for await (const offers of recordsFromLines(lines, marketTemplates)) {
      for (const offer of offers) {
        if (offer.kind === 'refused') throw new Error(`line ${offer.line}: ${offer.problem}`)
        const { bytes, key, token } = offer
        const end = offset + bytes.length
        if (expected.compare(bytes, 0, bytes.length, offset, end) !== 0) {
          throw new Error(`line ${offer.line} differs`)
        }
        offset = end + 1
        records += 1
        keys.add(key)
        tokens.add(token ?? '')
      }
    }

    expect(offset).toBe(expected.length)
    expect(keys.size).toBe(records)
    expect(tokens.size).toBe(records)
    expect(records).toBeGreaterThan(1_000)
  })
})
