// Goal: a command that is refused changes nothing, a wipe takes all that is the cluster's and nothing
// that runs, and what killed commands leave is in nobody's way. Method: real directories, no processes.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { dropNode, readClusterFile, requireClusterFile } from '../../src/cluster/cluster-file.ts'
import {
  createCluster,
  directoryHolds,
  retune,
  wipeCluster,
} from '../../src/cluster/local-cluster.ts'
import { realDisk } from '../../src/system/index.ts'

let root = ''
let directory = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quorate-local-'))
  directory = join(root, 'c')
})

afterEach(() => {
  rmSync(root, { recursive: true })
})

async function create(tuning = {}): Promise<void> {
  await createCluster({ dataDirectory: directory, nodes: 3, port: 0, tuning })
}

const bad = [
  [{ heartbeatMs: 200 }, 'three heartbeats'],
  [{ electionTimeoutMinMs: 500, electionTimeoutMaxMs: 510 }, '1.25 times'],
  [{ walMaxBytes: 1_024 }, 'cap of the log'],
] as const

test.each(bad)(
  'tuning that no node would start with makes no cluster: %o',
  async (tuning, what) => {
    await expect(create(tuning)).rejects.toThrow(what)
    expect(existsSync(directory)).toBe(false)
  },
)

test.each(bad)('nor does it change one: %o', async (tuning, what) => {
  await create({ logLevel: 'debug' })
  const before = requireClusterFile(directory)
  await expect(retune(before, tuning)).rejects.toThrow(what)
  expect(requireClusterFile(directory)).toEqual(before)
  const { tuning: now } = await retune(before, { heartbeatMs: 60 })
  expect(now).toEqual({ logLevel: 'debug', heartbeatMs: 60 })
  expect(requireClusterFile(directory).tuning).toEqual(now)
})

test('a wipe takes nodes that were dropped, and what killed commands have left', async () => {
  await create()
  await dropNode(directory, 'n3')
  writeFileSync(join(directory, 'cluster.json.4711.tmp'), '{')
  expect(wipeCluster(directory)).toBe(true)
  expect(existsSync(directory)).toBe(false)
})

test('a wipe leaves what is not the cluster’s', async () => {
  await create()
  writeFileSync(join(directory, 'notes'), 'mine')
  expect(wipeCluster(directory)).toBe(true)
  expect(readdirSync(directory)).toEqual(['notes'])
})

test('what a killed command has left is no strange thing', async () => {
  mkdirSync(join(directory, 'cluster.json.lock'), { recursive: true })
  writeFileSync(join(directory, 'cluster.json.4711.tmp'), '{')
  expect(directoryHolds(directory)).toBe(false)
  await create()
  expect(readClusterFile(directory)?.nodes.length).toBe(3)
  writeFileSync(join(root, 'other'), '')
  await expect(
    createCluster({ dataDirectory: root, nodes: 1, port: 0, tuning: {} }),
  ).rejects.toThrow('is not empty')
})

test('a wipe refuses where a process runs that the file does not know of', async (context) => {
  if (!existsSync('/proc/locks')) context.skip('this system does not tell who holds locks')
  await create()
  const lock = await realDisk.lock(join(directory, 'n2', 'lock'))
  expect(() => wipeCluster(directory)).toThrow('a process runs')
  expect(existsSync(join(directory, 'n1'))).toBe(true)
  await lock.release()
  expect(wipeCluster(directory)).toBe(true)
})
