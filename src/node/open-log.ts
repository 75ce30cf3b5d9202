/**
 * Opens the log, and makes it fit the state. A damaged log is never used: where the node's vote is
 * certain and others can bring back what it has lost, it begins anew and recovers from them; else
 * the node refuses to start.
 */
import { unreachable } from '../assert.ts'
import { corruptError, QuorateError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { EntryId } from '../raft/index.ts'
import type { StateMachine } from '../state/index.ts'
import { LogStore, Recovering } from '../wal/index.ts'
import type { LogStoreOptions, Recovered } from '../wal/index.ts'
import { isDamage } from './damage.ts'
import type { OpenState } from './open-state.ts'

interface OpenLogOptions {
  /** `directory`: the group's. */
  readonly log: LogStoreOptions
  readonly opened: OpenState
  readonly standing: Standing
  readonly logger: Logger
}

/** What a node is in its cluster, as far as it knows. */
export interface Standing {
  /** `newcomer`: it joined, and was not told yet that it is a member. */
  readonly as: 'voter' | 'learner' | 'newcomer'
  readonly nodeId: string
  /** How many voters there are; for a newcomer, how many there may be. */
  readonly voters: number
}

/** The log as the core is to know it. */
export type AlignedLog = Pick<
  Recovered,
  'hardState' | 'base' | 'termRuns' | 'lastIndex' | 'tail' | 'configEntries'
>

/** An open log. */
export interface OpenLog {
  readonly log: LogStore
  readonly aligned: AlignedLog
  /** The mark that this node has lost entries that it acknowledged. */
  readonly recovering: Recovering
  /** Whether it is set. */
  readonly isRecovering: boolean
  /** It was damaged, as this found, and began anew. */
  readonly repaired: boolean
}

/** With fewer voters a quorum without this node cannot vouch for what it has lost. */
const votersToRecover = 3

/** Opens the log; see the head of the file. */
export async function openLog(options: OpenLogOptions): Promise<OpenLog> {
  const { log, opened, standing, logger } = options
  try {
    return { ...(await openWhole(options)), repaired: false }
  } catch (error) {
    if (!isDamage(error) || !(error instanceof QuorateError)) throw error
    if (standing.voters < votersToRecover) throw refusal(error, standing)
    // Told of the vote: others can bring back entries, but nobody else knows how this node voted.
    if (error.details['file'] === `${log.directory}/vote`) throw uncertain(error, error)
    logger.error('the log is damaged and begins anew; the others bring back what it had', {
      error: error.message,
    })
    const { appliedIndex: index, appliedTerm: term } = opened.state
    try {
      await LogStore.replaceDamaged(log, { index, term })
    } catch (cause) {
      throw isDamage(cause) ? uncertain(error, cause) : cause
    }
    return { ...(await openWhole(options)), repaired: true }
  }
}

async function openWhole({
  log: options,
  opened,
  logger,
}: OpenLogOptions): Promise<Omit<OpenLog, 'repaired'>> {
  const { disk, directory } = options
  const { log, recovered } = await LogStore.open(options)
  try {
    if (recovered.tornFlush !== undefined) {
      logger.warn('the last flush of the log was torn and is cut', { ...recovered.tornFlush })
    }
    const aligned = await alignLog({ log, recovered, ...opened, logger, directory })
    const recovering = new Recovering({ disk, directory })
    const isRecovering = (await recovering.read()) !== undefined
    return { log, aligned, recovering, isRecovering }
  } catch (error) {
    await log.close()
    throw error
  }
}

/**
 * Makes log and state fit together. A state that came from a snapshot, and holds what the log never
 * had, is the beginning of a new log (paper, section 7); a crash between the switch to that state
 * and this is why it happens here. Any other state that the log does not lead to is damage.
 */
async function alignLog(parts: {
  log: LogStore
  recovered: Recovered
  state: StateMachine
  snapshot: EntryId | undefined
  logger: Logger
  directory: string
}): Promise<AlignedLog> {
  const { log, recovered, state, snapshot, logger, directory } = parts
  const applied = { index: state.appliedIndex, term: state.appliedTerm }
  const term = termAt(recovered, applied.index)
  if (term === applied.term) return recovered
  const { base } = recovered
  if (applied.index < base.index) {
    // It takes a snapshot to go on; the log is whole.
    if (applied.index === 0) return recovered
    // Only what the state holds durably is ever dropped. Entries behind which such a log begins may
    // not even be committed, so nothing may be built on it.
    const what = `the log begins behind entry ${base.index}, but the state ends at entry ${applied.index}: segments are missing`
    throw corruptError(`${directory}/wal`, 0, what)
  }
  if (snapshot?.index === applied.index && snapshot.term === applied.term) {
    logger.info('the log begins anew behind a snapshot', { ...snapshot })
    await log.reset(snapshot)
    return {
      hardState: { ...recovered.hardState, commitIndex: snapshot.index },
      base: snapshot,
      termRuns: [],
      lastIndex: snapshot.index,
      tail: [],
      configEntries: [],
    }
  }
  const { file, offset } = recovered.end
  // The state holds nothing that this log did not hold durably before: a log that ends earlier
  // has lost acknowledged entries, and a node with it must neither vote nor acknowledge.
  if (applied.index > recovered.lastIndex) {
    const what = `the log ends at entry ${recovered.lastIndex}, but entry ${applied.index} was applied from it`
    throw corruptError(file, offset, what)
  }
  // An entry that was applied is never replaced (paper, section 5.4), so with another term at its
  // place log or state is another node's, and it would answer what the others never knew.
  const what =
    `entry ${applied.index} of the log is of term ${term}, the one that was applied of term ` +
    `${applied.term}: log and state do not belong together`
  throw corruptError(file, offset, what)
}

/** The term of an entry of the log or of its base; 0 for index 0; undefined: it is not there. */
function termAt({ base, termRuns, lastIndex }: Recovered, index: number): number | undefined {
  if (index === base.index) return base.term
  if (index < base.index || index > lastIndex) return undefined
  return termRuns.findLast((run) => run.firstIndex <= index)?.term
}

function refusal(error: QuorateError, standing: Standing): QuorateError {
  const why = `${error.message}. ${whatHelps(standing)}`
  return new QuorateError('QUORATE_CORRUPT', why, { details: error.details, cause: error })
}

function whatHelps({ as, nodeId, voters }: Standing): string {
  switch (as) {
    case 'voter': {
      const count = voters === 1 ? 'one voter' : `${voters} voters`
      return (
        `With ${count} nobody else surely has what is lost: bring back the files, or a backup with ` +
        '"quorate snapshot restore"'
      )
    }
    case 'learner':
      return (
        `It has no vote, and the others have all of it: "quorate member remove ${nodeId}", then ` +
        'add another under a new name with "quorate member add"'
      )
    case 'newcomer':
      return (
        'It does not know whether the others have a majority without it: put another in its place ' +
        'with "quorate member replace"'
      )
    default:
      return unreachable(as)
  }
}

function uncertain(error: QuorateError, cause: unknown): QuorateError {
  const why =
    `${error.message}. Its vote is not certain, so it may not come back under this id: ` +
    'put another in its place with "quorate member replace"'
  return new QuorateError('QUORATE_CORRUPT', why, { details: error.details, cause })
}
