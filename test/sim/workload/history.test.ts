/**
 * Goal: the history says who asked for what, when, and what they were told; each step is in the
 * trace, and listeners hear of it.
 * Method: calls by hand over a kernel whose time is moved by hand.
 */
import { describe, expect, test } from 'vitest'
import { Kernel } from '../kernel/kernel.ts'
import { Trace } from '../kernel/trace.ts'
import { History } from './history.ts'
import type { Outcome, Request } from './history.ts'

const put: Request = { kind: 'put', changes: [{ key: 'a/0', value: 'v1.0:4' }], token: 'tok1' }
const applied: Outcome = { type: 'written', verdict: 'applied', revision: 5 }
const failed: Outcome = { type: 'failed', code: 'X', outcome: 'unknown', attempts: 2 }
const requests: readonly Request[] = [
  put,
  { kind: 'get', keys: ['a/0'], consistency: 'stale', method: 'entry' },
  { kind: 'scan', prefix: '', reverse: true, limit: 4, consistency: 'linearizable' },
  { kind: 'verdict', token: 'tok1', fence: true, consistency: 'linearizable' },
  { kind: 'setting', name: 'tokensMax', value: 9 },
]
const outcomes: readonly Outcome[] = [
  applied,
  { type: 'written', verdict: 'applied', revision: 6 },
  { type: 'written', verdict: 'duplicate', revision: 5 },
  { type: 'read', rows: [undefined], readRevision: undefined },
  { type: 'read', rows: [{ key: 'a/0', value: 'v1.0:4', revision: 5 }], readRevision: 7 },
  { type: 'token', state: 'absent', fenced: true, horizon: 1 },
  { type: 'done' },
  failed,
  { ...failed, outcome: 'not-applied' },
]

function made() {
  const lines: string[] = []
  const kernel = new Kernel(new Trace((line) => lines.push(line)))
  return { kernel, lines, history: new History(kernel) }
}

describe('a history', () => {
  test('names calls in their order and keeps their times', () => {
    const { kernel, history } = made()
    const first = history.begin({ client: 'c1', connection: 3 }, put)
    kernel.runTo(25)
    const second = history.begin({ client: 'c2', pinnedTo: 'n1:7101' }, put)
    history.end(first, applied)
    expect(first).toMatchObject({ id: 1, client: 'c1', connection: 3, invokedAt: 0 })
    expect(first).toMatchObject({ returnedAt: 25, outcome: applied })
    expect(second).toMatchObject({ id: 2, pinnedTo: 'n1:7101', invokedAt: 25, outcome: undefined })
    expect(history.nextId).toBe(3)
    expect(history.open()).toEqual([second])
  })

  test('counts what was acknowledged, asked and told', () => {
    const { history } = made()
    for (const outcome of outcomes) history.end(history.begin({ client: 'c' }, put), outcome)
    history.begin({ client: 'c' }, { kind: 'setting', name: 'x', value: 1 })
    const { calls, acked, byKind, byOutcome } = history.figures
    expect([calls, acked]).toEqual([outcomes.length + 1, 2])
    expect([...byKind]).toEqual([
      ['put', outcomes.length],
      ['setting', 1],
    ])
    expect(byOutcome.get('applied')).toBe(2)
    expect(byOutcome.get('duplicate')).toBe(1)
    expect(byOutcome.get('X unknown')).toBe(1)
    expect(byOutcome.get('X not-applied')).toBe(1)
  })

  test('leaves the calls of a killed client open, and nobody waits for them', () => {
    const { history } = made()
    const call = history.begin({ client: 'c' }, put)
    history.abandon(call)
    expect(history.open()).toEqual([])
    expect(call).toMatchObject({ abandoned: true, outcome: undefined })
    expect(() => history.end(call, applied)).toThrow(/after its client/)
  })

  test('refuses a second end', () => {
    const { history } = made()
    const call = history.begin({ client: 'c' }, put)
    history.end(call, applied)
    history.abandon(call)
    expect(call.abandoned).toBeUndefined()
    expect(() => history.end(call, applied)).toThrow(/twice/)
  })

  test('tells listeners, whose violations come through', () => {
    const { history } = made()
    const heard: string[] = []
    history.listen({ onCall: ({ id }) => heard.push(`call ${id}`) })
    history.listen({
      onReturn: ({ id }, outcome) => {
        heard.push(`return ${id} ${outcome.type}`)
        if (outcome.type === 'failed') throw new Error('no')
      },
    })
    const call = history.begin({ client: 'c' }, put)
    history.end(call, applied)
    expect(heard).toEqual(['call 1', 'return 1 written'])
    const second = history.begin({ client: 'c' }, put)
    expect(() => history.end(second, failed)).toThrow('no')
  })

  test('puts every difference into the trace', () => {
    const hashes = new Set<string>()
    let count = 0
    for (const request of requests) {
      for (const outcome of outcomes) {
        const { kernel, history, lines } = made()
        history.end(history.begin({ client: 'c' }, request), outcome)
        expect(lines.map((line) => line.trim().split(' ')[1])).toEqual(['call', 'return'])
        hashes.add(kernel.trace.hash)
        count++
      }
    }
    expect(hashes.size).toBe(count)
  })
})
