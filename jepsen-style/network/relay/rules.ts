/** The rules in force in the relays, and what each has done. */
import type { LinkEffect, LinkRule, Party, RuleCounts } from '../links.ts'

/** One rule in force. */
export class RelayRule {
  readonly effect: LinkEffect
  readonly #rule: LinkRule
  /** By direction: when its line will have sent all that it was given. */
  readonly #lines = new Map<string, number>()
  affected = 0
  refused = 0

  constructor(rule: LinkRule) {
    this.effect = rule.effect
    this.#rule = rule
  }

  applies(from: Party, to: Party): boolean {
    return this.#rule.applies(from, to)
  }

  counts(): RuleCounts {
    return { affected: this.affected, refused: this.refused }
  }

  /**
   * When so many bytes have gone out of a line of this bandwidth, which all connections of the
   * direction share: each message waits for those before it, and then takes its own time. That is
   * a token bucket that holds no more than the message in hand.
   */
  sentAt(from: Party, to: Party, bytes: number, bytesPerSecond: number, now: number): number {
    const line = `${from}>${to}`
    const free = Math.max(this.#lines.get(line) ?? 0, now) + (bytes * 1000) / bytesPerSecond
    this.#lines.set(line, free)
    return free
  }
}

/** All rules in force; tells those who must act on a change. */
export class RuleBook {
  readonly #rules = new Set<RelayRule>()

  add(rule: RelayRule): void {
    this.#rules.add(rule)
  }

  delete(rule: RelayRule): void {
    this.#rules.delete(rule)
  }

  /** Those that are for this direction, in the order in which they came. */
  of(from: Party, to: Party): readonly RelayRule[] {
    return [...this.#rules].filter((rule) => rule.applies(from, to))
  }

  /** Those that cut this direction in this way. */
  cuts(from: Party, to: Party, how: 'silent' | 'reset'): readonly RelayRule[] {
    return this.of(from, to).filter(({ effect }) => effect.type === 'cut' && effect.how === how)
  }
}
