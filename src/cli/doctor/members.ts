/** What is at risk by who takes part: learners, numbers, places, versions. See `diagnose.ts`. */
import type { ClusterView, MemberStatus } from '../../cluster/index.ts'
import { grouped } from '../table.ts'
import { clusterFinding, nodeFinding, type Finding } from './finding.ts'

/** Learners, and nodes that run and take no part. */
export function memberFindings(view: ClusterView): Finding[] {
  const learners = view.members
    .filter((member) => !member.voter)
    .map((member) => {
      const { id, close, matchIndex } = member
      if (close === true) {
        return nodeFinding('warning', 'learner', id, [
          `${id} is a learner and has caught up`,
          'it has no vote, so it does not help the cluster to survive a failure',
          `quorate member promote ${id}, unless it is to stay a learner`,
        ])
      }
      const at = matchIndex === undefined ? '' : ` (it has entries up to ${grouped(matchIndex)})`
      return nodeFinding('note', 'catching-up', id, [
        `${id} is a learner and has not caught up${at}`,
        'it gets its vote once it is close, unless it was added to stay a learner',
        'quorate member list shows how far it is',
      ])
    })
  const outside = view.nodes
    .filter((node) => node.member === 'none' && node.status !== undefined)
    .map((node) => {
      const name = node.id ?? node.clientAddress
      // Who was never let in was never told of anybody.
      const isNew = node.status?.members.length === 0
      return nodeFinding('warning', 'no-member', node.id, [
        `${name} runs and is no member`,
        isNew
          ? 'it waits to be let in, and nothing depends on it'
          : 'it was a member and was removed: what it still answers is old',
        isNew
          ? `quorate member add ${node.id ?? '<id>'} ${node.peerAddress ?? '<address>'}, ` +
            'or stop it and remove its directory'
          : `stop ${name} and remove its directory: its name may not be used again`,
      ])
    })
  return [...learners, ...outside]
}

/** What the number of voters and their places make of the next failure. */
export function shapeFindings(voters: readonly MemberStatus[]): Finding[] {
  const findings: Finding[] = []
  const count = voters.length
  if (count === 1 || count === 2) {
    const finding = clusterFinding('warning', 'few-voters', [
      count === 1 ? 'there is one voter' : 'there are two voters',
      count === 1
        ? 'if it fails nothing is served, and if its disk is lost so is every record'
        : 'if either of them fails nothing can be written, and neither can be repaired by the other',
      'quorate member add, until there are three',
    ])
    findings.push(finding)
  } else if (count > 0 && count % 2 === 0) {
    const finding = clusterFinding('warning', 'even-voters', [
      `there are ${count} voters`,
      `they survive no more failures than ${count - 1} would, and one more of them can fail`,
      'quorate member add one more, or quorate member remove one',
    ])
    findings.push(finding)
  }
  const needed = Math.floor(count / 2) + 1
  for (const [host, ids] of byHost(voters)) {
    if (ids.length < 2) continue
    const stops = count - ids.length < needed
    const finding = clusterFinding('warning', 'one-host', [
      `${ids.join(', ')} are on one host, ${host}`,
      stops
        ? 'if that host fails, the cluster stops'
        : 'if that host fails, they all do at once, and little is left to lose',
      'put each voter on a host of its own: quorate member replace',
    ])
    findings.push(finding)
  }
  return findings
}

function byHost(voters: readonly MemberStatus[]): Map<string, string[]> {
  const hosts = new Map<string, string[]>()
  for (const { id, peerAddress } of voters) {
    const host = peerAddress.slice(0, peerAddress.lastIndexOf(':'))
    hosts.set(host, [...(hosts.get(host) ?? []), id])
  }
  return hosts
}

/** Nodes of several versions. */
export function versionFindings(view: ClusterView): Finding[] {
  const byVersion = new Map<string, string[]>()
  for (const { status } of view.nodes) {
    if (status === undefined) continue
    byVersion.set(status.version, [...(byVersion.get(status.version) ?? []), status.id])
  }
  if (byVersion.size < 2) return []
  const each = [...byVersion].map(([version, ids]) => `${version} on ${ids.join(', ')}`)
  const finding = clusterFinding('warning', 'versions', [
    `the nodes have different versions: ${each.join('; ')}`,
    'an upgrade is not finished; what is new in the newer version may not be used yet',
    'upgrade the others, one at a time: docs/operations.md, rolling upgrade',
  ])
  return [finding]
}
