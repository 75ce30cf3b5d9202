// Goal: a configuration file says what its flags would say, and a typo in it never goes unseen.
// Method: valid files, and one broken in each way.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseNodeConfig, readNodeConfig } from '../../src/cli/node-config.ts'
import { quorate } from './harness.ts'

test('texts, numbers and maps are taken', () => {
  const text = JSON.stringify({
    id: 'n1',
    dataDir: '/var/lib/quorate',
    cluster: 'market',
    peers: { n1: '10.0.0.1:7201', n2: '10.0.0.2:7201' },
    clients: 'n1=10.0.0.1:7101',
    clientListen: '0.0.0.0:0',
    heartbeat: 100,
    electionTimeoutMin: '1s',
    logLevel: 'warn',
    walMax: '256MiB',
    walEntries: 100_000,
    walKeep: 0,
    freeSpaceFloor: 134_217_728,
    scrubRate: 0,
    auditEvery: '30m',
  })
  expect(parseNodeConfig(text, 'f')).toEqual({
    id: 'n1',
    dataDir: '/var/lib/quorate',
    cluster: 'market',
    peers: { n1: '10.0.0.1:7201', n2: '10.0.0.2:7201' },
    clients: { n1: '10.0.0.1:7101' },
    clientListen: '0.0.0.0:0',
    heartbeat: 100,
    electionTimeoutMin: 1_000,
    logLevel: 'warn',
    walMax: 268_435_456,
    walEntries: 100_000,
    walKeep: 0,
    freeSpaceFloor: 134_217_728,
    scrubRate: 0,
    auditEvery: 1_800_000,
  })
})

test.each([
  ['{', /is not JSON/],
  ['[]', /must hold an object/],
  ['null', /must hold an object/],
  ['{"datadir":"x"}', /unknown entry datadir/],
  ['{"__proto__":1}', /unknown entry/],
  ['{"toString":"x"}', /unknown entry/],
  ['{"id":"a/b"}', /id: A node id/],
  ['{"id":true}', /id has a value of the wrong kind/],
  ['{"dataDir":""}', /dataDir has a value of the wrong kind/],
  ['{"peers":["n1"]}', /peers has a value of the wrong kind/],
  ['{"peers":{"n1":7201}}', /is no peer/],
  ['{"peerListen":"7201"}', /An address is host:port/],
  ['{"heartbeat":-1}', /A duration/],
  ['{"logLevel":"loud"}', /It is one of debug/],
  ['{"walMax":"256MB"}', /A size looks like/],
  ['{"walMax":0}', /A size looks like/],
  ['{"walEntries":0}', /at least 1/],
  ['{"walKeep":-1}', /whole number/],
])('%s is refused', (text, message) => {
  expect(() => parseNodeConfig(text, 'node.json')).toThrow(message)
})

test('a file that is not there is a usage error', async () => {
  await expect(readNodeConfig('/nowhere/node.json')).rejects.toMatchObject({
    code: 'QUORATE_USAGE',
  })
})

test('what neither file nor flag says is asked for', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-config-'))
  try {
    const path = join(directory, 'node.json')
    writeFileSync(path, JSON.stringify({ id: 'n1', dataDir: directory, cluster: 'c' }))
    const ended = await quorate(['node', 'init', '--config', path])
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('--peers is missing')
    const stranger = ['--peers', 'n2=a:1,n3=b:1']
    const other = await quorate(['node', 'init', '--config', path, ...stranger])
    expect(other.stderr).toContain('n1 itself is not among them')
    const start = await quorate(['node', 'start'])
    expect(start.stderr).toContain('--data-dir is missing')
  } finally {
    rmSync(directory, { recursive: true })
  }
})
