/**
 * What is at risk in a cluster now, judged from what its nodes say of themselves.
 *
 * A pure function: the statuses and a time in, findings out. What only time can tell (a disk that
 * gets slower, a lag that grows) is for metrics; this is the look that a person takes before and
 * after work on a cluster.
 */
import type { ClusterView, MemberStatus } from '../../cluster/index.ts'
import { grouped } from '../table.ts'
import { clusterFinding } from './finding.ts'
import type { Diagnosis, Finding, Quorum, Severity } from './finding.ts'
import { memberFindings, shapeFindings, versionFindings } from './members.ts'
import { nodeFindings, timeFindings } from './nodes.ts'

const ranks: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, note: 2 }

/** Judges a view in which at least one node answered. `now`: this machine's ms since 1970. */
export function diagnose(view: ClusterView, now: number): Diagnosis {
  const voters = votersOf(view)
  const quorum = quorumOf(view, voters)
  const findings = [
    ...identityFindings(view),
    ...quorumFindings(view, quorum),
    ...view.nodes.flatMap((node) => nodeFindings(view, node)),
    ...memberFindings(view),
    ...shapeFindings(voters),
    ...timeFindings(view, now),
    ...versionFindings(view),
  ]
  return { quorum, findings: findings.toSorted((a, b) => ranks[a.severity] - ranks[b.severity]) }
}

/** The members with a vote. Nodes of before there were learners do not tell: all of them vote. */
function votersOf(view: ClusterView): readonly MemberStatus[] {
  return view.members.filter((member) => member.voter)
}

function quorumOf(view: ClusterView, voters: readonly MemberStatus[]): Quorum {
  const sound = voters.filter((voter) => isSound(view, voter.id)).length
  const needed = Math.floor(voters.length / 2) + 1
  return { voters: voters.length, sound, needed, mayFail: sound - needed }
}

/** Whether a voter can be counted on: it answers, and waits for nothing before it takes part. */
function isSound(view: ClusterView, id: string): boolean {
  const status = view.nodes.find((node) => node.id === id)?.status
  return status !== undefined && (status.waitsFor === undefined || status.waitsFor === '')
}

/** Nodes that answer and do not belong together: nothing else can be judged then. */
function identityFindings(view: ClusterView): Finding[] {
  const statuses = view.nodes.flatMap(({ status }) => (status === undefined ? [] : [status]))
  const clusters = distinct(statuses.map((status) => status.clusterId))
  if (clusters.length > 1) {
    const finding = clusterFinding('critical', 'two-clusters', [
      `the endpoints belong to ${clusters.length} clusters: ${clusters.join(', ')}`,
      'a port has passed to a node of another cluster, or -e names two clusters',
      'quorate status -o json -e <one endpoint> tells whose each is',
    ])
    return [finding]
  }
  const histories = distinct(statuses.map((status) => status.historyId))
  if (histories.length > 1) {
    const finding = clusterFinding('critical', 'two-histories', [
      `the nodes are in ${histories.length} histories: ${histories.join(', ')}`,
      'one of them was restored from another snapshot than the rest: revisions mean different things',
      'stop the odd one, and add a new node in its place: quorate member replace',
    ])
    return [finding]
  }
  return divergence(view)
}

/** The same entries lead to the same revision on every node, always. */
function divergence(view: ClusterView): Finding[] {
  const revisions = new Map<number, Map<number, string>>()
  for (const { id, status } of view.nodes) {
    if (status === undefined) continue
    const at = revisions.get(status.appliedIndex) ?? new Map<number, string>()
    at.set(status.revision, id ?? status.id)
    revisions.set(status.appliedIndex, at)
  }
  return [...revisions].flatMap(([index, found]) => {
    if (found.size < 2) return []
    const each = [...found].map(([revision, id]) => `${id} has revision ${grouped(revision)}`)
    const finding = clusterFinding('critical', 'diverged', [
      `at index ${grouped(index)} ${each.join(', ')}`,
      'the same log gave different states: one of them is damaged, or quorate has a bug',
      'quorate digest tells which; keep the log and the data directory of each: they show the bug',
    ])
    return [finding]
  })
}

function quorumFindings(view: ClusterView, quorum: Quorum): Finding[] {
  const { voters, sound, needed, mayFail } = quorum
  if (voters === 0) return []
  const of = `${sound} of ${voters} voters can be counted on, ${needed} are needed`
  if (mayFail < 0) {
    const finding = clusterFinding('critical', 'no-quorum', [
      of,
      'nothing can be written, and reads are served with --consistency stale alone',
      'start the missing nodes; if they are lost for good: docs/operations.md, lose a majority',
    ])
    return [finding]
  }
  if (view.leader === undefined) {
    const finding = clusterFinding('critical', 'no-leader', [
      'no node leads',
      'an election is under way, or the nodes do not reach each other',
      'run quorate doctor again in a second; then check the network between the peer addresses',
    ])
    return [finding]
  }
  if (mayFail === 0 && sound < voters) {
    const finding = clusterFinding('critical', 'no-margin', [
      of,
      'one more failure stops the cluster',
      'bring the missing voters back, or put others in their place: quorate member replace',
    ])
    return [finding]
  }
  return []
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)].toSorted()
}
