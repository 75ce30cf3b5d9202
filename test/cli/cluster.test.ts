// Goal: commands on a local cluster that is not there, is down, or is something else say so and do
// no harm. Method: directories made by hand; no process is started (test/e2e does that).
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { showLiveStatus } from '../../src/cli/live-status.ts'
import { Output } from '../../src/cli/output.ts'
import { nodePaths, requireClusterFile, writeClusterFile } from '../../src/cluster/cluster-file.ts'
import { quorate } from './harness.ts'

let cwd = ''

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'quorate-cluster-'))
})

afterEach(() => {
  rmSync(cwd, { recursive: true })
})

/** A cluster that is down; its second node has the process id of this test. */
function makeCluster(): string {
  const dataDirectory = join(cwd, '.quorate')
  const nodes = ['n1', 'n2'].map((id, i) => ({
    id,
    pid: i === 0 ? null : process.pid,
    clientAddress: `127.0.0.1:${i + 1}`,
    peerAddress: `127.0.0.1:${i + 101}`,
    ...nodePaths(dataDirectory, id),
  }))
  writeClusterFile({
    schema: 1,
    clusterName: 'c',
    clusterId: 'id',
    dataDirectory,
    initialised: true,
    tuning: {},
    nodes,
  })
  mkdirSync(join(dataDirectory, 'n1'))
  mkdirSync(join(dataDirectory, 'logs'))
  const log = '{"time":"2026-01-01T00:00:00.000Z","level":"info","message":"up","term":1}\n'
  writeFileSync(join(dataDirectory, 'logs', 'n1.log'), log)
  return dataDirectory
}

describe('where there is no cluster', () => {
  test('down has nothing to do and is content', async () => {
    const ended = await quorate(['cluster', 'down'], { cwd })
    expect(ended).toMatchObject({ code: 0, stdout: '' })
    const json = await quorate(['cluster', 'down', '--wipe', '-o', 'json'], { cwd })
    expect(json.code).toBe(0)
    expect(JSON.parse(json.stdout)).toEqual({ schema: 1, nodes: [], wiped: false })
  })

  test.each([
    ['status'],
    ['kill', 'n1'],
    ['pause', 'n1'],
    ['resume', 'n1'],
    ['restart', 'n1'],
    ['logs'],
  ])('%s says how to get one', async (...words) => {
    const ended = await quorate(['cluster', ...words], { cwd })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('there is no local cluster in')
    expect(ended.stderr).toContain('quorate cluster up')
  })

  test('a directory of something else is neither wiped nor filled', async () => {
    const path = join(cwd, 'photos')
    mkdirSync(path)
    writeFileSync(join(path, 'cat.jpg'), 'x')
    const wipe = await quorate(['cluster', 'down', '--wipe', '--data-dir', 'photos'], { cwd })
    expect(wipe.code).toBe(2)
    const up = await quorate(['cluster', 'up', '--data-dir', 'photos'], { cwd })
    expect(up.code).toBe(2)
    expect(up.stderr).toContain('is not empty')
    expect(existsSync(join(path, 'cat.jpg'))).toBe(true)
  })
})

describe('where the cluster is down', () => {
  test('status shows it and exits with 5', async () => {
    makeCluster()
    const ended = await quorate(['cluster', 'status', '-o', 'json'], { cwd })
    expect(ended.code).toBe(5)
    const { nodes } = JSON.parse(ended.stdout) as { nodes: object[] }
    expect(nodes).toHaveLength(2)
    // The process id in the file has passed to a stranger: this test.
    expect(nodes[1]).toMatchObject({ id: 'n2', pid: null, reachable: false, ready: false })
    expect((await quorate(['status'], { cwd })).code).toBe(5)
  })

  test('a process id that has passed to a stranger is not killed', async () => {
    makeCluster()
    const ended = await quorate(['cluster', 'kill', 'n2', '-o', 'json'], { cwd })
    expect(JSON.parse(ended.stdout)).toEqual({ schema: 1, node: 'n2', pid: null, killed: false })
    expect((await quorate(['cluster', 'pause', 'n2'], { cwd })).code).toBe(5)
  })

  test('what to do next names the directory where that is not the usual one', async () => {
    makeCluster()
    const usual = await quorate(['cluster', 'resume', 'n1'], { cwd })
    expect(usual.stderr).toBe('next: quorate cluster restart n1\n')
    const path = join(cwd, '.quorate')
    const named = await quorate(['cluster', 'resume', 'n1', '--data-dir', path], { cwd: '/' })
    expect(named.stderr).toBe(`next: quorate cluster restart --data-dir ${path} n1\n`)
  })

  test('the live status ends where another command has taken the cluster down', async () => {
    const path = makeCluster()
    const file = requireClusterFile(path)
    const down = { ...file, nodes: file.nodes.map((node) => ({ ...node, pid: null })) }
    writeClusterFile(down)
    const notes: string[] = []
    const stream = {
      write: (chunk: string | Uint8Array, done: () => void) => {
        notes.push(String(chunk))
        done()
        return true
      },
    }
    const io = {
      stdout: stream,
      stderr: stream,
      stdin: async function* () {},
      env: {},
      cwd,
      version: '1',
      signal: new AbortController().signal,
      connect: () => Promise.reject(new Error('the live status needs no client')),
    }
    const out = new Output(io, { format: undefined, colour: false })
    await showLiveStatus({ io, out, globals: { color: false } }, down, true)
    expect(notes.join('')).toContain('the cluster was taken down by another command')
  })

  test('an unknown node is a usage error, a missing leader is not', async () => {
    makeCluster()
    const unknown = await quorate(['cluster', 'kill', 'n7'], { cwd })
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('this cluster has n1, n2')
    expect((await quorate(['cluster', 'kill', 'leader'], { cwd })).code).toBe(5)
  })

  test('down is content, and wipe removes what the cluster made and nothing else', async () => {
    const path = makeCluster()
    writeFileSync(join(path, 'notes.txt'), 'mine')
    const ended = await quorate(['cluster', 'down', '--wipe', '-o', 'json'], { cwd })
    expect(JSON.parse(ended.stdout)).toEqual({
      schema: 1,
      nodes: [
        { id: 'n1', how: 'was stopped' },
        { id: 'n2', how: 'was stopped' },
      ],
      wiped: true,
    })
    expect(existsSync(join(path, 'notes.txt'))).toBe(true)
    expect(existsSync(join(path, 'n1'))).toBe(false)
    expect(existsSync(join(path, 'logs'))).toBe(false)
    rmSync(join(path, 'notes.txt'))

    makeCluster()
    await quorate(['cluster', 'down', '--wipe'], { cwd })
    expect(existsSync(path)).toBe(false)
  })

  test('up with another number of nodes is refused', async () => {
    makeCluster()
    const ended = await quorate(['cluster', 'up', '-n', '3'], { cwd })
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('holds a cluster of 2 nodes, not of 3')
  })

  test('logs are there still', async () => {
    makeCluster()
    const people = await quorate(['cluster', 'logs'], { cwd })
    expect(people.stdout).toBe('00:00:00.000 n1 info  up term=1\n')
    const raw = await quorate(['cluster', 'logs', 'n1', '-o', 'raw'], { cwd })
    expect(JSON.parse(raw.stdout)).toMatchObject({ message: 'up' })
    expect((await quorate(['cluster', 'logs', 'n2'], { cwd })).stdout).toBe('')
  })
})

test('a cluster has 1 to 9 nodes', async () => {
  for (const count of ['0', '10', '1.5']) {
    const ended = await quorate(['cluster', 'up', '-n', count], { cwd })
    expect(ended.code).toBe(2)
  }
  expect(existsSync(join(cwd, '.quorate'))).toBe(false)
})
