/** Records and histories that the report's tests draw. */
import type { HistoryEvent } from '../../../jepsen-style/history/event.ts'
import type { RunRecord } from '../../../jepsen-style/report/index.ts'

/** A record of a run in which all went well; `changes` replace its fields. */
export function recordOf(changes: Partial<RunRecord> = {}): RunRecord {
  return {
    schema: 1,
    version: '0.1.0',
    node: 'v20.19.0',
    startedAt: '2026-01-31T12:00:03.120Z',
    seed: 4711,
    nodes: 5,
    clients: 3,
    rate: 0,
    seconds: 10,
    workload: 'register',
    nemeses: ['kill', 'pause'],
    leftOut: [{ nemesis: 'disk-full', reason: 'needs root' }],
    backend: 'relay',
    faults: [
      {
        fault: 1,
        nemesis: 'kill',
        detail: 'SIGKILL of n3',
        begin: 1000,
        heal: 2500,
        seen: 'the process ended',
        firstSuccessMs: 321,
      },
      { fault: 2, nemesis: 'pause', detail: 'SIGSTOP of n1', begin: 4000, seen: 'state T' },
    ],
    availability: {
      calls: 1234,
      ok: 1200,
      failed: 30,
      unknown: 4,
      calmSuccessRate: 0.999999,
      rto: { p50: 21.5, p99: 321, max: 321 },
      acknowledged: 800,
      lost: 0,
    },
    checks: [
      {
        name: 'linearizable',
        verdict: 'ok',
        text: 'Every key has an order.',
        figures: { operations: 1234 },
      },
    ],
    verdict: 'ok',
    reasons: [],
    command: 'quorate chaos run --seed 4711',
    interrupted: false,
    ...changes,
  }
}

/** A line; `i` is filled in by `historyOf`. */
export type Line = Omit<HistoryEvent, 'i'>

/** Numbers the lines. */
export function historyOf(lines: readonly Line[]): readonly HistoryEvent[] {
  return lines.map((line, i) => ({ i, ...line }))
}

/** A stale read: 2 was written and acknowledged before the read of 1 began. */
export const staleRead = historyOf([
  { process: 0, type: 'invoke', f: 'write', value: 1, key: 'r1', time: 1 },
  { process: 0, type: 'ok', f: 'write', value: 1, key: 'r1', time: 3, revision: 11 },
  { process: 7, type: 'invoke', f: 'write', value: 9, key: 'other', time: 3.5 },
  { process: 0, type: 'invoke', f: 'write', value: 2, key: 'r1', time: 4 },
  { process: 2, type: 'invoke', f: 'write', value: 3, key: 'r1', time: 4.5 },
  { process: 0, type: 'ok', f: 'write', value: 2, key: 'r1', time: 6, revision: 12 },
  { process: 1, type: 'invoke', f: 'read', value: null, key: 'r1', time: 7 },
  { process: 2, type: 'info', f: 'write', value: 3, key: 'r1', time: 8, error: 'QUORATE_TIMEOUT' },
  { process: 1, type: 'ok', f: 'read', value: 1, key: 'r1', time: 9, revision: 11 },
])

/** The record to `staleRead`. */
export function violated(): RunRecord {
  return recordOf({
    verdict: 'violation',
    reasons: ['linearizable: key r1 has no order'],
    checks: [
      { name: 'digests', verdict: 'ok', text: 'All the same.' },
      {
        name: 'linearizable',
        verdict: 'violation',
        text: 'Process 1 read 1 after 2 had been acknowledged.',
        events: [0, 1, 3, 5, 6, 8],
        key: 'r1',
      },
    ],
  })
}
