/** Draws messages and Readies as text, for golden scripts. Nothing else of the core is printed. */
import type { ConfigurationAt, Entry, Message, ReadState, Ready } from '../../../src/raft/index.ts'
import { unreachable } from '../../../src/assert.ts'

/** `index/term`. */
export function describeId({ index, term }: { index: number; term: number }): string {
  return `${index}/${term}`
}

/** Entries of one term as a range: `4..9/2`. */
export function describeEntries(entries: readonly Entry[]): string {
  const parts: string[] = []
  for (let at = 0; at < entries.length;) {
    const first = entries[at]
    if (first === undefined) break
    let end = at
    while (entries[end + 1]?.term === first.term) end++
    const last = entries[end] ?? first
    parts.push(end === at ? describeId(first) : `${first.index}..${describeId(last)}`)
    at = end + 1
  }
  return parts.join(' ')
}

/** `n1>n2 t3 ...`. */
export function describeMessage(message: Message): string {
  const recovers = 'recovery' in message && message.type !== 'readmitted' ? ', recovers' : ''
  return `${message.from}>${message.to} t${message.term} ${describeBody(message)}${recovers}`
}

function describeBody(message: Message): string {
  switch (message.type) {
    case 'requestPreVote':
      return `requestPreVote for t${message.proposedTerm}, log ${describeId(message.lastLog)}`
    case 'requestPreVoteResult':
      return `requestPreVoteResult for t${message.proposedTerm}: ${answer(message.granted)}`
    case 'requestVote':
      return `requestVote${message.transfer ? ' for a transfer' : ''}, log ${describeId(message.lastLog)}`
    case 'requestVoteResult':
      return `requestVoteResult: ${answer(message.granted)}`
    case 'appendEntries': {
      const { prevLog, entries, leaderCommit } = message
      const list = entries.length === 0 ? 'nothing' : describeEntries(entries)
      return `appendEntries after ${describeId(prevLog)}: ${list}, commit ${leaderCommit}`
    }
    case 'appendEntriesAccepted':
      return `appendEntriesAccepted up to ${message.matchIndex}`
    case 'appendEntriesRejected':
      return `appendEntriesRejected at ${message.rejectedIndex}, hint ${describeId(message.hint)}`
    case 'heartbeat':
      return `heartbeat round ${message.round}, commit ${message.leaderCommit}`
    case 'heartbeatResult':
      return `heartbeatResult round ${message.round}`
    case 'readIndexRequest':
      return `readIndexRequest ${readName(message.requestId)}`
    case 'readIndexResult':
      return `readIndexResult ${readName(message.requestId)} at ${message.readIndex}`
    case 'readIndexRefused':
      return `readIndexRefused ${readName(message.requestId)}`
    case 'timeoutNow':
      return 'timeoutNow'
    case 'removed':
      return `removed at ${message.configIndex}`
    case 'installSnapshot':
      return `installSnapshot ${describeId(message.snapshot)}`
    case 'snapshotNeeded':
      return `snapshotNeeded, log after ${message.baseIndex}`
    case 'readmitted':
      return `readmitted at ${message.index}`
    default:
      return unreachable(message)
  }
}

function answer(granted: boolean): string {
  return granted ? 'yes' : 'no'
}

/** Request ids begin at a random number; scripts show how far they have come. */
export function readName(requestId: number): string {
  return `r${requestId % 0x1_0000}`
}

/** `n1 n2 + n1 n3, learners n4, since 5`: new voters, old voters while joint. */
export function describeConfiguration({ index, configuration }: ConfigurationAt): string {
  const { voters, votersOutgoing, learners } = configuration
  const outgoing = votersOutgoing.length === 0 ? '' : ` with ${votersOutgoing.join(' ')}`
  const others = learners.length === 0 ? '' : `, learners ${learners.join(' ')}`
  return `${voters.join(' ') || 'nothing'}${outgoing}${others}, since ${index}`
}

function describeRead(state: ReadState): string {
  return state.refused
    ? `read ${readName(state.requestId)} refused`
    : `read ${readName(state.requestId)} at ${state.readIndex}`
}

/** The Ready of a node, one line per part that has something in it. */
export function describeReady(id: string, ready: Ready): string[] {
  const lines: string[] = []
  const { hardState, roleChange, configuration, entries, committedEntries, readStates } = ready
  if (roleChange !== undefined) {
    const { role, term, leader } = roleChange
    lines.push(`is ${role} of t${term}${role === 'follower' ? `, leader ${leader ?? '?'}` : ''}`)
  }
  if (configuration !== undefined) lines.push(`acts on ${describeConfiguration(configuration)}`)
  if (ready.removed !== undefined) lines.push(`is removed at ${ready.removed.configIndex}`)
  for (const { to, outcome } of ready.transfers ?? []) lines.push(`transfer to ${to}: ${outcome}`)
  if (hardState !== undefined) {
    const { currentTerm, votedFor, commitIndex } = hardState
    lines.push(`persists t${currentTerm}, vote ${votedFor ?? '-'}, commit ${commitIndex}`)
  }
  if (entries.length > 0) lines.push(`persists ${describeEntries(entries)}`)
  if (committedEntries.length > 0) lines.push(`applies ${describeEntries(committedEntries)}`)
  for (const fetch of ready.fetches) {
    const what = fetch.purpose === 'apply' ? `..${fetch.to} to apply` : ` for ${fetch.to}`
    lines.push(`fetches from ${fetch.from}${what}`)
  }
  if (ready.readmitted !== undefined) lines.push('is readmitted')
  if (ready.snapshotsWanted.length > 0) {
    lines.push(`wants a snapshot for ${ready.snapshotsWanted.join(' ')}`)
  }
  if (ready.snapshotOffered !== undefined) {
    const { from, snapshot } = ready.snapshotOffered
    lines.push(`is to fetch snapshot ${describeId(snapshot)} from ${from}`)
  }
  for (const state of readStates) lines.push(describeRead(state))
  for (const message of ready.messages) lines.push(`sends ${describeMessage(message)}`)
  for (const message of ready.messagesAfterPersist) {
    lines.push(`sends once durable ${describeMessage(message)}`)
  }
  return lines.map((line) => `${id} ${line}`)
}
