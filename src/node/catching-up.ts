/**
 * Followers that have got a snapshot and lack what was written since it was taken. The log is kept
 * for them until they are close, in rounds: one lasts until the follower has what was there when the
 * round began, and a short one is the last (thesis, section 4.2.1, where newcomers get their vote by
 * the same rule). Without that, a follower whose snapshot took long would need the next one at once.
 */

/** A round that is not longer ends it. */
const roundMsMax = 1_000
/**
 * Who has taken nothing for so long, as with a full disk, is not waited for: the log here would grow
 * until this disk is full as well, and with it the group would stop.
 */
const stalledMs = 60_000

interface CatchingUpOptions {
  /** What a follower that is there holds of the log; undefined: it is away, or needs a snapshot. */
  readonly matchIndexOf: (id: string) => number | undefined
  readonly lastIndex: () => number
}

interface Round {
  /** Of its snapshot. */
  readonly bytes: number
  readonly since: number
  readonly target: number
  matchIndex: number
  /** When that last grew: monotonic ms. */
  movedAt: number
}

export class CatchingUp {
  readonly #options: CatchingUpOptions
  readonly #rounds = new Map<string, Round>()

  constructor(options: CatchingUpOptions) {
    this.#options = options
  }

  /** Entries behind this one are owed to somebody; Infinity: to nobody. */
  get owedIndex(): number {
    let owed = Infinity
    for (const { matchIndex } of this.#rounds.values()) owed = Math.min(owed, matchIndex)
    return owed
  }

  /** The largest of their snapshots, bytes. */
  get owedBytes(): number {
    let owed = 0
    for (const { bytes } of this.#rounds.values()) owed = Math.max(owed, bytes)
    return owed
  }

  /** A follower has got its snapshot, of so many bytes. */
  add(id: string, bytes: number, now: number): void {
    const matchIndex = this.#options.matchIndexOf(id)
    if (matchIndex !== undefined) this.#begin(id, bytes, matchIndex, now)
  }

  /** Called often. */
  tick(now: number): void {
    for (const [id, round] of this.#rounds) {
      const matchIndex = this.#options.matchIndexOf(id)
      if (matchIndex === undefined) {
        this.#rounds.delete(id)
        continue
      }
      if (matchIndex > round.matchIndex) round.movedAt = now
      round.matchIndex = matchIndex
      if (matchIndex < round.target) {
        if (now - round.movedAt > stalledMs) this.#rounds.delete(id)
      } else if (now - round.since <= roundMsMax) {
        this.#rounds.delete(id)
      } else {
        this.#begin(id, round.bytes, matchIndex, now)
      }
    }
  }

  /** This node no longer leads. */
  clear(): void {
    this.#rounds.clear()
  }

  #begin(id: string, bytes: number, matchIndex: number, now: number): void {
    const target = this.#options.lastIndex()
    this.#rounds.set(id, { bytes, since: now, target, matchIndex, movedAt: now })
  }
}
