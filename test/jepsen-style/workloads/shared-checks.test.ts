/** The checks that several workloads share: revisions, last writes, replicas, linearizability. */
import { describe, expect, test } from 'vitest'
import { checkLastWrites } from '../../../jepsen-style/workloads/last-writes.ts'
import { checkLinearizable } from '../../../jepsen-style/workloads/linearizability.ts'
import { checkReplicas } from '../../../jepsen-style/workloads/replicas.ts'
import { checkRevisions, type RevisionTold } from '../../../jepsen-style/workloads/revisions.ts'
import { made, type MadeHistory } from './make-history.ts'

const key = 'r0'

describe('revisions', () => {
  const told = (history: MadeHistory): readonly RevisionTold[] =>
    history.operations.flatMap((operation) => {
      const { revision, f } = operation
      return revision === undefined
        ? []
        : [{ operation, revision, kind: f === 'read' ? ('state' as const) : ('effect' as const) }]
    })
  const verdict = (history: MadeHistory) => checkRevisions(told(history)).verdict
  const write = (revision: number) => made().call('write', {}, 'ok', { revision })

  test('they rise in real time, and a read may see what there was', () => {
    const history = write(3).call('read', {}, 'ok', { revision: 3 })
    expect(verdict(history.call('write', {}, 'ok', { revision: 4 }))).toBe('ok')
    expect(verdict(made())).toBe('unknown')
  })

  test('a write at or below what was answered before, and a read below it', () => {
    expect(verdict(write(3).call('write', {}, 'ok', { revision: 2 }))).toBe('violation')
    expect(verdict(write(3).call('read', {}, 'ok', { revision: 2 }))).toBe('violation')
    const read = made().call('read', {}, 'ok', { revision: 3 })
    expect(verdict(read.call('write', {}, 'ok', { revision: 3 }))).toBe('violation')
  })

  test('concurrent calls may have any order, but never the same effect', () => {
    const concurrent = (first: number, second: number) =>
      made()
        .event(0, 'invoke', 'write')
        .event(1, 'invoke', 'write')
        .event(0, 'ok', 'write', { revision: first })
        .event(1, 'ok', 'write', { revision: second })
    expect(verdict(concurrent(4, 3))).toBe('ok')
    expect(verdict(concurrent(3, 3))).toBe('violation')
  })
})

describe('last writes', () => {
  const write = (history: MadeHistory, revision: number) =>
    history.call('write', { key, value: `v${revision}` }, 'ok', { revision })
  const remove = (history: MadeHistory, revision: number, existed = true) =>
    history.call('delete', { key }, 'ok', { value: existed, revision })
  const read = (history: MadeHistory, revision?: number) =>
    history.call('read', { key }, 'ok', {
      value: revision === undefined ? null : `v${revision}`,
      ...(revision !== undefined && { revision }),
    })
  const result = (history: MadeHistory) => checkLastWrites(history.operations)

  test('the last one is there, or one that replaced it', () => {
    expect(result(read(write(write(made(), 1), 2), 2))).toMatchObject({
      verdict: 'ok',
      figures: { acknowledged: 2, lost: 0 },
    })
    expect(result(read(write(made(), 1), 4)).verdict).toBe('ok')
    expect(result(read(remove(write(made(), 1), 2))).verdict).toBe('ok')
    expect(result(read(remove(write(made(), 2), 1, false), 2)).verdict).toBe('ok')
  })

  test('an older row, or none, and all acknowledged later is lost', () => {
    expect(result(read(write(write(write(made(), 1), 2), 3), 1))).toMatchObject({
      verdict: 'violation',
      key,
      figures: { acknowledged: 3, lost: 2 },
    })
    expect(result(read(write(made(), 1))).figures).toMatchObject({ lost: 1 })
    expect(result(read(remove(write(made(), 1), 2), 1)).figures).toMatchObject({ lost: 1 })
    expect(result(read(write(remove(write(made(), 1), 2), 3))).figures).toMatchObject({ lost: 1 })
  })

  test('an unknown delete excuses a missing row; without a read nobody knows', () => {
    const history = write(made(), 1)
    history.call('delete', { key }, 'info', {}, 7)
    expect(result(history)).toMatchObject({ verdict: 'unknown', figures: { unread: 1 } })
    expect(result(read(history)).verdict).toBe('ok')
  })
})

describe('replicas', () => {
  test('all must answer, and all the same', () => {
    expect(checkReplicas({ digests: { n1: 'a', n2: 'a', n3: 'a' } }, 3).verdict).toBe('ok')
    expect(checkReplicas({ digests: { n1: 'a', n2: 'b', n3: 'a' } }, 3).verdict).toBe('violation')
    expect(checkReplicas({ digests: { n1: 'a', n2: 'b' } }, 3).verdict).toBe('violation')
    expect(checkReplicas({ digests: { n1: 'a', n2: 'a' } }, 3).verdict).toBe('unknown')
    expect(checkReplicas({ digests: {} }, 0).verdict).toBe('unknown')
  })
})

describe('linearizable', () => {
  const write = (value: string, revision: number) =>
    made().call('write', { key, value }, 'ok', { revision })
  const read = (history: MadeHistory, value: string | null, revision?: number) =>
    history.call('read', { key }, 'ok', { value, ...(revision !== undefined && { revision }) })

  test('what the checker says becomes the result, with lines and key', async () => {
    expect(await checkLinearizable(read(write('a', 1), 'a', 1).events, 'quorate')).toMatchObject({
      verdict: 'ok',
      figures: { operations: 2, keys: 1 },
    })
    const stale = await checkLinearizable(read(write('a', 1), null).events, 'quorate')
    expect(stale).toMatchObject({ name: 'linearizable', verdict: 'violation', key })
    expect(stale.events).toEqual([0, 1, 2, 3])
    expect(stale.explanation?.orders.length).toBeGreaterThan(0)
  })

  test('a history that cannot be judged is unknown', async () => {
    const history = made().call('jump', { key }, 'ok')
    expect(await checkLinearizable(history.events, 'quorate')).toMatchObject({ verdict: 'unknown' })
  })
})
