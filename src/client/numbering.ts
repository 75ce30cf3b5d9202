/**
 * Gives calls their names: the session, and a sequence within its window. Calls for which the
 * window has no room wait here, in order.
 */
import { assert } from '../assert.ts'
import { decodeCommand, encodeCommand } from '../command/index.ts'
import type { CallId } from '../command/index.ts'
import type { Random } from '../ports.ts'
import type { Call } from './call.ts'
import type { ClusterTime } from './cluster-time.ts'
import type { StatusEvents } from './events.ts'
import { mayCross } from './outcome.ts'
import { Session } from './session.ts'

/** Sessions opened for one call: a cluster that refuses each new one will refuse the next. */
const renewalsMax = 3

export interface NumberingOptions {
  readonly random: Random
  readonly clusterTime: ClusterTime
  readonly events: StatusEvents
  /** A call that waited has its name, and can be sent. */
  readonly onNumbered: (call: Call) => void
}

export class Numbering {
  readonly #options: NumberingOptions
  /** Its size is bounded by that of all open calls. */
  readonly #waiting = new Set<Call>()
  /** Born with the first write, replaced when it has expired. */
  #session: Session | undefined
  #closed = false

  constructor(options: NumberingOptions) {
    this.#options = options
  }

  /** The session's id, where a node may know it. */
  get usedSession(): Uint8Array | undefined {
    return this.#session?.used === true ? this.#session.id : undefined
  }

  /** What the next call will be called. */
  upcoming(): CallId {
    return this.#current().upcoming()
  }

  /** Gives the call the name under which it was encoded, or, without room, has it wait for one. */
  take(call: Call, encodedAs: CallId): boolean {
    const session = this.#current()
    const { session: id, sequence } = session.upcoming()
    assert(encodedAs.session === id, 'a call is encoded under the present session')
    assert(encodedAs.sequence === sequence, 'a call is encoded under a sequence still free')
    if (!session.hasRoom || this.#waiting.size > 0) {
      this.#wait(call)
      return false
    }
    this.#give(call, session)
    return true
  }

  /** The call has ended. */
  release(call: Call): void {
    this.#waiting.delete(call)
    call.session?.release(call.sequence)
    call.session = undefined
    this.#pump()
  }

  /** Nobody gets a name any more. */
  close(): void {
    this.#closed = true
  }

  /**
   * The call's session is not in the table. `dead`: it never will be again. That attempt had no
   * effect, but an earlier one without an answer may have had one while the session lived, and a
   * new session would not know of it (jetcd 0.8.2 lost updates by going on regardless). So only a
   * call that is caught otherwise goes on, under a new name. False: it must end.
   */
  onSessionEnded(call: Call, dead: boolean, clusterTime: number): boolean {
    const { session } = call
    assert(session !== undefined, 'only a call of a session can find it ended')
    if (session === this.#session) {
      this.#options.events.emit({ type: 'session', state: 'expired' })
      this.#options.clusterTime.reset(clusterTime)
      this.#session = undefined
    }
    if (call.doubt.any && !mayCross(call.identity, dead)) return false
    if (call.renewals++ >= renewalsMax) return false
    call.doubt.cross(dead)
    session.release(call.sequence)
    call.session = undefined
    this.#wait(call)
    this.#pump()
    return true
  }

  #wait(call: Call): void {
    call.phase = 'window'
    this.#waiting.add(call)
  }

  /** Gives names to those that wait, as far as the window reaches. */
  #pump(): void {
    if (this.#closed) return
    for (const call of this.#waiting) {
      const session = this.#current()
      if (!session.hasRoom) return
      this.#waiting.delete(call)
      rename(call, session.upcoming())
      this.#give(call, session)
      this.#options.onNumbered(call)
    }
  }

  #give(call: Call, session: Session): void {
    call.session = session
    call.sequence = session.take()
  }

  #current(): Session {
    const { random, clusterTime, events } = this.#options
    if (this.#session === undefined) {
      this.#session = new Session(random, clusterTime.now())
      events.emit({ type: 'session', state: 'opened' })
    }
    return this.#session
  }
}

/** The same command under another name; token and token time stay what they are. */
function rename(call: Call, id: CallId): void {
  assert(call.body.kind === 'write', 'only a write has a name')
  const command = decodeCommand(call.body.command)
  assert('call' in command, 'only a sequenced command is renamed')
  call.body = { kind: 'write', command: encodeCommand({ ...command, call: id }) }
}
