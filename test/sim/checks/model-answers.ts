/**
 * S4 and S10 from first principles: whatever a node applies, whenever, and however often after a
 * crash, it comes to the answers and the digest that the naive model comes to. Nodes that agree
 * with each other may still all be wrong: a session that expires by a clock, a token that is
 * forgotten with a batch, or a repeat that only the leader's memory knew (thesis, 6.3).
 */
import type { Entry } from '../../../src/raft/index.ts'
import type { AppliedEntry } from '../../../src/state/index.ts'
import type { Check, NodeView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import { isSameAnswer, shownAnswer } from './answers.ts'
import type { Replay } from './replay.ts'

/** See the head of the file. */
export class ModelAnswers implements Check {
  readonly name = 'S10'
  readonly #replay: Replay

  constructor(replay: Replay) {
    this.#replay = replay
  }

  onApplied(
    { id }: NodeView,
    _entries: readonly Entry[],
    applied: readonly AppliedEntry[],
    effects: string,
  ): void {
    const last = applied.at(-1)?.index
    if (last === undefined) return
    const replay = this.#replay
    replay.advance(last)
    for (const { index, answers } of applied) {
      const rules = replay.answersAt(index)
      // What is not committed was not replayed: S4 says so.
      if (rules === undefined) return
      const same =
        rules.length === answers.length &&
        answers.every((answer, i) => isSameAnswer(answer, rules[i] ?? answer))
      if (!same) this.#differs(id, index, answers, rules)
    }
    if (replay.effectsAt(last) === effects) return
    throw new Violation('S4', `${id} comes to another digest than the rules do, at ${last}`)
  }

  #differs(
    id: string,
    index: number,
    answers: AppliedEntry['answers'],
    rules: AppliedEntry['answers'],
  ): never {
    const at = rules.findIndex((rule, i) => {
      const answer = answers[i]
      return answer === undefined || !isSameAnswer(answer, rule)
    })
    const command = this.#replay.commands.filter((each) => each.index === index)[at]?.command
    throw new Violation(
      this.name,
      `${id} answers command ${at} (${command?.kind ?? 'none'}) of entry ${index} with ` +
        `${shownAnswer(answers[at])}, by the rules it is ${shownAnswer(rules[at])}`,
    )
  }
}
