/** Opens the state: the live generation of it, or an empty one in the place of what is damaged. */
import type { Logger } from '../logger.ts'
import type { EntryId } from '../raft/index.ts'
import { StateMachine } from '../state/index.ts'
import { isDamage } from './damage.ts'
import type { StateFailures } from './damage.ts'
import type { Generations, LiveGeneration } from './generations.ts'
import type { NodeCaps } from './options.ts'

interface OpenStateOptions {
  readonly generations: Generations
  readonly logger: Logger
  readonly caps: NodeCaps
  readonly failures: StateFailures
  /** The live generation is known to be damaged: it is not even looked at. */
  readonly fresh: boolean
}

/** An open state, and the snapshot that it came from, where it came from one. */
export interface OpenState {
  readonly state: StateMachine
  readonly snapshot: EntryId | undefined
  /** What was there was damaged, as this found, and an empty one took its place. */
  readonly repaired: boolean
}

/**
 * Opens the live generation of the state. One that is damaged is left aside: the next one starts
 * empty, and the log brings everything back, or a snapshot where the log no longer begins at its
 * beginning. Nothing is lost by that, because the log is whole.
 */
export async function openState(options: OpenStateOptions): Promise<OpenState> {
  const { generations, logger, fresh } = options
  const { live, damaged } = await liveGeneration(generations, logger)
  let repaired = damaged
  if (live !== undefined && !fresh) {
    try {
      const state = await openGeneration(options, live.generation)
      await orAbandon(state, () => generations.removeAllBut(live.generation))
      return { state, snapshot: live.snapshot, repaired }
    } catch (error) {
      // What a disk cannot read now (EIO) it may read tomorrow, and where it fails for all nodes at
      // once nobody else would have what is thrown away here: that only stops the node.
      if (!isDamage(error)) throw error
      logger.error('the state is damaged and is made anew', { error: String(error) })
    }
    repaired = true
  }
  const generation = await generations.unused()
  const state = await openGeneration(options, generation)
  await orAbandon(state, async () => {
    await generations.switchTo(generation)
    await generations.removeAllBut(generation)
  })
  return { state, snapshot: undefined, repaired }
}

/** A database that stays open would keep the next attempt, in this process, from opening it. */
async function orAbandon(state: StateMachine, step: () => Promise<void>): Promise<void> {
  try {
    await step()
  } catch (error) {
    await state.abandon()
    throw error
  }
}

async function openGeneration(
  { generations, logger, caps, failures }: OpenStateOptions,
  generation: number,
): Promise<StateMachine> {
  const { overlayFlushBytes, overlayBytesMax } = caps
  return await StateMachine.open({
    database: await generations.open(generation),
    logger,
    onFailure: failures.tell,
    ...(overlayFlushBytes === undefined ? {} : { overlayFlushBytes }),
    ...(overlayBytesMax === undefined ? {} : { overlayBytesMax }),
  })
}

async function liveGeneration(
  generations: Generations,
  logger: Logger,
): Promise<{ live: LiveGeneration | undefined; damaged: boolean }> {
  try {
    return { live: await generations.live(), damaged: false }
  } catch (error) {
    if (!isDamage(error)) throw error
    logger.error('the pointer to the state is damaged; the state is made anew', {
      error: String(error),
    })
    return { live: undefined, damaged: true }
  }
}
