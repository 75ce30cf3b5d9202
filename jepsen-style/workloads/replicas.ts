/** The check that belongs to every workload: in the end, all nodes hold the same state. */
import type { CheckResult, FinalState } from './workload.ts'

/**
 * Compares the digests of the nodes. Fewer than two of them prove nothing, and fewer than
 * `nodes` leave some node in doubt: the result is then `unknown`, unless those that are there
 * differ already.
 */
export function checkReplicas(final: FinalState, nodes: number): CheckResult {
  const name = 'replicas-equal'
  const answered = Object.entries(final.digests)
  const figures = { nodes, answered: answered.length }
  const groups = new Map<string, string[]>()
  for (const [node, digest] of answered) {
    groups.set(digest, [...(groups.get(digest) ?? []), node])
  }
  if (groups.size > 1) {
    const parts = [...groups.values()].map((group) => group.join(', '))
    const text = `Nodes hold different states at the same point of the log: ${parts.join(' | ')}.`
    return { name, verdict: 'violation', text, figures }
  }
  if (answered.length < nodes || nodes === 0) {
    const text = `Only ${answered.length} of ${nodes} nodes told the digest of their state.`
    return { name, verdict: 'unknown', text, figures }
  }
  return { name, verdict: 'ok', text: `All ${nodes} nodes hold the same state.`, figures }
}
