/**
 * Where the state stands: the few numbers that every decision looks at. All of them follow from
 * the log, and all of them go into the applied row and the settings row; so does the newest
 * configuration, which has a row of its own, and decides nothing here.
 */
import { assert } from '../assert.ts'
import type { Settings } from '../command/index.ts'
import type { AppliedRow, ConfigurationRow } from './layout.ts'

export class Standing {
  index: number
  term: number
  /** Commands that took effect. Dense: each adds one. */
  revision: number
  /** The only time there is. Invariant: never goes back. */
  clusterTime: number
  /**
   * Invariant: never goes back, even when a setting is enlarged. What was once forgotten could
   * otherwise be missed: its row may be gone while the rule says that it would be there.
   */
  tokenHorizon: number
  sessionHorizon: number
  effects: Uint8Array
  settings: Settings
  /** The newest one applied; undefined: the group still has its first. */
  configuration: ConfigurationRow | undefined

  constructor(applied: AppliedRow, settings: Settings, configuration?: ConfigurationRow) {
    this.index = applied.index
    this.term = applied.term
    this.revision = applied.revision
    this.clusterTime = applied.clusterTime
    this.tokenHorizon = applied.tokenHorizon
    this.sessionHorizon = applied.sessionHorizon
    this.effects = applied.effects
    this.settings = settings
    this.configuration = configuration
  }

  /** A new entry's stamp: a leader whose clock is behind does not turn time back. */
  advance(stamp: number): void {
    assert(Number.isSafeInteger(stamp) && stamp >= 0, 'a stamp is a time')
    this.clusterTime = Math.max(this.clusterTime, stamp)
    this.moveHorizons()
  }

  /** After the time or a setting has changed. */
  moveHorizons(): void {
    const { tokenRetentionMs, sessionExpiryMs } = this.settings
    this.tokenHorizon = Math.max(this.tokenHorizon, this.clusterTime - tokenRetentionMs)
    this.sessionHorizon = Math.max(this.sessionHorizon, this.clusterTime - sessionExpiryMs)
    assert(this.tokenHorizon <= this.clusterTime, 'the token horizon is in the past')
    assert(this.sessionHorizon <= this.clusterTime, 'the session horizon is in the past')
  }

  /** The applied row as it would be written now. */
  applied(tokens: number): AppliedRow {
    return {
      index: this.index,
      term: this.term,
      revision: this.revision,
      clusterTime: this.clusterTime,
      tokenHorizon: this.tokenHorizon,
      sessionHorizon: this.sessionHorizon,
      tokens,
      effects: this.effects,
    }
  }
}
