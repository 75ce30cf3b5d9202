/** What clients are promised, S9 to S11, and what bounds memory, L5, with what they share. */
import type { Check, WorldView } from '../world/observer.ts'
import type { CommittedLog } from './committed.ts'
import { Contents } from './contents.ts'
import { Caps } from './l5-caps.ts'
import { ModelAnswers } from './model-answers.ts'
import { Replay } from './replay.ts'
import { Linearizable } from './s09-linearizable.ts'
import { ExactlyOnce } from './s10-exactly-once.ts'
import { Names } from './s10-names.ts'
import { Acknowledged } from './s11-acknowledged.ts'
import { Windows } from './windows.ts'

/** The checks, and what the judgement of the end needs. */
export interface ClientChecks {
  readonly checks: readonly Check[]
  readonly replay: Replay
  readonly windows: Windows
}

/**
 * Makes the checks. They come behind those that fill `committed`, and are told of `onCall` and
 * `onReturn` by the history.
 */
export function clientChecks(world: WorldView, committed: CommittedLog): ClientChecks {
  const replay = new Replay(committed)
  const windows = new Windows(world, committed)
  const told = { replay, windows, contents: new Contents(replay) }
  const checks = [
    windows,
    new ModelAnswers(replay),
    new Names(replay),
    new Linearizable(told),
    new ExactlyOnce(told),
    new Acknowledged(replay, windows),
    new Caps(world),
  ]
  return { checks, replay, windows }
}
