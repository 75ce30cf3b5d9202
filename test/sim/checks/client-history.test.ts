/**
 * Goal: S9 objects to answers that no state within the window of their call gives, and to nothing
 * else. Method: small histories, each right, and made wrong in one place.
 */
import { describe, expect, it } from 'vitest'
import { callTag } from '../workload/values.ts'
import {
  batchOf,
  del,
  failedWith,
  get,
  putRequest,
  putTag,
  readOf,
  scanAll,
  staleGet,
  start,
  Story,
  writtenAt,
} from './client-fakes.ts'

const [v1, v2, v3] = [1, 2, 3].map((call) => callTag(call, 0, 20)) as [string, string, string]

/** Calls 1 to n write `a`, one after the other, each alone in its entry. */
function written(n: number): Story {
  const story = new Story()
  for (const tag of [v1, v2, v3].slice(0, n)) {
    const call = story.begin(putRequest('a', tag))
    const [answer] = story.commit(story.write(1, putTag('a', tag)))
    story.end(call, writtenAt(answer?.status === 'applied' ? answer.revision : 0))
  }
  return story
}

describe('reads', () => {
  it('see what was acknowledged before they began', () => {
    const story = written(2)
    story.told(get('a'), readOf([['a', v2, 0]]))
    expect(story.found()).toEqual([])
    const old = written(2)
    old.told(get('a'), readOf([['a', v1, 0]]))
    expect(old.found()).toEqual([
      `S9: call 3 (get by c1) read a = ${v1}: so it is at no index from 2 to 2, but at 1; ` +
        'call 2 (put by c1), which ended before, stood later',
    ])
  })

  it('may see what was committed while they were under way, and nothing later', () => {
    const story = written(1)
    const [read, early] = [story.begin(get('a')), story.begin(get('a'))]
    const put = story.begin(putRequest('a', callTag(4, 0, 20)))
    story.end(early, readOf([['a', callTag(4, 0, 20), 0]]))
    story.commit(story.write(1, putTag('a', callTag(4, 0, 20))))
    story.end(read, readOf([['a', callTag(4, 0, 20), 0]]))
    story.end(put, writtenAt(2))
    // It says what was committed only after it had ended.
    expect(story.found()).toEqual([
      expect.stringMatching(/^S9: call 3 .* at no index from 1 to 1,/),
    ])
  })

  it('of several keys are of one moment', () => {
    const mixed = (rows: Parameters<typeof readOf>[0]): string[] => {
      const story = new Story()
      const read = story.begin(get('a', 'b'))
      const puts = ['a', 'b'].map((key, i) => {
        const tag = callTag(i + 2, 0, 20)
        const call = story.begin(putRequest(key, tag))
        story.commit(story.write(1, putTag(key, tag)))
        return call
      })
      puts.forEach((call, i) => story.end(call, writtenAt(i + 1)))
      story.end(read, readOf(rows))
      return story.found()
    }
    const [a, b] = [2, 3].map((call) => callTag(call, 0, 20)) as [string, string]
    expect(mixed([undefined, undefined])).toEqual([])
    expect(mixed([['a', a, 0], undefined])).toEqual([])
    expect(
      mixed([
        ['a', a, 0],
        ['b', b, 0],
      ]),
    ).toEqual([])
    expect(mixed([undefined, ['b', b, 0]])).toEqual([expect.stringContaining('S9: call 1')])
  })

  it('tell the revision at which they were made', () => {
    for (const [revision, readRevision] of [
      [2, 2],
      [1, 2],
      [2, 1],
      [2, 3],
    ] as const) {
      const story = written(2)
      story.told(get('a'), readOf([['a', v2, revision]], readRevision))
      const right = revision === 2 && readRevision === 2
      expect(story.found()).toEqual(right ? [] : [expect.stringContaining('S9: call 3')])
    }
  })

  it('never see the middle of an entry', () => {
    const story = new Story()
    const calls = [story.begin(putRequest('a', v1)), story.begin(putRequest('a', v2))]
    const read = story.begin(get('a'))
    story.commit(story.write(1, putTag('a', v1)), story.write(1, putTag('a', v2)))
    calls.forEach((call, i) => story.end(call, writtenAt(i + 1)))
    story.end(read, readOf([['a', v1, 0]]))
    expect(story.found()).toEqual([expect.stringContaining('S9: call 3')])
  })

  it('that are stale may be old, but not of the future', () => {
    const story = written(2)
    story.told(staleGet('a'), readOf([undefined]))
    story.told(staleGet('a'), readOf([['a', v1, 0]]))
    expect(story.found()).toEqual([])
    const early = written(2)
    const read = early.begin(staleGet('a'))
    early.end(read, readOf([['a', callTag(4, 0, 20), 0]]))
    early.begin(putRequest('a', callTag(4, 0, 20)))
    early.commit(early.write(1, putTag('a', callTag(4, 0, 20))))
    expect(early.found()).toEqual([expect.stringContaining('S9: call 3')])
  })

  it('of one node never go back while it lives', () => {
    const pinned = (restart: boolean, endpoint: string): string[] => {
      const story = written(2)
      story.told(staleGet('a'), readOf([['a', v2, 0]]), 1, 'n1:7101')
      if (restart) story.nodes[0]!.lives++
      story.told(staleGet('a'), readOf([['a', v1, 0]]), 2, endpoint)
      return story.found()
    }
    expect(pinned(false, 'n1:7101')).toEqual([expect.stringContaining('S9: call 4')])
    expect(pinned(true, 'n1:7101')).toEqual([])
    expect(pinned(false, 'n2:7101')).toEqual([])
    // A read that spans a restart may have been answered after it.
    const story = written(2)
    story.told(staleGet('a'), readOf([['a', v2, 0]]), 1, 'n1:7101')
    const spanning = story.begin(staleGet('a'), 1, 'n1:7101')
    story.nodes[0]!.lives++
    story.end(spanning, readOf([['a', v1, 0]]))
    expect(story.found()).toEqual([])
  })
})

describe('scans', () => {
  const all: [string, string, number][] = [
    ['a', v1, 1],
    ['b', v2, 2],
  ]

  function scanned(rows: typeof all, readRevision: number, options = {}): string[] {
    const story = new Story()
    for (const [i, key] of ['a', 'b'].entries()) {
      const tag = callTag(i + 1, 0, 20)
      const call = story.begin(putRequest(key, tag))
      story.commit(story.write(1, putTag(key, tag)))
      story.end(call, writtenAt(i + 1))
    }
    story.told({ ...scanAll, ...options }, readOf(rows, readRevision))
    return story.found()
  }

  it('have all rows of their revision, in order, up to the limit', () => {
    expect(scanned(all, 2)).toEqual([])
    expect(scanned(all.toReversed(), 2, { reverse: true })).toEqual([])
    expect(scanned(all.slice(0, 1), 2, { limit: 1 })).toEqual([])
    expect(scanned(all.slice(1), 2, { prefix: 'b' })).toEqual([])
    expect(scanned(all.slice(0, 1), 1, { consistency: 'stale' })).toEqual([])
  })

  it('have the rows within their bounds, and no others', () => {
    const wrong = expect.stringContaining('S9: call 3')
    const [a, b] = [all.slice(0, 1), all.slice(1)]
    const right = [
      [{ gte: 'a' }, all],
      [{ gt: 'a' }, b],
      [{ lte: 'b' }, all],
      [{ lt: 'b' }, a],
      [{ gt: 'a', lt: 'b' }, []],
      [{ gte: 'b', lte: 'a' }, []],
    ] as const
    for (const [bounds, rows] of right) {
      expect(scanned([...rows], 2, { bounds })).toEqual([])
      const others = rows.length === 1 ? all : a
      expect(scanned(others, 2, { bounds })).toContainEqual(wrong)
    }
  })

  it('of keys only have no values, and the same keys and revisions', () => {
    const keys = all.map(([key, , revision]): [string, string, number] => [key, '', revision])
    expect(scanned(keys, 2, { keysOnly: true })).toEqual([])
    const wrong = expect.stringContaining('S9: call 3')
    expect(scanned(keys, 2)).toContainEqual(wrong)
    expect(scanned(all, 2, { keysOnly: true })).toContainEqual(wrong)
    expect(scanned([['a', '', 1]], 2, { keysOnly: true })).toContainEqual(wrong)
    expect(
      scanned(
        [
          ['a', '', 1],
          ['b', '', 1],
        ],
        2,
        { keysOnly: true },
      ),
    ).toContainEqual(wrong)
  })

  it('miss nothing, add nothing, and mix no states', () => {
    const wrong = expect.stringContaining('S9: call 3')
    expect(scanned(all.slice(0, 1), 2)).toContainEqual(wrong)
    expect(scanned(all, 2, { prefix: 'b' })).toContainEqual(wrong)
    expect(scanned(all, 2, { limit: 1 })).toContainEqual(wrong)
    expect(scanned(all.toReversed(), 2)).toContainEqual(wrong)
    expect(scanned(all, 1)).toContainEqual(wrong)
    // Of the state before the last acknowledged write.
    expect(scanned(all.slice(0, 1), 1)).toContainEqual(wrong)
  })
})

describe('the future', () => {
  it('is not seen by a scan, nor told to a write', () => {
    const story = new Story()
    story.told(scanAll, readOf([['a', callTag(2, 0, 20), 1]], 1))
    const call = story.begin(putRequest('a', callTag(2, 0, 20)))
    story.end(call, writtenAt(1))
    story.commit(story.write(1, putTag('a', callTag(2, 0, 20))))
    expect(story.found()).toContainEqual(expect.stringContaining('S9: call 1'))
    const late = new Story()
    late.end(late.begin(putRequest('a', v1)), writtenAt(1))
    late.commit(late.write(1, putTag('a', v1)))
    expect(late.found()).toContainEqual(expect.stringContaining('S9: call 1'))
  })
})

describe('writes', () => {
  it('are told what a copy of theirs was told', () => {
    const story = written(1)
    story.told(putRequest('a', v2), writtenAt(2))
    expect(story.found()).toContainEqual(
      'S9: call 2 (put by c1) was told applied at revision 2; in the log: no copy of it',
    )
  })

  it('are not told what another entry at their index was told', () => {
    const story = new Story()
    const [one, two] = [story.begin(putRequest('a', v1)), story.begin(putRequest('b', v2))]
    story.commit(story.write(1, putTag('a', v1)))
    story.commit(story.write(1, putTag('b', v2)))
    story.end(one, writtenAt(2))
    story.end(two, writtenAt(1))
    expect(story.found()).toContainEqual(
      'S9: call 1 (put by c1) was told applied at revision 2; ' +
        'in the log: applied at revision 1 (index 1)',
    )
  })

  it('do not take effect before they were asked for', () => {
    const story = new Story()
    story.commit(story.write(1, putTag('a', v1)))
    const call = story.begin(putRequest('a', v1))
    story.end(call, writtenAt(1))
    expect(story.found()).toContainEqual(expect.stringContaining('S9: call 1'))
  })

  it('in conflict are told with which revision', () => {
    for (const revision of [1, 7]) {
      const story = written(1)
      const request = { kind: 'put', changes: [{ key: 'a', value: v2, ifRevision: 9 }] } as const
      const call = story.begin(request)
      story.commit(story.write(1, putTag('a', v2, 9)))
      const failure = failedWith('QUORATE_CONFLICT', 'not-applied')
      story.end(call, { ...failure, operation: 0, revision } as typeof failure)
      expect(story.found().length).toBe(revision === 1 ? 0 : 1)
    }
  })
})

describe('verdicts', () => {
  const token = { kind: 'token', token: new TextEncoder().encode('tok1'), time: start } as const

  it('tell what is known of a token at their time', () => {
    const told = (state: 'absent' | 'recorded', revision: number): string[] => {
      const story = new Story()
      const tag = 't1#0.0:5'
      const call = story.begin(putRequest('a', tag, { token: 'tok1', tokenTime: start }))
      story.commit(story.write(1, putTag('a', tag), { identity: token }))
      story.end(call, writtenAt(1))
      const { horizon, payloadHash } = {
        horizon: story.replay.horizonAt(1),
        payloadHash: story.replay.tokens.get('tok1')?.[0]?.payloadHash ?? '',
      }
      const request = {
        kind: 'verdict',
        token: 'tok1',
        fence: false,
        consistency: 'linearizable',
      } as const
      story.told(
        request,
        state === 'absent'
          ? { type: 'token', state, horizon, fenced: false }
          : { type: 'token', state, revision, payloadHash },
      )
      return story.found()
    }
    expect(told('recorded', 1)).toEqual([])
    expect(told('recorded', 2)).toEqual([expect.stringContaining('S9: call 2')])
    expect(told('absent', 0)).toEqual([expect.stringContaining('S9: call 2')])
  })
})

describe('the replay', () => {
  it('knows rows, deletes and revisions of batches', () => {
    const story = new Story()
    story.noop()
    story.commit(story.write(1, batchOf(putTag('a', v1), putTag('b', v1.replace('.0', '.1')))))
    story.commit(story.write(1, del('a')), story.write(1, del('a')))
    story.commit(story.write(1, putTag('a', v2)))
    story.commit(story.write(1, batchOf(putTag('c', v3), del('d'), del('b'))))
    story.commit(story.write(1, batchOf(putTag('c', v3), del('b'))))
    const { replay } = story
    // There was none any more: nothing changed.
    expect(replay.rows.at('b', 5)).toEqual({ revision: 4, value: undefined })
    expect(replay.rows.at('a', 1)).toEqual({ revision: 1, value: v1 })
    expect(replay.rows.at('a', 2)).toEqual({ revision: 2, value: undefined })
    expect(replay.rows.all('', 3).map(({ key }) => key)).toEqual(['a', 'b'])
    expect([0, 1, 2, 3, 4].map((index) => replay.revisionAt(index))).toEqual([0, 0, 1, 2, 3])
    expect(replay.effects.map((effect) => effect?.index)).toEqual([undefined, 2, 3, 4, 5, 6])
    expect(replay.firstIndexOf(6)).toBeUndefined()
  })
})
