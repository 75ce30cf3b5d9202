/**
 * Goal: a cluster grows, shrinks, is backed up and restored, restarted, damaged and short of room,
 * and whoever uses it notices no more than a pause, or a clear word.
 * Method: real processes through the command line, the SDK as the witness of what was acknowledged.
 */
import { existsSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LocalCluster, quorate } from './harness.ts'
import { LifeCluster, peerList, until } from '../life/nodes.ts'
import type { LifeNode } from '../life/nodes.ts'
import { Writers } from '../life/writers.ts'

/** As a shell has it of a process that ended in good order because of SIGTERM. */
const terminated = 143

test('one node grows to three and shrinks to another one, under a writer', async () => {
  await using cluster = new LifeCluster()
  await cluster.begin(['n1'])
  // Told of n1 alone: it has to learn of the others.
  await using db = await cluster.connect()
  const load = new Writers({ db, prefix: 'grow/', writers: 8, pauseMs: 2 })
  for (const id of ['n2', 'n3']) {
    const { peerAddress } = await cluster.newcomer(id)
    const added = await cluster.cli('member', 'add', id, peerAddress)
    expect(added.stdout).toBe(`${id} is a voter\n`)
  }
  await until('writes go on', async () => load.acknowledged.size > 200)
  for (const id of ['n1', 'n2']) {
    const node = cluster.node(id)
    const removed = await cluster.cli('member', 'remove', id)
    expect(removed.stdout).toContain(`${id} is not a member now`)
    expect(await node.gone(10_000), `${id} stops by itself`).toBe(0)
  }
  const before = load.acknowledged.size
  await until('writes go on', async () => load.acknowledged.size > before + 100)
  await load.stop()

  expect(await load.judge(db)).toMatchObject({ faults: [] })
  expect(Object.fromEntries(load.failed)).toEqual({})
  const { leader, members } = await db.members()
  expect({ leader, members: members.map(({ id }) => id) }).toEqual({
    leader: 'n3',
    members: ['n3'],
  })
})

test('a cluster of this machine comes up without the node that was removed from it', async () => {
  const cluster = await LocalCluster.up()
  try {
    const { leader } = await cluster.status()
    const gone = cluster.ids().find((id) => id !== leader) ?? ''
    const removed = await quorate(['member', 'remove', gone, '-e', cluster.endpoints])
    expect(String(removed.stdout)).toContain(`${gone} is not a member now`)
    expect((await cluster.run('down')).code).toBe(0)

    const up = await cluster.run('up', '--detach')
    expect(up.stderr).toContain(`${gone} was removed from the cluster and is left out from now on`)
    expect(up.code).toBe(0)
    const again = await cluster.run('up', '--detach')
    expect(again.stderr).toContain('2 nodes in')
    expect(again.code).toBe(0)
    await using db = await cluster.connect()
    await db.put('k', 'v')
  } finally {
    await cluster.down()
  }
})

test('a cluster that is brought up twice at the same moment is one cluster', async () => {
  const cluster = await LocalCluster.up()
  try {
    for (const fresh of [false, true]) {
      expect((await cluster.run('down', ...(fresh ? ['--wipe'] : []))).code).toBe(0)
      const both = await Promise.all([1, 2].map(() => cluster.run('up', '--detach')))
      expect(both.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual([0, 0])
      // Each is known, and runs.
      for (const id of cluster.ids()) expect(process.kill(cluster.pid(id), 0)).toBe(true)
    }
  } finally {
    await cluster.down()
  }
})

describe('three nodes', () => {
  let cluster: LifeCluster
  beforeAll(async () => {
    cluster = new LifeCluster()
    await cluster.begin(['n1', 'n2', 'n3'])
  })
  afterAll(() => cluster.close())

  async function digestsAreEqual(): Promise<void> {
    await cluster.ready()
    expect(await cluster.digests()).toEqual({ nodes: 3, kinds: 1 })
  }

  test('a backup under writes, restored, is the state at its revision in a new history', async () => {
    await using db = await cluster.connect()
    const load = new Writers({ db, prefix: 'backup/', writers: 8 })
    await until('there is something to save', async () => load.acknowledged.size > 300)
    const file = join(cluster.directory, 'backup.snap')
    const saved = parsed(await cluster.cli('snapshot', 'save', file, '-o', 'json'))
    const before = load.acknowledged.size
    await until('writes go on', async () => load.acknowledged.size > before + 50)
    await load.stop()
    expect(Object.fromEntries(load.failed)).toEqual({})
    await cluster.cli('snapshot', 'verify', file)
    const revision = Number(saved['revision'])
    const then = new Map([...load.acknowledged].filter(([, at]) => at <= revision))
    expect(then.size).toBeLessThan(load.acknowledged.size)

    await using restored = new LifeCluster()
    const nodes: LifeNode[] = []
    for (const id of ['m1', 'm2', 'm3']) nodes.push(await restored.plan(id))
    const made = await Promise.all(
      nodes.map(({ id, directory }) =>
        restored.cli('snapshot', 'restore', file, '--id', id, '--data-dir', directory,
          '--cluster', 'again', '--peers', peerList(nodes), '-o', 'json'),
      ), // prettier-ignore
    )
    const clusterIds = new Set(made.map((each) => parsed(each)['clusterId']))
    expect(clusterIds.size).toBe(1)
    for (const node of nodes) node.start()
    await restored.ready()
    await using copy = await restored.connect()
    const found = new Map<string, number>()
    for await (const entry of copy.scan({ prefix: 'backup/' })) {
      found.set(String(entry.key), entry.revision)
    }
    expect(found).toEqual(then)

    const [token = '', first] = [...then].at(-1) ?? []
    const value = await copy.get(token, { valueEncoding: 'utf8' })
    expect(await copy.put(token, value, { token })).toEqual({
      verdict: 'duplicate',
      revision: first,
    })
    const next = await copy.put('new', 'x', { token: 'new' })
    expect(next.verdict).toBe('applied')
    expect(next.revision).toBeGreaterThanOrEqual(revision + 1_000_000)
    const [report] = await restored.reports()
    expect(report?.clusterId).not.toBe(saved['clusterId'])
    expect(report?.historyId).not.toBe(saved['historyId'])
    expect(await restored.digests()).toEqual({ nodes: 3, kinds: 1 })
  })

  test('a rolling restart of all three is free of errors for whoever writes', async () => {
    await using db = await cluster.connect()
    const load = new Writers({ db, prefix: 'rolling/', writers: 8, pauseMs: 2 })
    for (const id of ['n1', 'n2', 'n3']) {
      const before = load.acknowledged.size
      await until('writes go on', async () => load.acknowledged.size > before + 50)
      expect(await cluster.node(id).stop(), `exit code of ${id}`).toBe(terminated)
      cluster.node(id).start()
      await until(`${id} serves`, async () => (await cluster.node(id).status())?.ready)
    }
    await load.stop()
    expect(Object.fromEntries(load.failed)).toEqual({})
    expect(await load.judge(db)).toMatchObject({ faults: [] })
    await digestsAreEqual()
  })

  test('a leader that gets SIGTERM hands over before it goes', async () => {
    await using db = await cluster.connect()
    await db.put('handed', 'over')
    const old = await cluster.leader()
    expect(await cluster.node(old.id).stop()).toBe(terminated)
    const next = await cluster.leader()
    expect(next.id).not.toBe(old.id)
    expect(next.term).toBe(old.term + 1)
    // It saw its successor lead while it still ran: one that merely ends leads to its last line.
    const roles = cluster.node(old.id).said('"role"')
    expect(roles.at(-1)).toMatchObject({ role: 'follower', term: next.term })
    await db.put('handed', 'over again')
    cluster.node(old.id).start()
    await digestsAreEqual()
  })

  test('a follower with a flipped bit in its log comes back and says what it waits for', async () => {
    await using db = await cluster.connect()
    const load = new Writers({ db, prefix: 'flip/', writers: 8 })
    await until('there is a log', async () => load.acknowledged.size > 100)
    await load.stop()
    const leader = (await cluster.leader()).id
    const others = ['n1', 'n2', 'n3'].filter((id) => id !== leader)
    const damaged = cluster.node(others[0] ?? '')
    await damaged.stop()
    flipInLog(damaged)
    const rest = ['n1', 'n2', 'n3'].filter((id) => id !== damaged.id)
    // With nobody to help, it has to say so.
    for (const id of rest) cluster.node(id).signal('SIGSTOP')
    damaged.start()
    const waitsFor = await until(
      'it says what it waits for',
      async () => (await damaged.status())?.waitsFor,
      10_000,
    ).finally(() => {
      for (const id of rest) cluster.node(id).signal('SIGCONT')
    })
    expect(waitsFor).toBe('a leader that brings its log up to what it had acknowledged')
    await digestsAreEqual()
    expect(damaged.said('the log is damaged')).toHaveLength(1)
    expect(existsSync(join(damaged.directory, 'groups/0/wal.damaged-1'))).toBe(true)
    expect(await load.judge(db)).toMatchObject({ faults: [] })
  })

  test('with too little free space writes are refused, reads go on, and writes come back', async () => {
    const ids = ['n1', 'n2', 'n3']
    await Promise.all(ids.map((id) => cluster.node(id).stop()))
    // Above what is free, but not by a third: a node takes what it is sent down to three quarters of
    // its floor, and one that stopped an entry behind the others has to catch up.
    const { bavail, bsize } = statfsSync(cluster.directory)
    const floor = Math.round(1.15 * bavail) * bsize
    for (const id of ids) cluster.node(id).start(['--free-space-floor', `${floor}B`])
    await cluster.ready()
    await using db = await cluster.connect({ timeout: 10_000 })
    await until('all have seen it', async () =>
      (await cluster.reports()).every((report) => report.diskFull),
    )
    await expect(db.put('full', 'x', { timeout: 1_000 })).rejects.toMatchObject({
      code: 'QUORATE_DISK_FULL',
      outcome: 'not-applied',
    })
    expect(await db.get('handed', { valueEncoding: 'utf8' })).toBe('over again')
    const refused = await cluster.tryCli('put', 'full', 'x', '--timeout', '1s')
    expect(refused.code).toBe(5)
    expect(refused.stderr).toContain('QUORATE_DISK_FULL')

    await Promise.all(ids.map((id) => cluster.node(id).stop()))
    for (const id of ids) cluster.node(id).start()
    expect((await db.put('full', 'x', { timeout: 20_000 })).verdict).toBe('applied')
    await digestsAreEqual()
  })
})

function parsed({ stdout }: { stdout: string }): Record<string, unknown> {
  return JSON.parse(stdout) as Record<string, unknown>
}

/** Flips one bit in a value that the first segment of the log holds. */
function flipInLog(node: LifeNode): void {
  const [first = ''] = readdirSync(node.walDirectory).sort()
  const file = join(node.walDirectory, first)
  const bytes = readFileSync(file)
  const at = bytes.indexOf('value ')
  if (at === -1) throw new Error(`no value stands in ${file}`)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  writeFileSync(file, bytes)
}
