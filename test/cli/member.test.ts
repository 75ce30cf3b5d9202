// Goal: who takes part is shown as the leader knows it, and changes ask the client for exactly what
// was meant, tell how far they are, and say what became of them. Method: HTTP servers that play
// nodes, and a faked client that notes its calls.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { memberRows } from '../../src/cli/member-output.ts'
import { QuorateError } from '../../src/errors.ts'
import { FakeNodes } from './fake-nodes.ts'
import { quorate, type Ended } from './harness.ts'
import { cluster, member } from './views.ts'

let nodes = new FakeNodes()

beforeEach(async () => {
  nodes = await new FakeNodes().add({}, {}, {})
})

afterEach(() => nodes.close())

/** A client that notes what it is asked for. */
function noting(answer?: unknown) {
  const calls: unknown[][] = []
  const note =
    (name: string) =>
    async (...given: unknown[]): Promise<unknown> => {
      const limits = given.pop() as { timeout?: number }
      calls.push([name, ...given, limits.timeout])
      if (answer instanceof Error) throw answer
      return answer
    }
  const names = ['addMember', 'promoteMember', 'removeMember', 'replaceMember', 'updateMember']
  const client = Object.fromEntries(
    [...names, 'transferLeadership'].map((name) => [name, note(name)]),
  )
  return { calls, client }
}

const run = (words: string, world: object = {}): Promise<Ended> =>
  quorate([...words.split(' '), '-e', nodes.endpoints], world)

describe('the rows', () => {
  test('are those of the leader, with its own end as the measure', () => {
    const members = [
      member('n1', { matchIndex: undefined, state: undefined, close: undefined }),
      member('n2', { matchIndex: 90, priority: 7 }),
      member('n4', { voter: false, matchIndex: 10, state: 'snapshot', close: false }),
    ]
    const view = cluster({ n1: {}, n2: {}, n4: null }, { members })
    expect(memberRows(view)).toMatchObject([
      { id: 'n1', leader: true, voter: true, matchIndex: 100, lag: 0, reachable: true },
      { id: 'n2', leader: false, voter: true, matchIndex: 90, lag: 10, priority: 7 },
      { id: 'n4', voter: false, matchIndex: 10, lag: 90, state: 'snapshot', reachable: false },
    ])
  })

  test('without a leader say what is known, and guess nothing', () => {
    const members = [member('n1'), member('n2', { matchIndex: undefined, state: undefined })]
    const rows = memberRows(cluster({ n1: null, n2: {} }, { members }))
    expect(rows.map(({ lag, leader }) => [lag, leader])).toEqual([
      [undefined, false],
      [undefined, false],
    ])
  })
})

describe('member list', () => {
  test('for people', async () => {
    const ended = await run('member list')
    expect(ended.code).toBe(0)
    const [titles, first, second] = ended.stdout.split('\n')
    expect(titles).toMatch(/^MEMBER +ROLE +REACHABLE +MATCH +LAG +STATE +PRIORITY +PEERS +CLIENTS$/)
    expect(first).toMatch(/^n1 +leader +yes +100 +0 +- +0 +10\.0\.0\.1:7201 +127\.0\.0\.1:\d+$/)
    expect(second).toMatch(/^n2 +voter +yes +100 +0 +replicating +0 +/)
  })

  test('for programs', async () => {
    nodes.members = (all) => [...all, member('n4', { voter: false, clientAddress: undefined })]
    const ended = await run('member list -o json')
    const document = JSON.parse(ended.stdout) as { members: object[] }
    expect(document).toMatchObject({ schema: 1, clusterId: 'c1', leader: 'n1' })
    expect(document.members[3]).toEqual({
      id: 'n4',
      voter: false,
      leader: false,
      peerAddress: '10.0.0.4:7201',
      clientAddress: null,
      reachable: false,
      matchIndex: 100,
      lag: 0,
      state: 'replicate',
      close: true,
      priority: 0,
      waitsFor: null,
    })
    const lines = await run('member list -o ndjson')
    expect(lines.stdout.trimEnd().split('\n')).toHaveLength(4)
  })

  test('says when nobody answers', async () => {
    const ended = await quorate(['member', 'list', '-e', '127.0.0.1:1'])
    expect(ended.code).toBe(5)
  })
})

describe('changes', () => {
  test.each([
    [
      'member add n3 10.0.0.4:7201',
      ['addMember', { id: 'n3', peerAddress: '10.0.0.4:7201', learner: false }],
      600_000,
    ],
    [
      'member add n3 10.0.0.4:7201 --learner --priority 9 --client-address 10.0.0.4:7101',
      [
        'addMember',
        {
          id: 'n3',
          peerAddress: '10.0.0.4:7201',
          learner: true,
          priority: 9,
          clientAddress: '10.0.0.4:7101',
        },
      ],
      600_000,
    ],
    ['member promote n3', ['promoteMember', 'n3'], 600_000],
    ['member remove n4', ['removeMember', 'n4'], 30_000],
    [
      'member replace n4 n3 10.0.0.4:7201',
      ['replaceMember', 'n4', { id: 'n3', peerAddress: '10.0.0.4:7201' }],
      600_000,
    ],
    [
      'member update n3 --priority 3 --peer-address 10.0.0.9:7201',
      ['updateMember', 'n3', { priority: 3, peerAddress: '10.0.0.9:7201' }],
      30_000,
    ],
  ])('%s', async (words, expected, timeoutMs) => {
    const { calls, client } = noting()
    const ended = await run(words, { client })
    expect(ended.stderr).not.toContain('error')
    expect(ended.code).toBe(0)
    expect(calls).toHaveLength(1)
    const [call = []] = calls
    const timeout = call.pop() as number
    expect(call).toEqual(expected)
    expect(timeout).toBeLessThanOrEqual(timeoutMs)
    expect(timeout).toBeGreaterThan(timeoutMs / 2)
    expect(ended.closed).toBe(true)
  })

  test('say what became of it', async () => {
    const { client } = noting()
    expect((await run('member add n3 10.0.0.4:7201', { client })).stdout).toBe('n3 is a voter\n')
    const removed = await run('member remove n4', { client })
    expect(removed.stdout).toBe('n4 is not a member now\n')
    expect(removed.stderr).toContain('its name may not be used again')
    const replaced = await run('member replace n4 n3 10.0.0.4:7201', { client })
    expect(replaced.stdout).toBe('n3 is a voter\nn4 is no member any more\n')
    const updated = await run('member update n3 --priority 4', { client })
    expect(updated.stdout).toMatch(/^n3: peers 10\.0\.0\.3:7201, clients \S+, priority 0\n$/)
    const json = await run('member replace n4 n3 10.0.0.4:7201 -o json', { client })
    expect(JSON.parse(json.stdout)).toMatchObject({
      schema: 1,
      id: 'n3',
      replaced: 'n4',
      member: { id: 'n3', voter: true },
    })
  })

  test('an added member is waited for until it votes', async () => {
    let voter = false
    nodes.members = (all) => all.map((each) => (each.id === 'n3' ? { ...each, voter } : each))
    // The answer comes while it still learns; it votes once it was asked for again.
    nodes.onAsk = () => {
      if (nodes.asked > 3) voter = true
    }
    const { client } = noting()
    const ended = await run('member add n3 10.0.0.4:7201', { client, tty: true })
    expect(ended.code).toBe(0)
    expect(ended.stdout).toContain('is a voter')
    expect(ended.stderr).toContain('n3 catches up: 100 of 100 entries')
    expect(nodes.asked).toBeGreaterThan(3)
  })

  test('an added learner is not', async () => {
    nodes.members = (all) =>
      all.map((each) => (each.id === 'n3' ? { ...each, voter: false } : each))
    const { client } = noting()
    const ended = await run('member add n3 10.0.0.4:7201 --learner', { client })
    expect(ended.stdout).toBe('n3 is a learner\n')
  })

  test('while it goes on, how far it is is told', async () => {
    nodes.members = (all) =>
      all.map((each) =>
        each.id === 'n3' ? { ...each, voter: false, state: 'snapshot', matchIndex: 0 } : each,
      )
    let done = (): void => {}
    const asked = new Promise<void>((resolve) => (done = resolve))
    nodes.onAsk = () => {
      // The first look, at three nodes, is told; the second one ends the change.
      if (nodes.asked === 4) done()
    }
    const client = { addMember: () => asked }
    const ended = await run('member add n3 10.0.0.4:7201 --learner', { client, tty: true })
    expect(ended.code).toBe(0)
    expect(ended.stderr).toContain('n3 gets a snapshot: 0 of 100 entries')
  })

  test('a member that has not caught up in time goes on, and the command says so with 6', async () => {
    nodes.members = (all) =>
      all.map((each) => (each.id === 'n3' ? { ...each, voter: false } : each))
    const { client } = noting()
    const ended = await run('member add n3 10.0.0.4:7201 --timeout 20ms', { client })
    expect(ended.code).toBe(6)
    expect(ended.stderr).toContain(
      'n3 is a learner and has not caught up yet; it goes on by itself',
    )
  })

  test('so does one whose call was not answered in time', async () => {
    nodes.members = (all) => [...all, member('n9', { voter: false })]
    const late = new QuorateError('QUORATE_TIMEOUT', 'late', { outcome: 'unknown', attempts: 2 })
    const { client } = noting(late)
    const ended = await run('member add n9 10.0.0.9:7201', { client })
    expect(ended.code).toBe(6)
    expect(ended.stderr).toContain(
      'n9 is a learner and has not caught up yet; it goes on by itself',
    )
    expect(ended.stderr).toContain('it does not answer: is it started?')
    const other = await run('member add n3 10.0.0.9:7201', { client })
    expect(other.stderr).toContain('error: late')
  })

  test.each([
    ['losesQuorum', 'too few of the voters'],
    ['lagging', 'has not caught up in time'],
    ['knownMember', 'with other addresses'],
    ['tooManyMembers', 'as many members as it may'],
    ['something new', 'does not fit the members'],
  ])('a refusal (%s) says why and what to do, exit 4', async (reason, cause) => {
    const refused = new QuorateError('QUORATE_MEMBERSHIP', 'refused', {
      details: { reason },
      attempts: 1,
    })
    const { client } = noting(refused)
    const ended = await run('member remove n2', { client })
    expect(ended.code).toBe(4)
    expect(ended.stderr).toContain(cause)
    expect(ended.stderr).toMatch(/effect: +none/)
    expect(ended.stderr).toMatch(/next: +\S/)
  })

  test.each([
    'member add n3',
    'member add n/3 10.0.0.4:7201',
    'member add n3 nowhere',
    'member add n3 10.0.0.4:7201 --priority 256',
    'member replace n3 n3 10.0.0.4:7201',
    'member update n3',
    'member update',
    'member promote',
  ])('%s is a usage error, and nothing is asked for', async (words) => {
    const { calls, client } = noting()
    const ended = await run(words, { client })
    expect(ended.code).toBe(2)
    expect(calls).toEqual([])
  })
})

describe('leader transfer', () => {
  test('says who leads, named or not', async () => {
    const { calls, client } = noting('n2')
    expect((await run('leader transfer n2', { client })).stdout).toBe('n2 leads now\n')
    expect((await run('leader transfer', { client })).stdout).toBe('n2 leads now\n')
    const json = await run('leader transfer -o json', { client })
    expect(JSON.parse(json.stdout)).toEqual({ schema: 1, leader: 'n2' })
    expect(calls.map(([, to]) => to)).toEqual(['n2', undefined, undefined])
  })

  test.each([
    ['not-applied', 5],
    ['unknown', 6],
  ] as const)('that did not happen (%s) exits with %d', async (outcome, code) => {
    const details = { reason: 'unreachable' }
    const error = new QuorateError('QUORATE_TRANSFER', 'stays', { outcome, details, attempts: 1 })
    const ended = await run('leader transfer', { client: noting(error).client })
    expect(ended.code).toBe(code)
    expect(ended.stderr).toContain('has not answered lately')
  })
})
