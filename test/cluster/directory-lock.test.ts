// Goal: a running node's directory is told from a stopped one's, and the look takes no lock.
// Method: the real lock, taken and released in this process; a list of locks made by hand.
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isInUse } from '../../src/cluster/directory-lock.ts'
import { realDisk } from '../../src/system/index.ts'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-lock-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true })
})

test('a directory without a lock file is not in use, and gets none', () => {
  expect(isInUse(directory)).toBe(false)
  expect(existsSync(join(directory, 'lock'))).toBe(false)
})

test('whoever holds the lock is in the list of locks, and no one else', async () => {
  const lock = await realDisk.lock(join(directory, 'lock'))
  const locks = join(directory, 'locks')
  const { ino } = statSync(join(directory, 'lock', 'LOCK'))
  const others = `1: FLOCK  ADVISORY  WRITE 1 fd:01:${ino}0 0 EOF\n`
  writeFileSync(locks, others)
  expect(isInUse(directory, locks)).toBe(false)
  writeFileSync(locks, `${others}2: POSIX  ADVISORY  WRITE 4711 fd:01:${ino} 0 EOF\n`)
  expect(isInUse(directory, locks)).toBe(true)
  expect(isInUse(directory, join(directory, 'no-such-list'))).toBeUndefined()
  // Where the system has a list, it is the real one.
  if (existsSync('/proc/locks')) expect(isInUse(directory)).toBe(true)
  await lock.release()
  if (existsSync('/proc/locks')) expect(isInUse(directory)).toBe(false)
})
