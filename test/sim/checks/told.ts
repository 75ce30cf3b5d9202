/** What the checks of a history share. */
import type { Contents } from './contents.ts'
import type { Replay } from './replay.ts'
import type { Windows } from './windows.ts'

/** What was committed, what callers asked and were told, and which of the two is of the other. */
export interface Told {
  readonly replay: Replay
  readonly windows: Windows
  readonly contents: Contents
}
