/**
 * LevelDB, through `level`. In Node its `Level` is `ClassicLevel`, whose types are exact where
 * those of `level` are not: they say, among other things, that a missing key gives a value.
 */
import type { ClassicLevel } from 'classic-level'
import { Level } from 'level'

/** The one cast between the two. */
export const LevelDatabase = Level as unknown as typeof ClassicLevel
