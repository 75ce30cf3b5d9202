/** A cluster's status, as a table for people and as a document for programs. */
import type { ClusterView, NodeView } from '../cluster/index.ts'
import type { Paint } from './output.ts'
import { byteSize, grouped, renderTable, width, type Column } from './table.ts'

/** The document under `-o json`. */
export function statusDocument(view: ClusterView): object {
  return {
    schema: 1,
    clusterId: view.clusterId ?? null,
    leader: view.leader ?? null,
    term: view.term,
    nodes: view.nodes.map(nodeDocument),
  }
}

/** One node; what an unreachable one would have said is null. */
export function nodeDocument(node: NodeView): object {
  const { status } = node
  return {
    id: node.id ?? null,
    member: node.member ?? null,
    version: status?.version ?? null,
    pid: node.pid ?? null,
    clientAddress: node.clientAddress,
    peerAddress: node.peerAddress ?? null,
    incarnation: status?.incarnation ?? null,
    role: status?.role ?? null,
    term: status?.term ?? null,
    commitIndex: status?.commitIndex ?? null,
    appliedIndex: status?.appliedIndex ?? null,
    revision: status?.revision ?? null,
    lag: node.lag ?? null,
    baseIndex: status?.baseIndex ?? null,
    walBytes: status?.walBytes ?? null,
    freeBytes: status?.freeBytes ?? null,
    diskFull: status?.diskFull ?? false,
    waitsFor: status?.waitsFor ?? null,
    reachable: status !== undefined,
    ready: status?.ready ?? false,
    reasons: [...reasonsOf(node)],
  }
}

function reasonsOf(node: NodeView): readonly string[] {
  if (node.status !== undefined) return node.status.reasons
  if (node.member === 'none') return ['it is no member, and not running']
  if (node.process === 'stopped') return ['its process is not running']
  return [node.error?.message ?? 'it did not answer']
}

const columns: readonly Column[] = [
  { title: 'NODE' },
  { title: 'ROLE' },
  { title: 'READY' },
  { title: 'TERM', align: 'right' },
  { title: 'COMMIT', align: 'right' },
  { title: 'APPLIED', align: 'right' },
  { title: 'LAG', align: 'right' },
  { title: 'REVISION', align: 'right' },
  { title: 'WAL', align: 'right' },
  { title: 'BASE', align: 'right' },
  { title: 'CLIENTS' },
  { title: 'PEERS' },
  { title: 'PID', align: 'right' },
]

/** What a narrow terminal does without, in this order. */
const dispensable = ['PEERS', 'PID', 'BASE', 'WAL', 'COMMIT', 'CLIENTS']

/** The table's lines, with as many columns as fit. */
export function statusLines(view: ClusterView, paint: Paint, columnsMax: number): string[] {
  const rows = view.nodes.map((node) => row(node, paint))
  const left = [...dispensable]
  const dropped = new Set<string>()
  // A log that is whole begins at no base, and most clusters of a few minutes have such logs.
  if (view.nodes.every(({ status }) => (status?.baseIndex ?? 0) === 0)) dropped.add('BASE')
  for (;;) {
    const shown = columns.map((column) => !dropped.has(column.title))
    const lines = renderTable(
      columns.filter((_, i) => shown[i]),
      rows.map((cells) => cells.filter((_, i) => shown[i])),
      (title) => paint('faint', title),
    )
    const next = left.shift()
    if (next === undefined || lines.every((line) => width(line) < columnsMax)) return lines
    dropped.add(next)
  }
}

function row(node: NodeView, paint: Paint): string[] {
  const { status } = node
  const count = (value: number | undefined): string => (value === undefined ? '-' : grouped(value))
  return [
    paint('name', node.id ?? '?'),
    role(node, paint),
    status === undefined ? '-' : readiness(status.ready, paint),
    count(status?.term),
    count(status?.commitIndex),
    count(status?.appliedIndex),
    count(node.lag),
    count(status?.revision),
    status === undefined ? '-' : byteSize(status.walBytes),
    count(status?.baseIndex),
    node.clientAddress,
    node.peerAddress ?? '-',
    `${node.pid ?? '-'}`,
  ]
}

function role(node: NodeView, paint: Paint): string {
  if (node.status !== undefined) {
    const { role } = node.status
    if (role === 'leader') return paint('good', role)
    if (node.member === 'none') return paint('warning', 'no member')
    if (role === 'follower' && node.member === 'learner') return 'learner'
    return role === 'follower' ? role : paint('warning', role)
  }
  if (node.member === 'none') return paint('faint', 'no member')
  if (node.process === 'stopped') return paint('bad', 'stopped')
  return node.process === 'paused' ? paint('warning', 'paused') : paint('bad', 'unreachable')
}

function readiness(ready: boolean, paint: Paint): string {
  return ready ? paint('good', 'yes') : paint('bad', 'no')
}

/** One line above the table: how the cluster is doing as a whole. */
export function summaryLine(view: ClusterView, paint: Paint): string {
  const answering = view.nodes.filter((node) => node.status !== undefined).length
  const leader =
    view.leader === undefined
      ? paint('bad', 'no leader')
      : `leader ${paint('name', view.leader)}, term ${view.term}`
  const of = `${answering} of ${view.nodes.length} nodes answer`
  return `${leader}; ${answering === view.nodes.length ? of : paint('warning', of)}`
}

/** What a person should know beyond the table, one line each. */
export function remarkLines(view: ClusterView, paint: Paint): string[] {
  return view.nodes.flatMap((node) =>
    [...reasonsOf(node), ...waitingOf(node)].map((reason) =>
      node.id === undefined ? reason : `${paint('name', node.id)}: ${reason}`,
    ),
  )
}

/** What a node waits for before it takes part in full, where its reasons do not say so already. */
function waitingOf({ status }: NodeView): readonly string[] {
  const waitsFor = status?.waitsFor
  if (waitsFor === undefined || waitsFor === '') return []
  return status?.reasons.some((reason) => reason.includes(waitsFor)) === true
    ? []
    : [`waits for ${waitsFor}`]
}
