/** Who takes part in a cluster, as a table for people and as a document for programs. */
import type { ClusterView, MemberStatus, NodeView } from '../cluster/index.ts'
import type { Output, Paint } from './output.ts'
import { grouped, renderTable, type Column } from './table.ts'

/** One member, as `member list` shows it. */
export interface MemberRow {
  readonly id: string
  readonly voter: boolean
  readonly leader: boolean
  readonly peerAddress: string
  readonly clientAddress: string | undefined
  /** Whether it answered this command. */
  readonly reachable: boolean
  /** The last entry that the leader knows to be on its disk; the leader's own last. */
  readonly matchIndex: number | undefined
  /** Entries of the leader that it does not have, as far as the leader knows. */
  readonly lag: number | undefined
  /** How the leader sends to it; undefined: nobody leads, or it leads itself. */
  readonly state: MemberStatus['state']
  /** Whether it lags so little that it could get a vote. */
  readonly close: boolean | undefined
  readonly priority: number
  /** What it waits for before it takes part in full. */
  readonly waitsFor: string | undefined
}

/** The members by their names, from the leader's account where there is one. */
export function memberRows(view: ClusterView): MemberRow[] {
  const leader = leaderOf(view)?.status
  return view.members.map((member) => {
    const status = view.nodes.find((node) => node.id === member.id)?.status
    const leads = member.id === leader?.id
    const matchIndex = leads ? leader?.lastIndex : member.matchIndex
    const known = leader !== undefined && matchIndex !== undefined
    return {
      id: member.id,
      voter: member.voter,
      leader: leads,
      peerAddress: member.peerAddress,
      // What clients are told; the node's own word may be an address that leads nowhere.
      clientAddress: member.clientAddress,
      reachable: status !== undefined,
      matchIndex,
      lag: known ? Math.max(0, leader.lastIndex - matchIndex) : undefined,
      state: member.state,
      close: member.close,
      priority: member.priority,
      waitsFor: status?.waitsFor,
    }
  })
}

/** The node that leads and says so itself. */
function leaderOf(view: ClusterView): NodeView | undefined {
  return view.nodes.find(({ id, status }) => id === view.leader && status?.role === 'leader')
}

/** A member under `-o json`; what nobody told is null. */
export function memberDocument(row: MemberRow): object {
  const { clientAddress, matchIndex, lag, state, close, waitsFor, ...rest } = row
  return {
    ...rest,
    clientAddress: clientAddress ?? null,
    matchIndex: matchIndex ?? null,
    lag: lag ?? null,
    state: state ?? null,
    close: close ?? null,
    waitsFor: waitsFor ?? null,
  }
}

const columns: readonly Column[] = [
  { title: 'MEMBER' },
  { title: 'ROLE' },
  { title: 'REACHABLE' },
  { title: 'MATCH', align: 'right' },
  { title: 'LAG', align: 'right' },
  { title: 'STATE' },
  { title: 'PRIORITY', align: 'right' },
  { title: 'PEERS' },
  { title: 'CLIENTS' },
]

/** The table's lines. */
export function memberLines(rows: readonly MemberRow[], paint: Paint): string[] {
  const cells = rows.map((row) => [
    paint('name', row.id),
    roleText(row, paint),
    row.reachable ? 'yes' : paint('bad', 'no'),
    row.matchIndex === undefined ? '-' : grouped(row.matchIndex),
    row.lag === undefined ? '-' : grouped(row.lag),
    stateText(row),
    `${row.priority}`,
    row.peerAddress,
    row.clientAddress ?? '-',
  ])
  return renderTable(columns, cells, (title) => paint('faint', title))
}

function roleText({ leader, voter }: MemberRow, paint: Paint): string {
  if (leader) return paint('good', 'leader')
  return voter ? 'voter' : paint('warning', 'learner')
}

/** The words of the leader's bookkeeping, as a person would say them. */
function stateText({ leader, state, waitsFor }: MemberRow): string {
  if (waitsFor !== undefined && waitsFor !== '') return 'waiting'
  if (leader) return '-'
  if (state === undefined) return '-'
  const words = { probe: 'probing', replicate: 'replicating', snapshot: 'snapshot' } as const
  return words[state]
}

/** Prints them in the format asked for. */
export async function printMembers(out: Output, view: ClusterView): Promise<void> {
  const rows = memberRows(view)
  if (out.format === 'ndjson') for (const row of rows) await out.json(memberDocument(row))
  else if (out.structured) {
    await out.json({
      schema: 1,
      clusterId: view.clusterId ?? null,
      leader: view.leader ?? null,
      members: rows.map(memberDocument),
    })
  } else {
    for (const line of memberLines(rows, out.paint)) await out.line(line)
    for (const { id, waitsFor } of rows) {
      if (waitsFor !== undefined && waitsFor !== '')
        await out.note(`  ${id}: waits for ${waitsFor}`)
    }
  }
}

/** Where a member is, and its priority. */
export function addressText({ id, peerAddress, clientAddress, priority }: MemberRow): string {
  return `${id}: peers ${peerAddress}, clients ${clientAddress ?? '-'}, priority ${priority}`
}

/** What became of one member. `replaced`: whose place it took. Undefined: nobody could tell. */
export async function printMember(
  out: Output,
  id: string,
  member: MemberRow | undefined,
  replaced?: string,
): Promise<void> {
  if (out.structured) {
    const document = member === undefined ? null : memberDocument(member)
    await out.json({ schema: 1, id, member: document, ...(replaced && { replaced }) })
    return
  }
  const role = member === undefined ? 'member' : member.voter ? 'voter' : 'learner'
  await out.line(`${id} is a ${role}`)
  if (replaced !== undefined) {
    await out.line(`${replaced} is no member any more`)
    await out.note(`next: remove the data directory of ${replaced}, if there still is one`)
  } else if (member?.reachable === false) {
    await out.note(`it does not answer: start it, and see quorate member list`)
  }
}
