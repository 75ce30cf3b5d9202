// Goal: every risk that a status shows is found, with what it means and what to do, and a cluster
// that is well is left in peace. Method: a healthy cluster, and one change for each finding; the
// command itself against small HTTP servers that play nodes.
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { diagnose } from '../../src/cli/doctor/diagnose.ts'
import { awaitedOf } from '../../src/cli/doctor/settled.ts'
import type { ClusterView, MemberStatus, NodeStatus } from '../../src/cluster/index.ts'
import { FakeNodes, type Answer } from './fake-nodes.ts'
import { quorate } from './harness.ts'
import { cluster, member, noon, type Told } from './views.ts'

type Writable<T> = { -readonly [K in keyof T]?: T[K] }

const three: Record<string, Told> = { n1: {}, n2: {}, n3: {} }
const checks = (view: ClusterView): string[] =>
  diagnose(view, noon).findings.map(
    ({ severity, check, node }) => `${severity} ${check}${node === undefined ? '' : ` ${node}`}`,
  )

describe('a cluster that is well', () => {
  test('has no findings', () => {
    expect(diagnose(cluster(three), noon)).toEqual({
      quorum: { voters: 3, sound: 3, needed: 2, mayFail: 1 },
      findings: [],
    })
  })

  test('of five may lose two', () => {
    const five = cluster({ ...three, n4: {}, n5: {} })
    expect(diagnose(five, noon).quorum).toEqual({ voters: 5, sound: 5, needed: 3, mayFail: 2 })
  })
})

describe('the quorum', () => {
  test('one of three away: one more failure stops it', () => {
    const view = cluster({ n1: {}, n2: {}, n3: null })
    expect(checks(view)).toEqual(['critical no-margin', 'warning unreachable n3'])
    expect(diagnose(view, noon).quorum.mayFail).toBe(0)
  })

  test('one of five away is a warning alone', () => {
    const view = cluster({ ...three, n4: {}, n5: null })
    expect(checks(view)).toEqual(['warning unreachable n5'])
  })

  test('two of three away: nothing can be written', () => {
    const view = cluster({ n1: null, n2: {}, n3: null })
    expect(checks(view)[0]).toBe('critical no-quorum')
    expect(checks(view)).not.toContain('critical no-leader')
    expect(diagnose(view, noon).quorum.mayFail).toBe(-1)
  })

  test('a voter that waits before it takes part is not counted on', () => {
    const view = cluster({ n1: {}, n2: {}, n3: { waitsFor: 'a leader that others confirmed' } })
    expect(checks(view)).toEqual(['critical no-margin', 'warning waiting n3'])
  })

  test('a learner neither counts nor is needed', () => {
    const members = [member('n1'), member('n2'), member('n3'), member('n4', { voter: false })]
    const view = cluster({ ...three, n4: null }, { members })
    expect(diagnose(view, noon).quorum).toMatchObject({ voters: 3, sound: 3 })
    expect(checks(view)).toEqual(['warning unreachable n4', 'warning learner n4'])
  })

  test('nobody leads', () => {
    const view = { ...cluster(three), leader: undefined }
    expect(checks(view)).toEqual(['critical no-leader'])
  })

  test('law: it may fail as many as are sound above the majority', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }), (up) => {
        const told = Object.fromEntries(up.map((is, i) => [`n${i + 1}`, is ? {} : null]))
        const { quorum, findings } = diagnose(cluster(told), noon)
        const sound = up.filter(Boolean).length
        expect(quorum.mayFail).toBe(sound - (Math.floor(up.length / 2) + 1))
        const stopped = findings.some(({ check }) => check === 'no-quorum')
        expect(stopped).toBe(2 * sound <= up.length)
      }),
      { numRuns: 200 },
    )
  })
})

describe('nodes', () => {
  test.each<[string, Partial<NodeStatus>]>([
    ['warning state-missing n3', { stateMissing: true }],
    ['warning repaired n3', { counters: { repaired: 2 } }],
    ['critical disk-full n3', { diskFull: true, freeBytes: 1_000 }],
    ['warning disk-space n3', { freeBytes: 2 ** 29 }],
    ['warning not-ready n3', { ready: false, reasons: ['no leader'] }],
    ['warning remark n3', { reasons: ['refused by n2: another incarnation'] }],
    ['warning versions', { version: '1.1.0' }],
    ['critical two-histories', { historyId: 'h2' }],
    ['critical two-clusters', { clusterId: 'c2' }],
    ['critical diverged', { revision: 91 }],
    ['warning clock-spread', { clusterTime: noon - 61_000 }],
    ['warning clock-ahead', { clusterTime: noon + 61_000 }],
  ])('%s', (finding, change) => {
    const view = cluster({ n1: {}, n2: {}, n3: change })
    expect(checks(view)).toContain(finding)
    // One step on the safe side of each is no finding of that kind.
    const safe = cluster({
      n1: {},
      n2: {},
      n3: { clusterTime: noon - 59_000, freeBytes: 2 ** 30, counters: { repaired: 0, other: 1 } },
    })
    expect(checks(safe)).toEqual([])
  })

  test('cluster time far behind, as after an old backup', () => {
    const at = (clusterTime: number): string[] =>
      checks(cluster({ n1: { clusterTime }, n2: { clusterTime }, n3: { clusterTime } }))
    expect(at(noon - 86_400_000)).toEqual([])
    expect(at(noon - 86_400_001)).toEqual(['warning clock-behind'])
  })

  test('what was told in one way is not told in another', () => {
    const full = cluster({ n1: {}, n2: {}, n3: { diskFull: true, reasons: ['the disk is full'] } })
    expect(checks(full)).toEqual(['critical disk-full n3'])
    const told = { waitsFor: 'x', ready: false, reasons: ['waits for x'], stateMissing: true }
    expect(checks(cluster({ n1: {}, n2: {}, n3: told }))).toEqual([
      'critical no-margin',
      'warning waiting n3',
    ])
  })

  test('one that lags, and one that needs a snapshot', () => {
    const lagging = cluster(three, { nodes: { n3: { lag: 10_001 } } })
    expect(checks(lagging)).toEqual(['warning lagging n3'])
    expect(checks(cluster(three, { nodes: { n3: { lag: 10_000 } } }))).toEqual([])
    const members = [member('n1'), member('n2'), member('n3', { state: 'snapshot' })]
    expect(checks(cluster(three, { members, nodes: { n3: { lag: 10_001 } } }))).toEqual([
      'warning snapshot n3',
    ])
  })

  test('a revision that differs at another index is no divergence', () => {
    expect(checks(cluster({ n1: {}, n2: {}, n3: { appliedIndex: 99, revision: 89 } }))).toEqual([])
  })

  test('two that are up and do not reach each other', () => {
    const members = [member('n1'), member('n2', { connected: false }), member('n3')]
    expect(
      checks(cluster({ n1: {}, n2: { members: [] }, n3: { members: [] } }, { members })),
    ).toEqual(['warning cut-off n1'])
    // One that is down is told once, as down.
    expect(checks(cluster({ n1: {}, n2: null, n3: { members: [] } }, { members }))).toEqual([
      'critical no-margin',
      'warning unreachable n2',
    ])
  })

  test('a node that has applied nothing yet says nothing of clocks', () => {
    expect(checks(cluster({ n1: {}, n2: {}, n3: { clusterTime: 0 } }))).toEqual([])
  })
})

describe('who takes part, and where', () => {
  test('a learner that has caught up, and one that has not', () => {
    const members = [member('n1'), member('n2'), member('n3'), member('n4', { voter: false })]
    const told = { ...three, n4: {} }
    expect(checks(cluster(told, { members }))).toEqual(['warning learner n4'])
    const behind = [...members.slice(0, 3), member('n4', { voter: false, close: false })]
    expect(checks(cluster(told, { members: behind }))).toEqual(['note catching-up n4'])
  })

  test('a node that runs and is no member', () => {
    const members = [member('n1'), member('n2'), member('n3')]
    expect(checks(cluster({ ...three, n4: {} }, { members }))).toEqual(['warning no-member n4'])
    // One that was removed and stopped is no loss.
    expect(checks(cluster({ ...three, n4: null }, { members }))).toEqual([])
    // That it waits to be added is the same thing.
    const told = 'a leader to tell it who the members are'
    const waiting = { waitsFor: told, ready: false, members: [] }
    expect(checks(cluster({ ...three, n4: waiting }, { members }))).toEqual([
      'warning no-member n4',
    ])
    // Only one that was never let in may be added: the name of the other is used up.
    const next = (n4: Told): string | undefined =>
      diagnose(cluster({ ...three, n4 }, { members }), noon).findings[0]?.next
    expect(next(waiting)).toContain('quorate member add n4')
    expect(next({})).not.toContain('member add')
  })

  test.each([
    [1, 'warning few-voters'],
    [2, 'warning few-voters'],
    [4, 'warning even-voters'],
    [6, 'warning even-voters'],
  ])('%d voters: %s', (count, finding) => {
    const told = Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i + 1}`, {}]))
    expect(checks(cluster(told))).toEqual([finding])
  })

  test('voters on one host', () => {
    const members = ['n1', 'n2', 'n3', 'n4', 'n5'].map((id, i) =>
      member(id, { peerAddress: i < 2 ? `10.0.0.1:720${i}` : `10.0.0.${i}:7201` }),
    )
    const view = cluster({ ...three, n4: {}, n5: {} }, { members })
    const [finding, ...rest] = diagnose(view, noon).findings
    expect(rest).toEqual([])
    expect(finding).toMatchObject({
      severity: 'warning',
      check: 'one-host',
      what: 'n1, n2 are on one host, 10.0.0.1',
      meaning: expect.not.stringContaining('the cluster stops'),
    })
    const all = ['n1', 'n2', 'n3'].map((id, i) => member(id, { peerAddress: `[::1]:720${i}` }))
    expect(diagnose(cluster(three, { members: all }), noon).findings[0]).toMatchObject({
      what: 'n1, n2, n3 are on one host, [::1]',
      meaning: 'if that host fails, the cluster stops',
    })
  })
})

test('every finding says what it means and what to do, the worst first', () => {
  const view = cluster({
    n1: { counters: { repaired: 1 }, version: '2.0.0' },
    n2: { diskFull: true },
    n3: null,
    n4: { waitsFor: 'its state' },
  })
  const { findings } = diagnose(view, noon)
  expect(findings.length).toBeGreaterThan(5)
  for (const { what, meaning, next } of findings) {
    expect(what).toMatch(/^.{10,}[^.]$/)
    expect(meaning).toMatch(/^[a-z].{10,}[^.]$/)
    expect(next).toMatch(/^.{10,}[^.]$/)
  }
  const order = findings.map(({ severity }) => ['critical', 'warning', 'note'].indexOf(severity))
  expect(order).toEqual(order.toSorted((a, b) => a - b))
})

describe('what is awaited between two steps of work', () => {
  const members = (change: Partial<MemberStatus>): MemberStatus[] => [
    member('n1'),
    member('n2'),
    member('n3', change),
  ]

  test('nothing, where all voters are up, ready and close', () => {
    expect(awaitedOf(cluster(three))).toEqual([])
    // A learner and a warning of another kind keep nobody waiting.
    const learner = [...members({}), member('n4', { voter: false, close: false })]
    const view = cluster({ ...three, n2: { version: '1.1.0' }, n4: null }, { members: learner })
    expect(awaitedOf(view)).toEqual([])
  })

  test('one of five that is down, though the quorum has a margin without it', () => {
    const view = cluster({ ...three, n4: {}, n5: null })
    expect(checks(view)).toEqual(['warning unreachable n5'])
    expect(awaitedOf(view)).toEqual(['n5 does not answer'])
  })

  test('one of three that lags, though all three can be counted on', () => {
    const view = cluster(three, { members: members({ close: false, matchIndex: 17 }) })
    expect(diagnose(view, noon).quorum.sound).toBe(3)
    expect(awaitedOf(view)).toEqual(['n3 is behind: it has 17 entries'])
  })

  test.each<[string, Partial<NodeStatus>, Partial<MemberStatus>]>([
    ['n3 is not ready: no leader', { ready: false, reasons: ['no leader'] }, {}],
    ['n3 waits for room on its disk', { waitsFor: 'room on its disk', ready: false }, {}],
    ['n3 is fetching its state', { stateMissing: true }, {}],
    ['n3 is fetching its state', {}, { state: 'snapshot' }],
    ['n3 has no link to n1', {}, { connected: false }],
    ['n3 is behind', {}, { close: false, matchIndex: undefined }],
  ])('%s', (awaited, told, change) => {
    const view = cluster({ ...three, n3: told }, { members: members(change) })
    expect(awaitedOf(view)).toEqual([awaited])
  })

  test('a leader, and somebody who answers', () => {
    expect(awaitedOf(cluster({ n1: null, n2: {}, n3: {} }))).toEqual([
      'no leader answers',
      'n1 does not answer',
    ])
    const nobody = cluster({ n1: null }, { members: [] })
    expect(awaitedOf(nobody)).toEqual(['no node answers that knows the members'])
  })
})

describe('the command', () => {
  let nodes = new FakeNodes()

  beforeEach(() => {
    // The clock of this machine, and it alone: as far as the nodes say that time is.
    vi.useFakeTimers({ toFake: ['Date'], now: noon })
  })

  afterEach(async () => {
    vi.useRealTimers()
    await nodes.close()
    nodes = new FakeNodes()
  })

  async function serve(answers: readonly Answer[]): Promise<string> {
    await nodes.add(...answers)
    return nodes.endpoints
  }

  test('nothing at risk: exit 0', async () => {
    const endpoints = await serve([{}, {}, {}])
    const ended = await quorate(['doctor', '-e', endpoints])
    expect(ended.code).toBe(0)
    expect(ended.stdout).toBe(
      'leader n1; 3 of 3 voters can be counted on, 2 are needed: 1 more may fail\n' +
        'nothing is at risk\n',
    )
  })

  test('a warning: exit 0, and what to do', async () => {
    const endpoints = await serve([{}, { freeBytes: 1_000 }, {}])
    const ended = await quorate(['doctor', '-e', endpoints])
    expect(ended.code).toBe(0)
    expect(ended.stdout).toContain(
      'warning:  1000 B is free on the disk of n2\n' +
        '  means:  below the floor it takes no writes\n' +
        '  next:   make room on the disk of n2, or move it: quorate member replace\n',
    )
  })

  test('something critical: exit 7, and a document', async () => {
    const endpoints = await serve([{}, { diskFull: true }, {}])
    const ended = await quorate(['doctor', '-e', endpoints, '-o', 'json'])
    expect(ended.code).toBe(7)
    expect(JSON.parse(ended.stdout)).toMatchObject({
      schema: 1,
      clusterId: 'c1',
      leader: 'n1',
      quorum: { voters: 3, sound: 3, needed: 2, mayFail: 1 },
      findings: [{ severity: 'critical', check: 'disk-full', node: 'n2' }],
    })
    const lines = await quorate(['doctor', '-e', endpoints, '-o', 'ndjson'])
    expect(JSON.parse(lines.stdout)).toMatchObject({ schema: 1, check: 'disk-full' })
  })

  test('--wait: looks again until every voter is ready, then judges', async () => {
    const answer: Writable<NodeStatus> = { ready: false }
    const endpoints = await serve([{}, {}, answer])
    nodes.onAsk = () => {
      if (nodes.asked > 3) answer.ready = true
    }
    const ended = await quorate(['doctor', '--wait', '-e', endpoints])
    expect(ended.code).toBe(0)
    expect(ended.stdout).toContain('nothing is at risk')
    expect(nodes.asked).toBe(6)
  })

  test('--wait: in vain, exit 5 and what it waited for, beside the findings', async () => {
    const endpoints = await serve([{}, {}, {}, {}, undefined])
    expect((await quorate(['doctor', '-e', endpoints])).code).toBe(0)
    const ended = await quorate(['doctor', '--wait', '1ms', '-e', endpoints])
    expect(ended.code).toBe(5)
    expect(ended.stdout).toContain('n5 does not answer')
    expect(ended.stderr).toContain('waited in vain: n5 does not answer')
  })

  test('nobody answers: exit 5', async () => {
    const ended = await quorate(['doctor', '-e', '127.0.0.1:1'])
    expect(ended.code).toBe(5)
    expect(ended.stderr).toContain('no node answers')
  })
})
