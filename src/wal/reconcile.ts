/** What a node may believe of its own term and vote after a restart. */
import { assert } from '../assert.ts'
import { corruptError } from '../errors.ts'
import type { HardState } from '../raft/index.ts'
import { hardStateProblem } from './live-log.ts'
import type { VoteReading } from './vote-file.ts'
import type { Recovered } from './wal-types.ts'

/**
 * The newest of the two copies, where it is certain that none newer was lost; a refusal otherwise,
 * because a node that votes twice in a term can elect two leaders.
 *
 * A change is saved in the vote file first and in the log after that, never both at once, and only
 * then does the vote leave. So after a crash at most one of the two is incomplete:
 *
 * - The log is whole: it holds every vote that ever left. The vote file can only add one that had
 *   not left yet, so it may be in any condition.
 * - The log's last flush was cut: it may have held a vote, if it was rot that looked like a torn
 *   write. Then the vote file must be whole; a crash cannot have touched both.
 */
export function reconcile(
  wal: Pick<Recovered, 'hardState' | 'lastFlush' | 'tornFlush' | 'end'>,
  reading: VoteReading,
  votePath: string,
): HardState {
  assert(wal.lastFlush >= 0, 'flushes are counted from 1')
  if (wal.tornFlush !== undefined && reading.kind !== 'certain') {
    const what =
      `the last flush of the log is incomplete as well (${wal.tornFlush.file} at byte ` +
      `${wal.tornFlush.offset}), so that nobody knows how this node voted`
    throw corruptError(votePath, reading.offset, what)
  }
  if (reading.kind === 'unreadable') return wal.hardState
  const { vote } = reading
  if (vote.walFlush > wal.lastFlush) {
    const what = `the log ends with flush ${wal.lastFlush}, and flush ${vote.walFlush} was durable`
    throw corruptError(wal.end.file, wal.end.offset, what)
  }
  const logIsNewer = hardStateProblem(wal.hardState, vote) !== undefined
  if (!logIsNewer) {
    const { currentTerm, votedFor } = vote
    return { currentTerm, votedFor, commitIndex: wal.hardState.commitIndex }
  }
  if (hardStateProblem(vote, wal.hardState) !== undefined) {
    const what = `log and vote file name different votes in term ${vote.currentTerm}`
    throw corruptError(votePath, 0, what)
  }
  return wal.hardState
}
