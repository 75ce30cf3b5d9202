// Goal: where a cluster does not serve, the reason names the nodes that ended by themselves.
// Method: nodes that only tell how they are.
import { expect, test } from 'vitest'
import type { ClusterNode, NodeState } from '../../../jepsen-style/cluster/cluster.ts'
import { whyNotReady } from '../../../jepsen-style/run/not-ready.ts'

function node(id: string, state: NodeState, last?: string): ClusterNode {
  return {
    id,
    dataDirectory: '',
    logFile: '',
    state: () => state,
    pid: () => undefined,
    endings: () => ({ count: last === undefined ? 0 : 1, last }),
  }
}

test('names nodes that ended by themselves, and how', () => {
  const nodes = [node('n1', 'running'), node('n2', 'stopped', 'exit code 1'), node('n3', 'stopped')]
  expect(whyNotReady({ nodes }, 60_000, 'after all was healed')).toBe(
    'not every node served after all was healed: ended by itself: n2 (exit code 1), n3 (unknown how)',
  )
})

test('else tells how long it was waited for', () => {
  // What a fault killed before, and was started again, does not count.
  const nodes = [node('n1', 'running', 'SIGKILL'), node('n2', 'paused')]
  expect(whyNotReady({ nodes }, 60_000, 'before any fault')).toBe(
    'not every node served within 60 s before any fault',
  )
})
