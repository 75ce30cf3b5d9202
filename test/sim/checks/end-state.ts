/**
 * The end: nodes that are whole hold one and the same state, and it is the one that the rules give.
 * The digest of rows is read from what each has stored, so it also finds what was applied right and
 * is not there any more (etcd's HashKV, `etcd#13766`).
 */
import { Violation } from '../world/observer.ts'
import type { FinalReads } from '../workload/final-reads.ts'
import type { Outcome } from '../workload/history.ts'
import { tellScan } from './places.ts'
import type { Replay } from './replay.ts'
import { nodeOf } from './windows.ts'

/**
 * Refusals by rule: the cluster works, and its tables are as full as they may be. That it was right
 * to refuse is said by S9.
 */
export const fullCodes: ReadonlySet<string> = new Set([
  'QUORATE_SESSIONS_FULL',
  'QUORATE_TOKENS_FULL',
])

/**
 * Throws unless all that must answer at the end did, with one state. `mayRebuild`: whether a node's
 * stored state was damaged. It may find that only now, by reading all of it for the digest, and
 * then has no answer before it has made its state anew from the log.
 */
export function judgeEnd(
  replay: Replay,
  final: FinalReads,
  mayRebuild: (id: string) => boolean = () => false,
): void {
  replay.advance()
  const { scan, nodes } = final
  const least = judgePut(final.put)
  const ids = nodes.map(({ endpoint }) => nodeOf(endpoint))
  const anyMayRebuild = ids.some(mayRebuild)
  if (scan.type === 'read' || !anyMayRebuild) judgeScan(replay, 'the last scan', scan, least)
  for (const node of nodes) {
    const id = nodeOf(node.endpoint)
    if (node.scan.type !== 'read' && mayRebuild(id)) continue
    // Each has told its digest after the last write, so it has applied it.
    judgeScan(replay, `the last scan of ${id}`, node.scan, least)
  }
  if (final.digest === undefined && anyMayRebuild) return
  judgeDigests(replay, final, mayRebuild)
}

/** The revision that everybody must have come to. */
function judgePut(put: Outcome): number {
  if (put.type === 'written' && put.verdict === 'applied') return put.revision
  if (put.type === 'failed' && fullCodes.has(put.code)) return 0
  throw new Violation('L4', `the last write was not applied: ${shown(put)}`, 'liveness')
}

function judgeDigests(
  replay: Replay,
  { digest, digestError, nodes }: FinalReads,
  mayRebuild: (id: string) => boolean,
): void {
  if (digest === undefined) {
    throw new Violation('L4', `no digests at the end: ${digestError ?? 'no reason'}`, 'liveness')
  }
  const { index } = digest
  const effects = replay.effectsAt(index)
  const rows = replay.rowsDigestAt(index)
  for (const node of digest.nodes) {
    if (node.effects !== effects) {
      throw new Violation('S4', `${node.id} has another digest of effects at ${index}`)
    }
    // Where a row was taken away under a running node, another digest is what finds that.
    if (node.rows !== rows && !mayRebuild(node.id)) {
      throw new Violation('S4', `${node.id} has another digest of rows at ${index}`)
    }
  }
  const silent = nodes
    .map(({ endpoint }) => nodeOf(endpoint))
    .filter((id) => !mayRebuild(id) && !digest.nodes.some((node) => node.id === id))
  if (silent.length === 0) return
  throw new Violation('L4', `no digest at the end from ${silent.join(', ')}`, 'liveness')
}

function judgeScan(replay: Replay, what: string, outcome: Outcome, least: number): void {
  if (outcome.type !== 'read' || outcome.readRevision === undefined) {
    throw new Violation('L4', `${what} failed: ${shown(outcome)}`, 'liveness')
  }
  const { rows, readRevision } = outcome
  if (readRevision < least) {
    throw new Violation('S11', `${what} is of revision ${readRevision}, ${least} was acknowledged`)
  }
  const range = { prefix: '', reverse: false, limit: undefined }
  const wrong = tellScan(replay, range, { rows, readRevision, partial: false })
  if (wrong !== undefined) throw new Violation('S11', `${what}: ${wrong}`)
}

function shown(outcome: Outcome): string {
  return outcome.type === 'failed' ? outcome.code : outcome.type
}
