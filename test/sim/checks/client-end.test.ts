/**
 * Goal: what is judged at the end, and what must get on, L1 to L5, is told apart right from wrong.
 * Method: the smallest histories and worlds, and each with one thing wrong.
 */
import { describe, expect, it } from 'vitest'
import type { Entry, Message, RaftStatus } from '../../../src/raft/index.ts'
import { sessionName } from '../../state/support.ts'
import type { FinalReads } from '../workload/final-reads.ts'
import type { Call } from '../workload/history.ts'
import { callTag } from '../workload/values.ts'
import type { WorldView } from '../world/observer.ts'
import {
  del,
  failedWith,
  messageOf,
  putRequest,
  putTag,
  readOf,
  scanAll,
  Story,
  writtenAt,
} from './client-fakes.ts'
import { judgeEnd } from './end-state.ts'
import { judgeLeader, leaderBoundMs, leaderOf } from './l1-leader.ts'
import { Stability } from './l2-stable.ts'
import { commitOf, isCaughtUp, judgeCaughtUp } from './l3-catch-up.ts'
import { judgeProgress, judgeResolved, progressBoundMs } from './l4-progress.ts'
import { Caps } from './l5-caps.ts'
import { FakeNode } from './protocol-fakes.ts'

const [v1, v2] = [1, 2].map((call) => callTag(call, 0, 20)) as [string, string]

describe('S11', () => {
  type Rows = Parameters<typeof readOf>[0]

  /** `a` is put, then `b`; `a` may be deleted again by a third call. */
  function ended(rows: Rows, deleted = false): string[] {
    const story = new Story()
    for (const [i, key] of ['a', 'b'].entries()) {
      const call = story.begin(putRequest(key, [v1, v2][i]!))
      story.commit(story.write(1, putTag(key, [v1, v2][i]!)))
      story.end(call, writtenAt(i + 1))
    }
    if (deleted) {
      const request = { kind: 'delete', changes: [{ key: 'a', value: undefined }] } as const
      const call = story.begin(request)
      story.commit(story.write(1, del('a')))
      story.end(call, { type: 'written', verdict: 'applied', revision: 3, existed: true })
    }
    story.told(scanAll, readOf(rows, deleted ? 3 : 2))
    return story.found().filter((message) => message.startsWith('S11'))
  }

  it('finds at the end what was acknowledged, or what came after it', () => {
    const [a, b]: [string, string, number][] = [
      ['a', v1, 1],
      ['b', v2, 2],
    ]
    expect(ended([a, b])).toEqual([])
    expect(ended([b], true)).toEqual([])
    expect(ended([['a', v2, 2], b])).toEqual([])
    expect(ended([b])).toEqual([expect.stringContaining('at the end there is no a')])
    expect(ended([['a', v2, 1], b])).toHaveLength(1)
    expect(ended([a, ['b', v2, 1]])).toHaveLength(1)
    expect(ended([a, b], true)).toEqual([
      `S11: call 3 (delete by c1) was acknowledged at revision 3: at the end a is ${v1} of revision 1`,
    ])
  })
})

function finished(change: (final: FinalReads) => Partial<FinalReads>, damaged?: string): string[] {
  const story = new Story()
  story.commit(story.write(1, putTag('a', v1)))
  story.commit({ kind: 'mark', id: sessionName(1) })
  const [effects, rows] = [story.replay.effectsAt(2) ?? '', story.replay.rowsDigestAt(2) ?? '']
  const scan = readOf([['a', v1, 1]], 1)
  const nodes = ['n1', 'n2'].map((id) => ({ endpoint: `${id}:7101`, scan }))
  const digest = { index: 2, nodes: ['n1', 'n2'].map((id) => ({ id, effects, rows })) }
  const final = { put: writtenAt(1), scan, nodes, digest, digestError: undefined }
  return messageOf(() =>
    judgeEnd(story.replay, { ...final, ...change(final) }, (id) => id === damaged),
  )
}

describe('the end', () => {
  it('is one state on all nodes, and that of the rules', () => {
    const wrong = readOf([['a', v2, 1]], 1)
    expect(finished(() => ({}))).toEqual([])
    expect(finished(() => ({ scan: wrong }))).toEqual([
      expect.stringMatching(/^S11: the last scan/),
    ])
    expect(
      finished(({ nodes }) => ({ nodes: [nodes[0]!, { ...nodes[1]!, scan: wrong }] })),
    ).toEqual([expect.stringMatching(/^S11: the last scan of n2/)])
    const older = readOf([], 0)
    expect(finished(({ nodes }) => ({ nodes: [{ ...nodes[0]!, scan: older }] }))).toEqual([
      'S11: the last scan of n1 is of revision 0, 1 was acknowledged',
    ])
    for (const part of ['effects', 'rows'] as const) {
      const found = finished(({ digest }) => {
        const [first, second] = digest!.nodes
        return { digest: { index: 2, nodes: [first!, { ...second!, [part]: '00' }] } }
      })
      expect(found).toEqual([`S4: n2 has another digest of ${part} at 2`])
    }
  })

  it('is reached: the last calls succeed, and everybody answers', () => {
    const failed = failedWith('QUORATE_NO_QUORUM', 'unknown')
    expect(finished(() => ({ put: failed }))).toEqual([
      'L4: the last write was not applied: QUORATE_NO_QUORUM',
    ])
    expect(finished(() => ({ scan: failed }))).toHaveLength(1)
    expect(finished(() => ({ digest: undefined, digestError: 'QUORATE_TIMEOUT' }))).toEqual([
      'L4: no digests at the end: QUORATE_TIMEOUT',
    ])
    expect(
      finished(({ digest }) => ({ digest: { index: 2, nodes: digest!.nodes.slice(1) } })),
    ).toEqual(['L4: no digest at the end from n1'])
  })
})

describe('an end that is excused', () => {
  it('is a write that is refused because a table is full', () => {
    const full = failedWith('QUORATE_SESSIONS_FULL', 'not-applied')
    expect(finished(() => ({ put: full }))).toEqual([])
  })

  it('is the silence, or are the rows, of a node whose state was damaged, and of no other', () => {
    const silent = ({ digest }: FinalReads) => ({
      digest: { index: 2, nodes: digest!.nodes.slice(1) },
    })
    expect(finished(silent, 'n1')).toEqual([])
    expect(finished(silent, 'n2')).toEqual(['L4: no digest at the end from n1'])
    const lost = failedWith('QUORATE_SCAN_LOST', 'not-applied')
    const failing = ({ nodes }: FinalReads) => ({
      nodes: [{ ...nodes[0]!, scan: lost }, nodes[1]!],
    })
    expect(finished(failing, 'n1')).toEqual([])
    expect(finished(failing, 'n2')).toEqual(['L4: the last scan of n1 failed: QUORATE_SCAN_LOST'])
    const wrong = ({ digest }: FinalReads) => ({
      digest: { index: 2, nodes: digest!.nodes.map((node) => ({ ...node, rows: '00' })) },
    })
    expect(finished(wrong, 'n1')).toEqual(['S4: n2 has another digest of rows at 2'])
  })
})

/** Nodes as they show themselves. */
function world(now: number, shown: Readonly<Record<string, Partial<RaftStatus>>>): WorldView {
  const ids = Object.keys(shown)
  const nodes = ids.map((id) => {
    const node = new FakeNode(id, ids)
    const status = shown[id]
    if (status?.term === undefined) return node
    node.shows(status)
    for (const name of ['role', 'leader'] as const) {
      Object.defineProperty(node.raft, name, { value: status[name] })
    }
    return node
  })
  const node = (id: string): FakeNode => {
    const found = nodes.find((each) => each.id === id)
    if (found === undefined) throw new Error(`there is no node ${id}`)
    return found
  }
  return { now, nodes, node }
}

describe('L1', () => {
  const leads = { role: 'leader', term: 3, leader: 'n1' } as const
  const follows = { role: 'follower', term: 3, leader: 'n1' } as const
  const alone = { role: 'preCandidate', term: 2, leader: undefined } as const
  const core = ['n1', 'n2', 'n3']

  it('is a leader that a majority knows, in its term', () => {
    expect(leaderOf(world(0, { n1: leads, n2: follows, n3: alone }), core)?.id).toBe('n1')
    expect(leaderOf(world(0, { n1: leads, n2: { ...follows, term: 2 }, n3: alone }), core)).toBe(
      undefined,
    )
    expect(leaderOf(world(0, { n1: { ...follows }, n2: follows, n3: follows }), core)).toBe(
      undefined,
    )
    expect(leaderOf(world(0, { n1: leads, n2: {}, n3: {} }), core)).toBe(undefined)
    expect(leaderOf(world(0, { n1: leads, n2: follows, n3: follows }), ['n1'])).toBe(undefined)
  })

  it('is asked for once its time is over', () => {
    const nobody = { n1: alone, n2: alone, n3: {} }
    const bound = leaderBoundMs(world(0, nobody), core, 1_000)
    expect(bound).toBe(5 * 600 + 1_000)
    const judged = (now: number, shown: typeof nobody | Record<string, Partial<RaftStatus>>) =>
      messageOf(() => judgeLeader(world(now, shown), core, { since: 100, extraMs: 1_000 }))
    expect(judged(100 + bound, nobody)).toEqual([expect.stringContaining('n3 does not run')])
    expect(judged(99 + bound, nobody)).toEqual([])
    expect(judged(100 + bound, { n1: leads, n2: follows, n3: {} })).toEqual([])
  })
})

describe('L2', () => {
  it('is no election once nothing changes', () => {
    const clock = { now: 0 }
    const stability = new Stability(clock)
    const node = new FakeNode('n1', ['n1'])
    const ready = {
      entries: [],
      messages: [],
      messagesAfterPersist: [],
      committedEntries: [],
      fetches: [],
      readStates: [],
      snapshotsWanted: [],
      mustSync: false,
    }
    const change = (role: 'leader' | 'follower', at: number): void => {
      clock.now = at
      stability.onReady(node, { ...ready, roleChange: { role, term: 2, leader: 'n1' } })
    }
    change('leader', 50)
    change('follower', 150)
    expect(messageOf(() => stability.judge(100))).toEqual([])
    change('leader', 160)
    expect(messageOf(() => stability.judge(100))).toEqual([
      'L2: 1 elections since 100 ms, though nothing changed: n1 in term 2 at 160 ms',
    ])
  })
})

describe('L3', () => {
  it('is that all have applied what one knows to be committed', () => {
    const at = (appliedIndex: number) => ({ term: 1, commitIndex: appliedIndex, appliedIndex })
    const behind = world(0, { n1: at(7), n2: at(5), n3: {} })
    expect(commitOf(behind, ['n1', 'n2', 'n3'])).toBe(7)
    expect(isCaughtUp(behind, ['n1', 'n2'], 5)).toBe(true)
    expect(isCaughtUp(behind, ['n1', 'n3'], 5)).toBe(false)
    expect(messageOf(() => judgeCaughtUp(behind, ['n1', 'n2'], 5))).toEqual([])
    expect(messageOf(() => judgeCaughtUp(behind, ['n1', 'n2'], 6))).toEqual([
      expect.stringMatching(/^L3: not at index 6: n2, .*applied 5/),
    ])
  })
})

describe('L4', () => {
  it('is that something is decided soon', () => {
    const core = ['n1']
    const judged = (now: number, decided: number) =>
      messageOf(() => judgeProgress(world(now, { n1: {} }), core, { since: 0, decided }))
    expect(progressBoundMs(world(0, { n1: {} }), core)).toBe(5_000)
    expect(judged(4_999, 0)).toEqual([])
    expect(judged(5_000, 1)).toEqual([])
    expect(judged(5_000, 0)).toHaveLength(1)
  })

  it('is that calls end', () => {
    const story = new Story()
    const call: Call = story.begin(putRequest('a', v1))
    const judged = (now: number) => messageOf(() => judgeResolved(story.calls, now, () => 1_000))
    expect(judged(1_750)).toEqual([])
    expect(judged(1_751)).toEqual([expect.stringContaining('call 1 (put by c1) is open for 1751')])
    call.abandoned = true
    expect(judged(1_751)).toEqual([])
  })
})

describe('L5', () => {
  const node = new FakeNode('n1', ['n1', 'n2'])
  node.caps({
    raft: {
      messageBytesMax: 10,
      uncommittedEntriesMax: 4,
      readsMax: 4,
      applyBytesMax: 10,
      logBytesMax: 100,
      unstableBytesMax: 100,
    },
  })

  const entries = (...bytes: readonly number[]): Entry[] =>
    bytes.map((length, i) => ({
      index: i + 1,
      term: 1,
      kind: 'commands',
      data: new Uint8Array(length),
    }))

  function sampled(status: Partial<RaftStatus>, committed: readonly Entry[] = []): string[] {
    const caps = new Caps({ now: 0 })
    node.shows(status)
    const ready = {
      entries: [],
      messages: [],
      messagesAfterPersist: [],
      committedEntries: committed,
      fetches: [],
      readStates: [],
      snapshotsWanted: [],
      mustSync: false,
    }
    return messageOf(() => {
      for (let i = 0; i < 64; i++) caps.onReady(node, ready)
    })
  }

  it('is what piles up in a core', () => {
    expect(sampled({ uncommittedEntries: 4, readsOutstanding: 4, logBytes: 200 })).toEqual([])
    expect(sampled({ uncommittedEntries: 5 })).toEqual(['L5: n1: 5 uncommitted entries, 4 allowed'])
    expect(sampled({ readsOutstanding: 5 })).toHaveLength(1)
    expect(sampled({ logBytes: 275 })).toHaveLength(1)
    expect(sampled({}, entries(5, 5))).toEqual([])
    expect(sampled({}, entries(50))).toEqual([])
    expect(sampled({}, entries(5, 6))).toEqual(['L5: n1: 11 bytes to apply, 10 allowed'])
  })

  it('is what one message carries', () => {
    const sent = (...bytes: readonly number[]): string[] => {
      const header = { from: 'n1', to: 'n2', term: 1, leaderCommit: 0 }
      const prevLog = { term: 0, index: 0 }
      const message: Message = {
        type: 'appendEntries',
        ...header,
        prevLog,
        entries: entries(...bytes),
      }
      return messageOf(() => new Caps({ now: 0 }).onSend(node, message))
    }
    expect(sent(4, 6)).toEqual([])
    expect(sent(40)).toEqual([])
    expect(sent(5, 6)).toEqual(['L5: n1: 11 bytes of one message, 10 allowed'])
  })
})
