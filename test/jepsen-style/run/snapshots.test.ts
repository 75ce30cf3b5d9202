/**
 * Goal: snapshots are counted in all logs of a run, and no other lines.
 * Method: logs as nodes write them, in a temporary directory.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { countSnapshots } from '../../../jepsen-style/run/snapshots.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-snapshots-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const line = (message: string): string => `${JSON.stringify({ level: 'info', message })}\n`

test('each that is whole, in logs that were put aside too', async () => {
  const whole = line('a snapshot is whole')
  writeFileSync(join(directory, 'n1.log'), line('offering a snapshot') + whole + whole)
  writeFileSync(join(directory, 'n1.log.1'), whole)
  writeFileSync(join(directory, 'n2.log'), line('fetching a snapshot'))
  writeFileSync(join(directory, 'other.txt'), whole)
  expect(await countSnapshots(directory)).toBe(3)
})

test('logs without any are none; no logs are no count', async () => {
  expect(await countSnapshots(directory)).toBeUndefined()
  expect(await countSnapshots(join(directory, 'missing'))).toBeUndefined()
  writeFileSync(join(directory, 'n1.log'), '')
  expect(await countSnapshots(directory)).toBe(0)
})
