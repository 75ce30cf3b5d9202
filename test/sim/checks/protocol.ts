/** The invariants of the protocol itself, S1 to S8, S12 and S13, with what they share. */
import type { Check, WorldView } from '../world/observer.ts'
import type { CommittedLog } from './committed.ts'
import { ActingConfigurations } from './acting.ts'
import { DurableVotes } from './durable-votes.ts'
import { Leaderships } from './leaderships.ts'
import { ElectionSafety } from './s01-election-safety.ts'
import { LogMatching } from './s02-log-matching.ts'
import { CommittedForEver } from './s03-committed-for-ever.ts'
import { SameState } from './s04-same-state.ts'
import { Monotone } from './s05-monotone.ts'
import { PersistBeforeSend } from './s06-persist-before-send.ts'
import { OneVote } from './s07-one-vote.ts'
import { Membership } from './s08-membership.ts'
import { ReadIndex } from './s12-read-index.ts'
import { Compacted } from './s13-compacted.ts'
import { WholeLog } from './s13-whole-log.ts'

/**
 * Makes the checks, in the order in which they are to be told of each event: S1, S7 and S3 fill
 * what those behind them look up. S3 fills `committed`.
 */
export function protocolChecks(world: WorldView, committed: CommittedLog): Check[] {
  const leaderships = new Leaderships()
  const votes = new DurableVotes()
  const acting = new ActingConfigurations(world)
  return [
    acting,
    new ElectionSafety(leaderships),
    new OneVote(votes),
    new LogMatching(leaderships),
    new CommittedForEver(committed, leaderships),
    new SameState(committed),
    new Monotone(world),
    new PersistBeforeSend({ world, committed, leaderships, votes, acting }),
    new Membership({ world, votes, acting, leaderships, committed }),
    new ReadIndex({ world, committed, leaderships, acting }),
    new WholeLog(),
    new Compacted(),
  ]
}
