/**
 * Golden files: formats that must not change unnoticed. Run with `UPDATE=1` to rewrite them, and
 * read the difference.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'

/** Compares named byte strings with a file of `name: hex` lines. */
export function expectGolden(file: URL, entries: ReadonlyMap<string, Uint8Array>): void {
  const lines = [...entries].map(
    ([name, bytes]) => `${name}: ${Buffer.from(bytes).toString('hex')}`,
  )
  const written = `${lines.join('\n')}\n`
  if (process.env['UPDATE'] === '1') writeFileSync(file, written)
  expect(written).toBe(readFileSync(file, 'utf8'))
}
