/**
 * Goal: what people and the world do wrong ends in a clear error or a closed connection; the node
 * lives on where it should, and nothing is lost.
 * Method: the built CLI and raw sockets against a real cluster: wrong directories, taken ports,
 * damaged files, impossible arguments, garbage and floods on both ports.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync, closeSync } from 'node:fs' // prettier-ignore
import { connect as dial, createServer } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { freePorts, LocalCluster, pause, quorate, quorateJson, temporaryDirectory, until } from './harness.ts' // prettier-ignore

const scratch = temporaryDirectory()
afterAll(() => scratch.remove())

describe('directories and ports', () => {
  test('a directory that was not made by init is refused with the next command', async () => {
    const started = await quorate(['node', 'start', '--data-dir', join(scratch.path, 'nothing')])
    expect(started.code).not.toBe(0)
    expect(started.stderr).toContain('quorate node init')
  })

  test('a directory is made once', async () => {
    const init = [
      'node', 'init', '--id', 'a', '--data-dir', join(scratch.path, 'once'),
      '--cluster', 'test', '--peers', 'a=127.0.0.1:1',
    ] // prettier-ignore
    expect((await quorate(init)).code).toBe(0)
    const second = await quorate(init)
    expect(second.code).not.toBe(0)
    expect(second.stderr).toMatch(/already/)
  })

  test('a port that was asked for and is taken is an error', async () => {
    const port = await freePorts(3)
    const server = createServer()
    await new Promise<void>((done) => server.listen(port + 1, '127.0.0.1', done))
    const up = await quorate([
      'cluster', 'up', '--data-dir', join(scratch.path, 'taken'), '--port', String(port), '--detach',
    ]) // prettier-ignore
    expect(up.code).not.toBe(0)
    expect(up.stderr).toContain(String(port + 1))
    await new Promise((done) => server.close(done))
  })
})

describe('damage', () => {
  test('a flipped bit in the log or in LevelDB is found, named by its file, and repaired', async () => {
    const cluster = await LocalCluster.up()
    try {
      await using db = await cluster.connect()
      const records = Array.from({ length: 600 }, (_, i) => ({
        key: `k${i}`,
        value: `value ${i} `.repeat(100),
      }))
      await db.putMany(records)
      await cluster.caughtUp()
      const leader = await cluster.leader()
      const [one = '', two = ''] = cluster.ids().filter((id) => id !== leader)

      // An orderly stop, so that there are table files to damage.
      process.kill(cluster.pid(one), 'SIGTERM')
      await until('the node stopped', async () => !alive(cluster.pid(one)))
      const state = join(cluster.directory, one, 'groups/0/state-1')
      const tables = readdirSync(state).filter((name) => name.endsWith('.ldb'))
      expect(tables.length).toBeGreaterThan(0)
      for (const table of tables) flipBit(join(state, table), 1_000)
      expect((await cluster.run('restart', one)).code).toBe(0)
      await cluster.caughtUp()
      await using pinned = await cluster.pinned(one)
      for (const { key, value } of records.slice(0, 200)) {
        expect(await pinned.get(key, { consistency: 'stale', valueEncoding: 'utf8' })).toBe(value)
      }

      cluster.kill(two)
      const wal = join(cluster.directory, two, 'groups/0/wal')
      const [segment = ''] = readdirSync(wal).sort()
      flipBit(join(wal, segment), 5_000)
      expect((await cluster.run('restart', two)).code).toBe(0)
      const logs = await cluster.run('logs', two)
      expect(logs.stdout.toString() + logs.stderr).toMatch(
        new RegExp(`${segment}.*damaged at byte \\d+`),
      )
      expect((await db.put('after', 'damage')).verdict).toBe('applied')
      await cluster.caughtUp()

      // With all votes of a node gone too, nobody may trust it again under its name.
      cluster.kill(two)
      const group = join(cluster.directory, two, 'groups/0')
      flipBit(join(group, 'wal', readdirSync(join(group, 'wal')).sort()[0] ?? ''), 5_000)
      writeFileSync(join(group, 'vote'), Buffer.alloc(statSync(join(group, 'vote')).size, 7))
      expect((await cluster.run('restart', two)).code).not.toBe(0)
      const refused = await cluster.run('logs', two)
      expect(refused.stdout.toString() + refused.stderr).toContain('quorate member replace')
      expect((await db.put('after', 'all of it')).verdict).toBe('applied')
    } finally {
      await cluster.down()
    }
  })
})

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function flipBit(path: string, offset: number): void {
  const byte = readFileSync(path)[offset] ?? 0
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.of(byte ^ 0x10), 0, 1, offset)
  closeSync(file)
}

describe('a node by itself, and impossible arguments', () => {
  let cluster: LocalCluster
  beforeAll(async () => {
    cluster = await LocalCluster.up(1)
  })
  afterAll(() => cluster.down())

  const on = (...args: string[]): string[] => [...args, '-e', cluster.endpoints]

  test.for([
    ['an empty key', ['put', '', 'v']],
    ['a key over 4 KiB', ['put', 'k'.repeat(4097), 'v']],
    ['once with a token', ['put', 'k', 'v', '--once', '--token', 't']],
    ['once with a condition', ['put', 'k', 'v', '--once', '--if-revision', '1']],
    ['an unknown option', ['put', 'k', 'v', '--frobnicate']],
    ['an unknown command', ['frobnicate']],
  ] as const)('%s exits 2', async ([, args]) => {
    const finished = await quorate(on(...args))
    expect(finished.code).toBe(2)
    expect(finished.stderr).not.toBe('')
  })

  test('a value over 1 MiB is refused at the door, as JSON where asked', async () => {
    const finished = await quorate(on('put', 'big', '-', '-o', 'json'), {
      input: Buffer.alloc(1_048_577, 'x'),
    })
    expect(finished.code).toBe(2)
    expect(JSON.parse(finished.stderr)).toMatchObject({
      schema: 1,
      error: { code: 'QUORATE_TOO_LARGE', outcome: 'not-applied', retryable: false },
    })
    const largest = await quorate(on('put', 'big', '-'), { input: Buffer.alloc(1_048_576, 'x') })
    expect(largest.code).toBe(0)
  })

  test('lines that cannot be records are rejected by number, the others stored', async () => {
    const path = join(scratch.path, 'bad.ndjson')
    writeFileSync(path, '{"id":1}\nnot json\n{"other":2}\n{"id":3}\n')
    const finished = await quorate(
      on('collect', path, '--key', 'c/{id}', '--once', '--replicas', '2', '-o', 'json'),
    )
    expect(finished.code).toBe(1)
    expect(JSON.parse(finished.stdout.toString())).toMatchObject({
      records: 4,
      applied: 2,
      duplicate: 2,
      rejected: 4,
    })
    expect(finished.stderr).toMatch(/line 2/)
    expect(finished.stderr).toMatch(/line 3/)
  })

  test('what nobody reads on stderr does not end a command', async () => {
    const lines = Array.from({ length: 500 }, (_, i) => `not json\n{"id":"deaf${i}"}\n`)
    const finished = await quorate(on('collect', '-', '--key', '{id}', '--once', '-o', 'json'), {
      input: lines.join(''),
      deaf: true,
    })
    expect(finished.code).toBe(1)
    expect(JSON.parse(finished.stdout.toString())).toMatchObject({
      ended: 'whole',
      applied: 500,
      rejected: 500,
    })
  })

  test('a cut gzip keeps what came before and is an error', async () => {
    const lines = Array.from(
      { length: 2_000 },
      (_, i) => `{"id":"cut${i}","r":"${randomBytes(20).toString('hex')}"}`,
    )
    const whole = gzipSync(lines.join('\n'))
    const path = join(scratch.path, 'cut.ndjson.gz')
    writeFileSync(path, whole.subarray(0, whole.length / 2))
    const finished = await quorate(on('collect', path, '--key', '{id}', '--once'))
    expect(finished.code).toBe(1)
    expect(finished.stderr).toMatch(/gzip|cut|damaged/)
    const count = await quorateJson(on('scan', '--prefix', 'cut', '--count'))
    expect(Number(count['count'])).toBeGreaterThan(100)
  })

  test('its data directory is used by one process at a time', async () => {
    const port = await freePorts(1)
    const second = await quorate([
      'node', 'start', '--data-dir', join(cluster.directory, 'n1'),
      '--client-listen', `127.0.0.1:${port}`, '--peer-listen', `127.0.0.1:${port + 100}`,
    ]) // prettier-ignore
    expect(second.code).not.toBe(0)
    expect(second.stderr).toMatch(/QUORATE_LOCKED|in use|another process/)
    expect((await cluster.status()).leader).toBe('n1')
  })

  test('a missing key exits 3, a failed condition 4', async () => {
    expect((await quorate(on('get', 'nothing'))).code).toBe(3)
    expect((await quorate(on('put', 'cond', 'v', '--if-revision', '77'))).code).toBe(4)
    expect((await quorate(on('verdict', 'never-used'))).code).toBe(3)
  })
})

describe('three nodes', () => {
  let cluster: LocalCluster
  beforeAll(async () => {
    cluster = await LocalCluster.up()
  })
  afterAll(() => cluster.down())

  test('random bytes, cut frames and giant frames close the connection, not the node', async () => {
    const pids = cluster.ids().map((id) => cluster.pid(id))
    for (const port of [cluster.port, cluster.port + 100]) {
      for (let i = 0; i < 50; i++) {
        await closedAfter(port, randomBytes(1 + i * 37))
      }
      await closedAfter(port, Buffer.from('GET / HTTP/1.1\r\n' + 'x'.repeat(100_000)))
      for (const frame of [
        Buffer.alloc(0),
        Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]),
        Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
        Buffer.from([0xc6, 0xff, 0xff, 0xff, 0xff]),
        Buffer.alloc(100_000, 0x91),
        randomBytes(10_000),
        'text',
      ]) {
        await frameClosed(port, frame)
      }
      await frameClosed(port, Buffer.alloc(64 * 1024 * 1024))
    }
    await using db = await cluster.connect()
    expect((await db.put('alive', 'yes')).verdict).toBe('applied')
    expect(cluster.ids().map((id) => cluster.pid(id))).toEqual(pids)
    for (const pid of pids) expect(alive(pid)).toBe(true)
  })

  test('a thousand idle connections on each port do not hurt', async () => {
    const sockets = [cluster.port, cluster.port + 100].flatMap((port) =>
      Array.from({ length: 1_000 }, () => {
        const socket = dial(port, '127.0.0.1')
        socket.on('error', () => {})
        return socket
      }),
    )
    await using db = await cluster.connect()
    for (let i = 0; i < 200; i++) await db.put(`idle/${i}`, 'v')
    expect((await cluster.status()).leader).not.toBeNull()
    for (const socket of sockets) socket.destroy()
    await pause(100)
    expect((await db.put('after', 'v')).verdict).toBe('applied')
    expect(existsSync(join(cluster.directory, 'cluster.json'))).toBe(true)
  })

  // The last one: the node stays away.
  test('a wiped node cannot come back under its old name, and harms nobody', async () => {
    await using db = await cluster.connect()
    await db.put('k', 'v')
    await cluster.caughtUp()
    const leader = await cluster.leader()
    const victim = cluster.ids().find((id) => id !== leader) ?? ''
    cluster.kill(victim)
    const directory = join(cluster.directory, victim)
    const peers = (await cluster.status()).nodes
      .map((node) => `${node.id}=${node.peerAddress}`)
      .join(',')
    const identity = JSON.parse(readFileSync(join(cluster.directory, 'cluster.json'), 'utf8')) as {
      clusterId: string
    }
    rmSync(directory, { recursive: true })
    expect((await cluster.run('restart', victim)).code).not.toBe(0)

    const init = await quorate([
      'node', 'init', '--id', victim, '--data-dir', directory, '--cluster', 'local',
      '--cluster-id', identity.clusterId, '--peers', peers,
    ]) // prettier-ignore
    expect(init.code).toBe(0)
    await cluster.run('restart', victim)
    const row = await until('the wiped node says why it is not ready', async () => {
      const { nodes } = await cluster.status()
      const found = nodes.find((node) => node.id === victim)
      return found?.reasons.some((reason) => reason.includes('refused')) ? found : undefined
    })
    expect(row.ready).toBe(false)
    expect(row.appliedIndex).toBe(0)
    expect((await db.put('k', 'w')).verdict).toBe('applied')
  })
})

/** Sends raw bytes; resolves once the other side is done with us. */
function closedAfter(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((done) => {
    const socket = dial(port, '127.0.0.1', () => socket.end(bytes))
    socket.on('error', () => done())
    socket.on('close', () => done())
    socket.resume()
  })
}

/** Sends one WebSocket frame; resolves once the connection is closed. */
function frameClosed(port: number, frame: Uint8Array | string): Promise<void> {
  return new Promise((done) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
    socket.on('open', () => socket.send(frame))
    socket.on('error', () => done())
    socket.on('close', () => done())
  })
}
