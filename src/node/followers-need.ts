/**
 * What of the log followers still need that are there. One that is behind and takes nothing, as with
 * a full disk, needs it no less; but on a leader whose own disk is nearly full it is not waited for:
 * the log that is kept for it may be what keeps the whole group from writing. It gets a snapshot.
 */

/** How often they are looked at. */
const lookEveryMs = 1_000
/** Who has taken nothing for so long, though there was something to take, stands still. */
const standsStillMs = 60_000

/** A follower that is there and takes entries, not a snapshot. */
export interface Follower {
  readonly id: string
  readonly matchIndex: number
}

interface FollowersNeedOptions {
  readonly followers: () => readonly Follower[]
  readonly lastIndex: () => number
}

interface Seen {
  readonly matchIndex: number
  /** When it last took something, or had nothing to take: monotonic ms. */
  readonly movedAt: number
}

export class FollowersNeed {
  readonly #options: FollowersNeedOptions
  #seen = new Map<string, Seen>()
  #lookedAt = -Infinity

  constructor(options: FollowersNeedOptions) {
    this.#options = options
  }

  /** Called often. */
  tick(now: number): void {
    if (now - this.#lookedAt < lookEveryMs) return
    this.#lookedAt = now
    const { followers, lastIndex } = this.#options
    const last = lastIndex()
    const seen = new Map<string, Seen>()
    for (const { id, matchIndex } of followers()) {
      const before = this.#seen.get(id)
      const stood = before?.matchIndex === matchIndex && matchIndex < last
      seen.set(id, { matchIndex, movedAt: stood ? before.movedAt : now })
    }
    this.#seen = seen
  }

  /** Entries behind this one are needed; Infinity: none is. `moving`: by those that do not stand still. */
  needed(moving: boolean): number {
    let needed = Infinity
    for (const { id, matchIndex } of this.#options.followers()) {
      const seen = this.#seen.get(id)
      const standsStill =
        seen?.matchIndex === matchIndex && this.#lookedAt - seen.movedAt >= standsStillMs
      if (!moving || !standsStill) needed = Math.min(needed, matchIndex)
    }
    return needed
  }
}
