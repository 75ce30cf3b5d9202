// Goal: `cluster logs -f` shows each line once and whole, whenever it was written. Method: real
// files that are written to while their first lines are printed.
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nodePaths, writeClusterFile } from '../../src/cluster/cluster-file.ts'
import { quorate } from './harness.ts'

let cwd = ''
let n1 = ''
let n2 = ''

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'quorate-logs-'))
  const dataDirectory = join(cwd, '.quorate')
  const nodes = ['n1', 'n2'].map((id, i) => ({
    id,
    pid: null,
    clientAddress: `127.0.0.1:${i + 1}`,
    peerAddress: `127.0.0.1:${i + 101}`,
    ...nodePaths(dataDirectory, id),
  }))
  ;[n1 = '', n2 = ''] = nodes.map(({ logFile }) => logFile)
  mkdirSync(dirname(n1), { recursive: true })
  writeClusterFile({
    schema: 1,
    clusterName: 'c',
    clusterId: 'id',
    dataDirectory,
    initialised: true,
    tuning: {},
    nodes,
  })
})

afterEach(() => {
  rmSync(cwd, { recursive: true })
})

/** Follows until the line `end`; `onLine` hears each line when it is printed. */
async function follow(onLine: (line: string) => void, flags: readonly string[] = []) {
  const end = new AbortController()
  const ended = await quorate(['cluster', 'logs', '-f', '-o', 'raw', ...flags], {
    cwd,
    signal: end.signal,
    onStdout: (text) => {
      const line = text.trimEnd()
      onLine(line)
      if (line === 'end') end.abort()
    },
  })
  expect(ended.code).toBe(0)
  return ended.stdout.split('\n').slice(0, -1)
}

test('what is written while the first lines are printed comes after them', async () => {
  writeFileSync(n1, 'a\nb\n')
  writeFileSync(n2, 'c\n')
  const lines = await follow((line) => {
    if (line === 'a') appendFileSync(n2, 'd\n')
    if (line === 'c') appendFileSync(n1, 'e\n')
    if (line === 'd') appendFileSync(n2, 'end\n')
  })
  expect(lines).toEqual(['a', 'b', 'c', 'e', 'd', 'end'])
})

test('a line that is being written is shown when it is whole', async () => {
  writeFileSync(n1, 'x\na\nbeg')
  const begun = await follow(
    (line) => {
      if (line === 'a') appendFileSync(n1, 'un\nend\n')
    },
    ['-n', '1'],
  )
  expect(begun).toEqual(['a', 'begun', 'end'])
  const ended = await quorate(['cluster', 'logs', '-o', 'raw', '-n', '1'], { cwd })
  expect(ended.stdout).toBe('end\n')
  appendFileSync(n1, 'beg')
  const still = await quorate(['cluster', 'logs', '-o', 'raw', '-n', '1'], { cwd })
  expect(still.stdout).toBe('beg\n')
})

test('a character that is written in two parts stays one', async () => {
  const bytes = Buffer.from('5 € and 𝄞\n')
  const parts = [bytes.subarray(0, 3), bytes.subarray(3, 12), bytes.subarray(12)]
  writeFileSync(n1, 'a\n')
  const timers: NodeJS.Timeout[] = []
  const lines = await follow((line) => {
    if (line === '5 € and 𝄞') appendFileSync(n1, 'end\n')
    if (line !== 'a') return
    // Each part comes when what came before it was read.
    for (const [i, part] of parts.entries()) {
      timers.push(setTimeout(() => appendFileSync(n1, part), 300 * (i + 1)))
    }
  })
  for (const timer of timers) clearTimeout(timer)
  expect(lines).toEqual(['a', '5 € and 𝄞', 'end'])
})

test('a line that is too long comes in parts, none of which cuts a character', async () => {
  const long = `a${'€'.repeat(1_000_000)}`
  writeFileSync(n1, 'a\n')
  const lines = await follow((line) => {
    if (line === 'a') appendFileSync(n1, `${long}\nend\n`)
  })
  expect(lines.length).toBeGreaterThan(3)
  expect(lines.slice(1, -1).join('')).toBe(long)
})

test('a log that was begun anew does not go on with the end of the old one', async () => {
  writeFileSync(n1, 'a\nb\nold one')
  const lines = await follow((line) => {
    if (line === 'a') setTimeout(() => writeFileSync(n1, 'new\nend\n'), 300)
  })
  expect(lines).toEqual(['a', 'b', 'old one', 'new', 'end'])
})
