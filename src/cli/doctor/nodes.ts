/** What is at risk with single nodes, and between them. See `diagnose.ts`. */
import type { ClusterView, NodeView } from '../../cluster/index.ts'
import { byteSize, grouped } from '../table.ts'
import { clusterFinding, nodeFinding, type Finding } from './finding.ts'

/** Statuses are not asked in the same instant: a node under load is always a little behind. */
const lagAtRisk = 10_000
/** Less than this does not last a busy evening. */
const freeBytesLow = 2 ** 30
/** Clocks of machines that are kept in step differ by far less. */
const clockSpreadMs = 60_000
/** Even a cluster that nobody writes to stamps an entry each hour, unless that is switched off. */
const clockBehindMs = 86_400_000

type Status = NonNullable<NodeView['status']>

/** All that is to be said of one node. */
export function nodeFindings(view: ClusterView, node: NodeView): Finding[] {
  const { status } = node
  // One that was removed may be away for good.
  if (status === undefined) return node.member === 'none' ? [] : [unreachable(node)]
  return [
    ...waitFindings(node, status),
    ...repairFindings(status),
    ...lagFindings(view, node, status),
    ...diskFindings(status),
    ...linkFindings(view, status),
    ...remarkFindings(status),
  ]
}

function unreachable(node: NodeView): Finding {
  const name = node.id ?? node.clientAddress
  const why =
    node.process === 'stopped'
      ? 'its process is not running'
      : (node.error?.message ?? 'it did not answer')
  const local = node.process !== undefined
  return nodeFinding('warning', 'unreachable', node.id, [
    `${name} does not answer: ${why}`,
    node.member === 'learner'
      ? 'it is a learner: nothing depends on it, and it falls behind'
      : 'the others carry its share; how many more may fail is said above',
    local
      ? `quorate cluster restart ${name}`
      : `look at ${name}: is it up, and does its log say why not`,
  ])
}

function waitFindings({ member }: NodeView, status: Status): Finding[] {
  const { id, waitsFor, stateMissing } = status
  // Of one that was not added yet it is said elsewhere what it waits for.
  if (member === 'none') return []
  if (waitsFor !== undefined && waitsFor !== '') {
    const finding = nodeFinding('warning', 'waiting', id, [
      `${id} waits for ${waitsFor}`,
      'until then it cannot be counted on',
      'quorate status shows when it is over; no command is needed if it goes on',
    ])
    return [finding]
  }
  if (!stateMissing) return []
  const finding = nodeFinding('warning', 'state-missing', id, [
    `${id} is fetching its state from the leader`,
    'its state was lost, damaged or too old; it votes, and serves no reads until it has it',
    'quorate status shows when it is over; no command is needed if it goes on',
  ])
  return [finding]
}

function repairFindings({ id, counters }: Status): Finding[] {
  const repaired = counters['repaired'] ?? 0
  if (repaired === 0) return []
  const finding = nodeFinding('warning', 'repaired', id, [
    `${id} has repaired its data ${repaired === 1 ? 'once' : `${grouped(repaired)} times`}`,
    'what it read was not what it had written: its disk or its memory is failing',
    `check the disk of ${id}; if it comes again, quorate member replace`,
  ])
  return [finding]
}

function lagFindings(view: ClusterView, node: NodeView, { id }: Status): Finding[] {
  const peer = view.members.find((member) => member.id === id)
  if (peer?.state === 'snapshot') {
    const finding = nodeFinding('warning', 'snapshot', id, [
      `${id} is so far behind that it needs a snapshot`,
      'the log that it missed is compacted; it gets the whole state instead, and the log after it',
      'quorate member list shows how far it is',
    ])
    return [finding]
  }
  const { lag = 0 } = node
  if (lag <= lagAtRisk) return []
  const finding = nodeFinding('warning', 'lagging', id, [
    `${id} is ${grouped(lag)} entries behind`,
    'if it falls further behind it needs a snapshot; as a leader it would first have to catch up',
    `quorate doctor again in a minute; if it grows, look at the disk and the network of ${id}`,
  ])
  return [finding]
}

function diskFindings({ id, diskFull, freeBytes }: Status): Finding[] {
  const free = freeBytes === undefined ? 'too little' : byteSize(freeBytes)
  if (diskFull) {
    const finding = nodeFinding('critical', 'disk-full', id, [
      `${id} is below its floor of free space: ${free} is free`,
      'it takes no writes; while it leads, nobody can write',
      `make room on the disk of ${id}: it serves again by itself`,
    ])
    return [finding]
  }
  if (freeBytes === undefined || freeBytes >= freeBytesLow) return []
  const finding = nodeFinding('warning', 'disk-space', id, [
    `${free} is free on the disk of ${id}`,
    'below the floor it takes no writes',
    `make room on the disk of ${id}, or move it: quorate member replace`,
  ])
  return [finding]
}

/** A node that answers us and not another one: a firewall, a wrong address, or a refusal. */
function linkFindings(view: ClusterView, status: Status): Finding[] {
  return status.members.flatMap((member) => {
    const answers = view.nodes.some((node) => node.id === member.id && node.status !== undefined)
    if (member.id === status.id || member.connected || !answers) return []
    const finding = nodeFinding('warning', 'cut-off', status.id, [
      `${status.id} has no link to ${member.id} at ${member.peerAddress}`,
      'both are up: one of them is refused, or dialled at a wrong address, or behind a firewall',
      'quorate status tells of refusals; check the peer addresses of both',
    ])
    return [finding]
  })
}

/** What a node says of itself, unless it was told already in other words. */
function remarkFindings({ id, ready, reasons, diskFull, waitsFor }: Status): Finding[] {
  if (diskFull || (waitsFor !== undefined && waitsFor !== '')) return []
  if (ready && reasons.length === 0) return []
  const said = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`
  const finding = nodeFinding('warning', ready ? 'remark' : 'not-ready', id, [
    ready ? `${id} says${said}` : `${id} is not ready${said}`,
    ready
      ? 'it serves, and a person should know of this'
      : 'it could not serve a linearizable read just now',
    'quorate status; then the log of the node',
  ])
  return [finding]
}

/**
 * Cluster time is in the log, so that nodes differ by what they have not applied; it runs ahead of
 * this machine's clock only if a leader's clock does, or did, and far behind it where it stood still.
 */
export function timeFindings(view: ClusterView, now: number): Finding[] {
  const statuses = view.nodes
    .flatMap(({ status }) => (status === undefined ? [] : [status]))
    // A node that has applied nothing knows no time.
    .filter(({ clusterTime }) => clusterTime > 0)
  const newest = statuses.toSorted((a, b) => b.clusterTime - a.clusterTime)[0]
  const oldest = statuses.toSorted((a, b) => a.clusterTime - b.clusterTime)[0]
  if (newest === undefined || oldest === undefined) return []
  const findings: Finding[] = []
  const spread = newest.clusterTime - oldest.clusterTime
  if (spread > clockSpreadMs) {
    const finding = clusterFinding('warning', 'clock-spread', [
      `${oldest.id} is ${seconds(spread)} behind ${newest.id} in cluster time`,
      'its stale reads are that old; it has not applied what was written since',
      `look at the disk and the network of ${oldest.id}`,
    ])
    findings.push(finding)
  }
  const ahead = newest.clusterTime - now
  if (ahead > clockSpreadMs) {
    const finding = clusterFinding('warning', 'clock-ahead', [
      `cluster time is ${seconds(ahead)} ahead of this machine's clock`,
      'the clock of a leader is or was ahead, or this one is behind; tokens and sessions age by it',
      "check the clocks of the nodes' machines and of this one",
    ])
    findings.push(finding)
  }
  if (-ahead > clockBehindMs) {
    const finding = clusterFinding('warning', 'clock-behind', [
      `cluster time is ${seconds(-ahead)} behind this machine's clock`,
      'the cluster was down, or made from an old backup, or this clock is ahead: it gains a day a ' +
        'day, and a --token-time of a right clock is refused while it is over 7 days ahead',
      'leave --token-time out, or use --once; docs/backup.md, cluster time, says what to expect',
    ])
    findings.push(finding)
  }
  return findings
}

function seconds(ms: number): string {
  return `${grouped(Math.round(ms / 1000))} s`
}
