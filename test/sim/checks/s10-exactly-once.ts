/**
 * S10, between clients and log: every effect is the effect of one call that may have had it, and
 * every acknowledged call had its effect once. A call that was told `not-applied` has none, not
 * even later (jetcd 0.8.2 retried under a new name and lost updates; a time-out that is taken for
 * a failure is the same bug told the other way round: Jepsen knows three outcomes).
 *
 * Values tell whose an effect is where only one call writes them. Tokens, `once` keys and deletes
 * are asked for alike by many: there as many effects as calls that may have had one are right.
 */
import type { Check } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import type { Call } from '../workload/history.ts'
import { originOf } from '../workload/values.ts'
import { nameOf } from './answers.ts'
import { mayHaveTime, timeOf } from './contents.ts'
import type { Contents } from './contents.ts'
import type { Replay, ReplayedCommand } from './replay.ts'
import { hex } from './replay.ts'
import type { Told } from './told.ts'
import type { Windows } from './windows.ts'

/** S10; see the head of the file. */
export class ExactlyOnce implements Check {
  readonly name = 'S10'
  readonly #told: Told

  constructor(told: Told) {
    this.#told = told
  }

  atEnd(): void {
    this.#told.replay.advance()
    new Attribution(this.#told).judge()
  }
}

/** Finds for every effect the call whose it is. */
class Attribution {
  readonly #replay: Replay
  readonly #windows: Windows
  readonly #contents: Contents
  /** Calls by what they ask for, in order. */
  readonly #asking = new Map<string, Call[]>()
  /** By session: the SDK client whose it is. */
  readonly #connections = new Map<string, number>()
  /** By revision. */
  readonly #claims = new Map<number, Call>()
  readonly #used = new Set<Call>()
  /** Batches of deletes that may have found nothing, or may have had an effect. */
  readonly #unclear = new Set<Call>()

  constructor({ replay, windows, contents }: Told) {
    this.#replay = replay
    this.#windows = windows
    this.#contents = contents
    for (const call of windows.calls) {
      const text = contents.ofCall(call)
      if (text === undefined) continue
      const known = this.#asking.get(text)
      if (known === undefined) this.#asking.set(text, [call])
      else known.push(call)
    }
  }

  judge(): void {
    for (const command of this.#replay.commands) this.#linkByValue(command)
    for (const call of this.#windows.calls) this.#claim(call)
    for (const [revision, owner] of this.#claims) {
      const effect = this.#replay.effects[revision]
      if (effect !== undefined) this.#judgeOwner(effect, owner)
    }
    for (const [revision, effect] of this.#replay.effects.entries()) {
      if (effect !== undefined && !this.#claims.has(revision)) this.#attribute(effect)
    }
  }

  /** A value that one call alone writes tells whose session it is. */
  #linkByValue(command: ReplayedCommand): void {
    const author = this.#author(command)
    if (author?.connection === undefined) return
    const session = sessionOf(command)
    const known = this.#connections.get(session)
    if (known === undefined) this.#connections.set(session, author.connection)
    else if (known !== author.connection) {
      fail(
        `${nameOf(author)} stands under a session of another client (${this.#describe(command)})`,
      )
    }
  }

  /** The one call that writes such values; undefined: several may. */
  #author(command: ReplayedCommand): Call | undefined {
    for (const { value } of command.changes) {
      const origin = value === undefined ? undefined : originOf(value)
      if (origin?.type !== 'call') continue
      const call = this.#windows.call(origin.call)
      if (call === undefined || this.#contents.ofCall(call) !== this.#contents.of(command)) {
        fail(`no call asked for this: ${this.#describe(command)}`)
      }
      return call
    }
    return undefined
  }

  /** An acknowledged write names its effect. */
  #claim(call: Call): void {
    const { outcome } = call
    if (outcome?.type !== 'written' || outcome.verdict !== 'applied') return
    // Deletes of what was not there have no effect, and the revision of whatever was before.
    if (outcome.existed === false) return
    const { revision } = outcome
    if (this.#mayHaveFoundNothing(call, revision)) {
      this.#unclear.add(call)
      return
    }
    const effect = this.#replay.effects[revision]
    const owner = this.#claims.get(revision)
    if (effect === undefined || this.#contents.of(effect) !== this.#contents.ofCall(call)) {
      const found = effect === undefined ? 'nothing' : this.#describe(effect)
      fail(`${nameOf(call)} was acknowledged at revision ${revision}, where stands ${found}`)
    }
    if (owner !== undefined) {
      fail(
        `${nameOf(call)} and ${nameOf(owner)} were both told that revision ${revision} is theirs`,
      )
    }
    this.#claims.set(revision, call)
  }

  /** Of a delete it is told whether there was a row; of a batch of deletes it is not. */
  #mayHaveFoundNothing(call: Call, revision: number): boolean {
    const { request } = call
    if (request.kind !== 'batch') return false
    if (request.changes.some(({ value }) => value !== undefined)) return false
    const { from, to } = this.#windows.of(call)
    return this.#contents.copies(call, from, to).some(({ answer, revision: took }) => {
      return took === undefined && answer.status === 'applied' && answer.revision === revision
    })
  }

  /** An effect that somebody was told of. */
  #judgeOwner(effect: ReplayedCommand, owner: Call): void {
    this.#used.add(owner)
    const { from, to } = this.#windows.of(owner)
    if (effect.index <= from || effect.index > to) {
      fail(`${nameOf(owner)} took effect at index ${effect.index}, outside its own time`)
    }
    if (owner.connection === undefined) return
    const session = sessionOf(effect)
    const known = this.#connections.get(session)
    if (known === undefined) this.#connections.set(session, owner.connection)
    else if (known !== owner.connection) {
      fail(`${nameOf(owner)} was told of another client's effect (${this.#describe(effect)})`)
    }
  }

  /** An effect that nobody was told of: somebody must have been left in doubt. */
  #attribute(effect: ReplayedCommand): void {
    const text = this.#contents.of(effect)
    const asking = (text === undefined ? undefined : this.#asking.get(text)) ?? []
    const connection = this.#connections.get(sessionOf(effect))
    const mine = asking.filter(
      (call) =>
        this.#windows.of(call).from < effect.index &&
        mayHaveTime(call, timeOf(effect)) &&
        (connection === undefined || (call.connection ?? connection) === connection),
    )
    const doubtful = mine.filter((call) => mayHaveHadAnEffect(call) || this.#unclear.has(call))
    // Those that say their token's time can own fewer effects than those that do not.
    doubtful.sort((a, b) => Number(saysTime(b)) - Number(saysTime(a)))
    // The record of a `once` key may be deleted between two copies, and is then created again.
    const reusable = (call: Call): boolean => connection === undefined || isOnce(call)
    const owner = doubtful.find((call) => !this.#used.has(call) || reusable(call))
    if (owner !== undefined) {
      this.#used.add(owner)
      return
    }
    const told = mine.map((call) => `${nameOf(call)}: ${shownOutcome(call)}`)
    fail(
      `${this.#describe(effect)} took effect, and of those who asked for it nobody may have had one` +
        ` more: ${told.length === 0 ? 'nobody asked by then' : told.join('; ')}`,
    )
  }

  #describe(command: ReplayedCommand): string {
    const at = command.revision === undefined ? '' : ` revision ${command.revision}`
    return `"${this.#contents.of(command) ?? command.command.kind}" at index ${command.index}${at}`
  }
}

/** Whether the outcome leaves an effect open that the caller was not told of. */
function mayHaveHadAnEffect(call: Call): boolean {
  const { outcome, request } = call
  if (outcome === undefined) return true
  if (outcome.type === 'failed') return outcome.outcome === 'unknown'
  if (outcome.type !== 'written' || outcome.verdict === 'applied') return false
  // Its own copy under a session that has ended may have been the other one.
  return 'token' in request || isOnce(call)
}

function isOnce({ request }: Call): boolean {
  return 'once' in request && request.once
}

function saysTime({ request }: Call): boolean {
  return 'tokenTime' in request && request.tokenTime !== undefined
}

function sessionOf({ command }: ReplayedCommand): string {
  return 'call' in command ? hex(command.call.session) : ''
}

function shownOutcome({ outcome, abandoned }: Call): string {
  if (outcome === undefined) return abandoned === true ? 'abandoned' : 'open'
  if (outcome.type === 'failed') return `${outcome.code} ${outcome.outcome}`
  return outcome.type === 'written' ? `${outcome.verdict} ${outcome.revision}` : outcome.type
}

function fail(what: string): never {
  throw new Violation('S10', what)
}
