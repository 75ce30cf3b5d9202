// Goal: `cluster logs` shows whole lines, the last ones, and what comes after, also where a log is
// large or was begun anew. Method: real files, written while they are followed.
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { followLogs, LogTail } from '../../src/cluster/logs.ts'

let directory = ''
let path = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-logs-'))
  path = join(directory, 'n1.log')
})

afterEach(() => {
  rmSync(directory, { recursive: true })
})

test('the last lines, fewer where there are fewer', () => {
  const last = (count: number): string[] => new LogTail(path).last(count)
  expect(last(5)).toEqual([])
  writeFileSync(path, 'a\nb\nc\n')
  expect(last(2)).toEqual(['b', 'c'])
  expect(last(5)).toEqual(['a', 'b', 'c'])
  expect(last(0)).toEqual([])
  appendFileSync(path, 'begun')
  const tail = new LogTail(path)
  expect(tail.last(1)).toEqual(['c'])
  expect(tail.unfinished()).toEqual(['begun'])
})

test('what was there before is not what was added', () => {
  writeFileSync(path, 'old\n')
  const tail = new LogTail(path)
  appendFileSync(path, 'new\nbeg')
  expect([...tail.added(), ...tail.unfinished()]).toEqual(['new', 'beg'])
})

test('of a log larger than is read, no part of a line is shown', () => {
  const line = 'x'.repeat(999)
  writeFileSync(path, `${line}\n`.repeat(2_000))
  const found = new LogTail(path).last(5_000)
  expect(found.length).toBeGreaterThan(500)
  expect(found.every((text) => text === line)).toBe(true)
})

test('what is written later comes line by line, until it is enough', async () => {
  writeFileSync(path, 'old\n')
  const enough = new AbortController()
  const found: string[] = []
  const following = followLogs(
    [path, join(directory, 'later.log')].map((each) => new LogTail(each)),
    async (index, line) => {
      found.push(`${index} ${line}`)
      if (line === 'two') appendFileSync(join(directory, 'later.log'), 'three\n')
      if (line === 'three') writeFileSync(path, 'a\n')
      if (line === 'a') enough.abort()
    },
    enough.signal,
  )
  appendFileSync(path, 'one\ntw')
  appendFileSync(path, 'o\n')
  await following
  expect(found).toEqual(['0 one', '0 two', '1 three', '0 a'])
})
