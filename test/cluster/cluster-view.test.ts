// Goal: a status is shown whatever is down, and never says more than was answered. Method: small
// HTTP servers that play nodes, each with the answer of the case.
import { createServer, type Server } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { remarkLines, statusDocument, statusLines } from '../../src/cli/status-output.ts'
import { compareIds, isLoopback, viewCluster } from '../../src/cluster/cluster-view.ts'
import { movedNodes } from '../../src/cluster/local-cluster.ts'
import { parseNodeStatus } from '../../src/cluster/node-status.ts'
import { cluster, member } from '../cli/views.ts'

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise<void>((resolve) => void server.close(() => resolve()))
  }
})

/** A port on which `answer` is given. */
async function serve(answer: (address: string) => unknown): Promise<string> {
  let address = ''
  const server = createServer((_request, response) => {
    const body = answer(address)
    // A node that hangs never answers.
    if (body !== undefined) response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  address = `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`
  return address
}

function status(id: string, clientAddress: string, change: object = {}): object {
  return {
    schema: 1,
    clusterId: 'c1',
    id,
    pid: 4242,
    incarnation: `i-${id}`,
    version: '0.1.0',
    clientAddress,
    peerAddress: '127.0.0.1:1',
    role: 'follower',
    term: 5,
    leader: 'n1',
    commitIndex: 100,
    appliedIndex: 100,
    lastIndex: 100,
    revision: 90,
    clusterTime: 1,
    walBytes: 10,
    ready: true,
    reasons: [],
    members: [],
    counters: {},
    ...change,
  }
}

const view = (endpoints: readonly string[], discover = false) =>
  viewCluster({ endpoints, timeoutMs: 300, discover })

test('an endpoint that nobody can ask is one that does not answer', async () => {
  const endpoints = ['127.0.0.1:9', '256.1.1.1:7101']
  const asked = { endpoints, timeoutMs: 500, local: undefined, discover: false }
  const { nodes } = await viewCluster(asked)
  expect(nodes).toHaveLength(2)
})

describe('the view', () => {
  test('has nodes by number, the leader, and how far each lags', async () => {
    const late = await serve((at) => status('n10', at, { appliedIndex: 60, commitIndex: 80 }))
    const leader = await serve((at) => status('n1', at, { role: 'leader' }))
    const found = await view([late, leader])

    expect(found).toMatchObject({ clusterId: 'c1', leader: 'n1', term: 5 })
    expect(found.nodes.map((node) => [node.id, node.lag, node.pid])).toEqual([
      ['n1', 0, 4242],
      ['n10', 40, 4242],
    ])
  })

  test('a node that is down, one that hangs, and one that talks nonsense are listed', async () => {
    const up = await serve((at) => status('n1', at, { role: 'leader' }))
    const hangs = await serve(() => undefined)
    const nonsense = await serve(() => 'hello')
    const found = await view([up, '127.0.0.1:1', hangs, nonsense])

    const errors = Object.fromEntries(
      found.nodes.map((node) => [node.clientAddress, node.error?.code]),
    )
    expect(errors).toEqual({
      [up]: undefined,
      '127.0.0.1:1': 'QUORATE_CONNECTION_LOST',
      [hangs]: 'QUORATE_TIMEOUT',
      [nonsense]: 'QUORATE_PROTOCOL',
    })
  })

  test('members that were not named are asked as well, unless one node was meant', async () => {
    const second = await serve((at) => status('n2', at))
    const members = [
      { id: 'n2', peerAddress: '127.0.0.1:2', clientAddress: second, connected: true },
      { id: 'n3', peerAddress: '127.0.0.1:3', clientAddress: '127.0.0.1:1', connected: false },
    ]
    const first = await serve((at) => status('n1', at, { role: 'leader', members }))

    const all = await view([first], true)
    expect(all.nodes.map((node) => [node.id, node.status !== undefined])).toEqual([
      ['n1', true],
      ['n2', true],
      ['n3', false],
    ])
    expect(all.nodes[2]?.peerAddress).toBe('127.0.0.1:3')
    expect((await view([first])).nodes).toHaveLength(1)
  })

  test('a node under two addresses is one node', async () => {
    const first = await serve((at) => status('n1', at))
    const again = await serve((at) => status('n1', at))
    expect((await view([first, again])).nodes).toHaveLength(1)
  })

  test('the leader is that of the newest term, not an old one that has not noticed', async () => {
    const old = await serve((at) => status('n1', at, { role: 'leader', term: 4 }))
    const next = await serve((at) => status('n2', at, { role: 'leader', term: 6, leader: 'n2' }))
    const found = await view([old, next])
    expect(found).toMatchObject({ leader: 'n2', term: 6 })
    const none = await serve((at) => status('n3', at, { term: 7, leader: undefined }))
    expect((await view([old, next, none])).leader).toBeUndefined()
  })

  test('nobody answers', async () => {
    const found = await view(['127.0.0.1:1'])
    expect(found).toMatchObject({ clusterId: undefined, leader: undefined, term: 0 })
    expect(statusDocument(found)).toMatchObject({ clusterId: null, leader: null })
  })
})

test('the document has all promised fields, null where nobody said', async () => {
  const up = await serve((at) => status('n1', at, { role: 'leader' }))
  const found = await view([up, '127.0.0.1:1'])
  const down = {
    id: null,
    member: null,
    version: null,
    pid: null,
    clientAddress: '127.0.0.1:1',
    peerAddress: null,
    incarnation: null,
    role: null,
    term: null,
    commitIndex: null,
    appliedIndex: null,
    revision: null,
    lag: null,
    baseIndex: null,
    walBytes: null,
    freeBytes: null,
    diskFull: false,
    waitsFor: null,
    reachable: false,
    ready: false,
    reasons: ['127.0.0.1:1 cannot be reached: nothing listens there'],
  }
  expect(JSON.parse(JSON.stringify(statusDocument(found)))).toEqual({
    schema: 1,
    clusterId: 'c1',
    leader: 'n1',
    term: 5,
    nodes: [
      down,
      {
        id: 'n1',
        member: null,
        version: '0.1.0',
        pid: 4242,
        clientAddress: up,
        peerAddress: '127.0.0.1:1',
        incarnation: 'i-n1',
        role: 'leader',
        term: 5,
        commitIndex: 100,
        appliedIndex: 100,
        revision: 90,
        lag: 0,
        baseIndex: 0,
        walBytes: 10,
        freeBytes: null,
        diskFull: false,
        waitsFor: null,
        reachable: true,
        ready: true,
        reasons: [],
      },
    ],
  })
})

describe('who takes part', () => {
  const told = (id: string, change: object = {}): object => ({
    id,
    peerAddress: `${id}:1`,
    clientAddress: null,
    connected: true,
    ...change,
  })

  test('is what the leader says, voters, learners and strangers', async () => {
    const members = [told('n10'), told('n2'), told('n4', { voter: false })]
    const leader = await serve((at) => status('n2', at, { role: 'leader', members }))
    const learner = await serve((at) => status('n4', at, { members: [told('n4')] }))
    const stranger = await serve((at) => status('n5', at, { members: [told('n5')] }))
    const found = await view([stranger, learner, leader])

    expect(found.members.map(({ id }) => id)).toEqual(['n2', 'n4', 'n10'])
    expect(found.nodes.map((node) => [node.id, node.member])).toEqual([
      ['n2', 'voter'],
      ['n4', 'learner'],
      ['n5', 'none'],
    ])
    const gone = { ...found, nodes: found.nodes.map((node) => ({ ...node, status: undefined })) }
    expect(remarkLines(gone, (_style, text) => text).at(-1)).toBe(
      'n5: it is no member, and not running',
    )
    const roles = statusLines(found, (_style, text) => text, Infinity)
    expect(roles.map((line) => line.split(/ {2,}/)[1])).toEqual([
      'ROLE',
      'leader',
      'learner',
      'no member',
    ])
  })

  test('is, without a leader, what the node of the newest term says that has most', async () => {
    const old = await serve((at) => status('n1', at, { term: 4, members: [told('n1')] }))
    const late = await serve((at) =>
      status('n2', at, { appliedIndex: 99, members: [told('n2')], leader: undefined }),
    )
    const best = await serve((at) =>
      status('n3', at, { members: [told('n3'), told('n2')], leader: undefined }),
    )
    expect((await view([old, late, best])).members.map(({ id }) => id)).toEqual(['n2', 'n3'])
    expect((await view(['127.0.0.1:1'])).members).toEqual([])
  })
})

test('the base of a log is shown once a log has one, and what a node waits for', async () => {
  const whole = await serve((at) => status('n1', at, { role: 'leader' }))
  const plain = (_style: string, text: string): string => text
  expect(statusLines(await view([whole]), plain, Infinity)[0]).not.toContain('BASE')
  const behind = await serve((at) =>
    status('n2', at, { baseIndex: 12_345, waitsFor: 'a snapshot', reasons: ['no leader'] }),
  )
  const found = await view([whole, behind])
  const lines = statusLines(found, plain, Infinity)
  expect(lines[0]).toContain('BASE')
  expect(lines[2]).toContain('12,345')
  expect(remarkLines(found, plain)).toEqual(['n2: no leader', 'n2: waits for a snapshot'])
})

test('the table leaves out columns rather than fold', async () => {
  const up = await serve((at) => status('n1', at, { role: 'leader' }))
  const found = await view([up])
  const lines = (columns: number): string[] => statusLines(found, (_style, text) => text, columns)
  expect(lines(Infinity)[0]).toMatch(/^NODE +ROLE +READY +TERM +COMMIT .* PEERS +PID$/)
  expect(lines(80).every((line) => line.length < 80)).toBe(true)
  expect(lines(80)[0]).toMatch(/^NODE +ROLE +READY +TERM .*APPLIED +LAG/)
})

describe('an answer is checked before it is believed', () => {
  const good = status('n1', 'a:1')

  test('a good one is taken', () => {
    expect(parseNodeStatus(good)).toMatchObject({ id: 'n1', leader: 'n1', pid: 4242 })
    expect(parseNodeStatus({ ...good, leader: undefined, pid: undefined })).toMatchObject({
      leader: undefined,
      pid: undefined,
    })
  })

  test.each(Object.keys(good).filter((name) => !['schema', 'pid', 'leader'].includes(name)))(
    'without %s it is none',
    (name) => {
      expect(parseNodeStatus({ ...good, [name]: undefined })).toBeUndefined()
      expect(parseNodeStatus({ ...good, [name]: Symbol.iterator })).toBeUndefined()
    },
  )

  test('of what came later, a node that is not upgraded yet says nothing', () => {
    expect(parseNodeStatus(good)).toMatchObject({
      historyId: 'c1',
      baseIndex: 0,
      freeBytes: undefined,
      diskFull: false,
      stateMissing: false,
      waitsFor: undefined,
    })
    const members = [{ id: 'n1', peerAddress: 'a:1', connected: true }]
    expect(parseNodeStatus({ ...good, members })?.members[0]).toMatchObject({
      voter: true,
      priority: 0,
      state: undefined,
      close: undefined,
    })
  })

  test.each([
    { historyId: 1 },
    { baseIndex: -1 },
    { freeBytes: 'much' },
    { diskFull: 'no' },
    { stateMissing: 0 },
    { waitsFor: 1 },
    { members: [{ id: 'n1', peerAddress: 'a:1', connected: true, voter: 1 }] },
    { members: [{ id: 'n1', peerAddress: 'a:1', connected: true, priority: -1 }] },
  ])('of another kind it is refused: %j', (change) => {
    expect(parseNodeStatus({ ...good, ...change })).toBeUndefined()
  })

  test.each([null, 1, 'x', [], { ...good, role: 'king' }, { ...good, term: -1 }])(
    '%j',
    (answer) => {
      expect(parseNodeStatus(answer)).toBeUndefined()
    },
  )
})

test('ids are compared by number', () => {
  const ids = ['n10', 'n2', 'a', 'n1', 'b3', '3', '12']
  expect(ids.sort(compareIds)).toEqual(['3', '12', 'a', 'b3', 'n1', 'n2', 'n10'])
})

test('loopback addresses are this machine', () => {
  expect(isLoopback('127.0.0.1:1') && isLoopback('[::1]:1') && isLoopback('localhost:1')).toBe(true)
  expect(isLoopback('10.0.0.1:1') || isLoopback('127.evil.example:1')).toBe(false)
})

test('nodes of two clusters with one name are two nodes, so that a mix-up is seen', async () => {
  const one = await serve((at) => status('n1', at, { role: 'leader' }))
  const other = await serve((at) => status('n1', at, { clusterId: 'c2' }))
  const found = await view([one, other])
  expect(new Set(found.nodes.map((node) => node.status?.clusterId))).toEqual(new Set(['c1', 'c2']))
})

test('nodes that moved to other ports are those of which clients are told the old address', async () => {
  const node = (id: string, port: number) => ({
    id,
    pid: null,
    clientAddress: `127.0.0.1:${port}`,
    peerAddress: '127.0.0.1:1',
    directory: id,
    logFile: id,
  })
  const file = {
    schema: 1,
    clusterName: 'c',
    clusterId: 'c1',
    dataDirectory: '/c',
    initialised: true,
    tuning: {},
    nodes: [node('n1', 1), node('n2', 2), node('n3', 3), node('n4', 4)],
  } as const
  const before = { ...file, nodes: [node('n1', 1), node('n2', 9), node('n3', 8), node('n4', 7)] }
  const told = (id: string, clientAddress: string | undefined) => member(id, { clientAddress })
  const known = cluster(
    {},
    {
      members: [
        told('n1', '127.0.0.1:1'),
        told('n2', '127.0.0.1:9'),
        told('n3', undefined),
        // Somebody chose this one.
        told('n4', '192.0.2.5:7101'),
      ],
    },
  )
  expect(movedNodes(before, file, known).map(({ id }) => id)).toEqual(['n2'])
  expect(movedNodes(file, file, known)).toEqual([])

  // Where it is reached here is not what clients were told of it.
  const address = await serve(() => status('n1', '10.0.0.1:7101'))
  const moved = { ...file, nodes: [{ ...node('n1', 1), clientAddress: address }] }
  const shown = await viewCluster({
    endpoints: [address],
    local: moved,
    timeoutMs: 300,
    discover: false,
  })
  expect(shown.nodes[0]).toMatchObject({ id: 'n1', clientAddress: address })
})
