// Goal: a signal reaches a node's own process and no other, however stale its process id is.
// Method: this test's own process plays the stranger, and a small script under a node's command
// line plays the node; conditions are awaited, not times.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { NodeRecord } from '../../src/cluster/cluster-file.ts'
import {
  isNodeProcess,
  nodeArguments,
  processState,
  signalNode,
  stopNode,
} from '../../src/cluster/process.ts'

let directory = ''
let child: ChildProcess | undefined

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-process-'))
})

afterEach(() => {
  child?.kill('SIGKILL')
  child = undefined
  rmSync(directory, { recursive: true })
})

function record(pid: number | null, path = join(directory, 'n1')): NodeRecord {
  return {
    id: 'n1',
    pid,
    clientAddress: '127.0.0.1:7101',
    peerAddress: '127.0.0.1:7201',
    directory: path,
    logFile: join(directory, 'n1.log'),
  }
}

/** A process with a node's command line, which says when it runs. */
async function startLookalike(script: string): Promise<NodeRecord> {
  const path = join(directory, 'lookalike.cjs')
  writeFileSync(path, `${script}\nprocess.stdout.write('up');setInterval(() => {}, 1000)`)
  const started = spawn(process.execPath, [path, ...nodeArguments(record(null), [], {})], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  child = started
  await new Promise((resolve) => started.stdout.once('data', resolve))
  return record(started.pid ?? null)
}

describe('a stranger', () => {
  test('with the process id of a node is not taken for it, and gets no signal', async () => {
    const stale = record(process.pid)
    let signalled = false
    const onSignal = (): void => void (signalled = true)
    process.once('SIGTERM', onSignal)

    expect(isNodeProcess(process.pid, stale.directory)).toBe(false)
    expect(processState(stale)).toBe('stopped')
    expect(signalNode(stale, 'SIGTERM')).toBe(false)
    expect(signalNode(stale, 'SIGKILL')).toBe(false)
    expect(await stopNode(stale, 100)).toBe('was stopped')

    process.off('SIGTERM', onSignal)
    expect(signalled).toBe(false)
  })

  test('is also the node of another directory', async () => {
    const node = await startLookalike('')
    expect(processState(node)).toBe('running')
    expect(processState(record(node.pid, join(directory, 'n10')))).toBe('stopped')
    expect(processState(record(node.pid, directory))).toBe('stopped')
  })

  test('where there is no process there is nothing to signal', () => {
    expect(processState(record(null))).toBe('stopped')
    expect(processState(record(2 ** 22 + 5))).toBe('stopped')
  })
})

describe('a node', () => {
  test('is paused, resumed, and stopped in good order', async () => {
    const node = await startLookalike("process.on('SIGTERM', () => process.exit(0))")

    expect(signalNode(node, 'SIGSTOP')).toBe(true)
    await expect.poll(() => processState(node)).toBe('paused')
    expect(signalNode(node, 'SIGCONT')).toBe(true)
    await expect.poll(() => processState(node)).toBe('running')

    expect(await stopNode(node, 10_000)).toBe('stopped')
    expect(processState(node)).toBe('stopped')
  })

  test('that is paused is woken up to stop', async () => {
    const node = await startLookalike("process.on('SIGTERM', () => process.exit(0))")
    signalNode(node, 'SIGSTOP')
    expect(await stopNode(node, 10_000)).toBe('stopped')
  })

  test('that does not stop is killed', async () => {
    const node = await startLookalike("process.on('SIGTERM', () => {})")
    expect(await stopNode(node, 200)).toBe('killed')
    expect(processState(node)).toBe('stopped')
  })
})

test('a node is told its addresses, its peers, and its tuning', () => {
  const peers = [record(null), { ...record(null), id: 'n2', peerAddress: '127.0.0.1:7202' }]
  const tuning = {
    heartbeatMs: 100,
    electionTimeoutMinMs: 1_000,
    logLevel: 'debug',
    walMaxBytes: 1_000_000,
    walEntriesMax: 500,
    walKeepEntries: 0,
    freeSpaceFloorBytes: 2_000,
    scrubBytesPerSecond: 0,
  }
  expect(nodeArguments(record(null, '/d/n1'), peers, tuning)).toEqual(
    [
      'node start --data-dir /d/n1',
      '--client-listen 127.0.0.1:7101 --peer-listen 127.0.0.1:7201',
      '--peers n1=127.0.0.1:7201,n2=127.0.0.1:7202',
      '--heartbeat 100 --election-timeout-min 1000 --log-level debug',
      '--wal-max 1000000B --wal-entries 500 --wal-keep 0',
      '--free-space-floor 2000B --scrub-rate 0',
    ]
      .join(' ')
      .split(' '),
  )
})
