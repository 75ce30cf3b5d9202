/**
 * S10, within the log: what names promise, judged by the log alone, without the rules that gave the
 * answers (thesis, 6.3).
 *
 * - A call, by session and sequence, takes effect at most once, and all its decided answers are one.
 * - A session that was refused as expired never has an effect again: a client that was told so goes
 *   on under another name, and counts on it.
 * - A token takes effect a second time only for a call that gives it a later time than any that it
 *   was remembered with; never after it was fenced; and never with a time that was refused as too
 *   old.
 * - A `once` key is created only where there is no record, and a condition holds where it is met.
 */
import type { Answer } from '../../../src/command/index.ts'
import type { Check } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import { isSameAnswer, shownAnswer } from './answers.ts'
import { timeOf } from './contents.ts'
import type { Replay, ReplayedCommand } from './replay.ts'
import { hex, textOf } from './replay.ts'

interface SessionMemory {
  expired: boolean
  readonly decided: Map<number, Answer>
}

interface TokenMemory {
  /** Times up to this one must have no effect any more. */
  over: number
  why: string
}

/** The rules of names; see the head of the file. */
export class Names implements Check {
  readonly name = 'S10'
  readonly #replay: Replay
  readonly #sessions = new Map<string, SessionMemory>()
  readonly #tokens = new Map<string, TokenMemory>()

  constructor(replay: Replay) {
    this.#replay = replay
  }

  atEnd(): void {
    this.#replay.advance()
    this.#sessions.clear()
    this.#tokens.clear()
    for (const done of this.#replay.commands) {
      if (!('call' in done.command)) continue
      const isFirst = this.#judgeCall(done)
      this.#judgeToken(done, isFirst)
      if (done.revision !== undefined) this.#judgeConditions(done, done.revision)
    }
  }

  /** Whether it is the copy that was decided, and not a repeat of it. */
  #judgeCall(done: ReplayedCommand): boolean {
    const { command, answer, index, revision } = done
    if (!('call' in command)) return false
    const { session, sequence } = command.call
    const name = hex(session)
    let memory = this.#sessions.get(name)
    if (memory === undefined) {
      this.#sessions.set(name, (memory = { expired: false, decided: new Map() }))
    }
    const what = `call ${sequence} of session ${name.slice(0, 16)} at index ${index}`
    if (memory.expired && isDecided(answer)) fail(`${what}: the session had expired before`)
    if (!isDecided(answer)) {
      if (answer.status === 'refused' && answer.code === 'QUORATE_SESSION_EXPIRED') {
        memory.expired = true
      }
      return false
    }
    const before = memory.decided.get(sequence)
    if (before === undefined) {
      memory.decided.set(sequence, answer)
      return true
    }
    if (revision !== undefined) fail(`${what} was decided before, and takes effect now`)
    if (!isSameAnswer(before, answer)) {
      fail(`${what}: ${shownAnswer(before)} before, now ${shownAnswer(answer)}`)
    }
    return false
  }

  #judgeToken(done: ReplayedCommand, isFirst: boolean): void {
    const { command, index, answer } = done
    const time = timeOf(done)
    const token = tokenOf(done)
    if (token === undefined || time === undefined) return
    const memory = this.#tokens.get(token)
    // A delete that found nothing uses its token up all the same.
    if (isFirst && answer.status === 'applied') {
      if (memory !== undefined && time <= memory.over) {
        fail(`token ${token} takes effect at index ${index}, ${memory.why}`)
      }
      const over = Math.max(time, this.#replay.timeAt(index))
      this.#tokens.set(token, { over, why: `and did at index ${index}` })
    } else if (command.kind === 'fence' && isFence(answer)) {
      this.#tokens.set(token, { over: Infinity, why: `after a fence at index ${index}` })
    } else if (isExpired(answer) && !(memory !== undefined && memory.over >= time)) {
      this.#tokens.set(token, { over: time, why: `refused as too old at index ${index}` })
    }
  }

  /** Each as it was just before. */
  #judgeConditions({ command, changes, index }: ReplayedCommand, revision: number): void {
    const { rows } = this.#replay
    if (command.kind === 'write' && command.identity.kind === 'once') {
      for (const { key } of changes) {
        if (rows.at(key, revision - 1).value === undefined) continue
        fail(`\`once\` created ${key} at index ${index}, where there was a record`)
      }
    }
    for (const { key, ifRevision } of changes) {
      if (ifRevision === undefined) continue
      const before = rows.at(key, revision - 1)
      const found = before.value === undefined ? 0 : before.revision
      if (found === ifRevision) continue
      fail(`a write of ${key} if ${ifRevision} took effect at index ${index}: it was ${found}`)
    }
  }
}

function isDecided(answer: Answer): boolean {
  return answer.status !== 'refused' || answer.decided
}

function isFence(answer: Answer): boolean {
  return answer.status === 'fenced' && answer.verdict.status === 'absent'
}

function isExpired(answer: Answer): boolean {
  if (answer.status === 'refused') return answer.code === 'QUORATE_TOKEN_EXPIRED'
  return answer.status === 'fenced' && answer.verdict.status === 'expired'
}

function tokenOf({ command }: ReplayedCommand): string | undefined {
  if (command.kind === 'fence') return textOf(command.token)
  if (command.kind !== 'write' || command.identity.kind !== 'token') return undefined
  return textOf(command.identity.token)
}

function fail(what: string): never {
  throw new Violation('S10', what)
}
