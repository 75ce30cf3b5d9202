/**
 * Hands the leadership over: because somebody asked, because this node stops, or because another
 * member is preferred. All of it is the core's transfer (thesis, section 3.10); here is who waits
 * for its end.
 */
import { unreachable } from '../assert.ts'
import type { TransferRefusal, TransferResult, TransferStart } from '../raft/index.ts'
import type { WireError } from '../transport/index.ts'
import type { KnownMember } from './member-list.ts'
import type { ReplyTo } from './replies.ts'
import { wireError } from './replies.ts'

const waitingMax = 64
/** A preferred member must have been close for so long, and the leader have led for so long. */
const stableMs = 10_000
/** After an attempt the next one waits; after each that did not succeed twice as long. */
const backOffMs = 60_000
const backOffMsMax = 3_600_000
/**
 * A leader that takes no writes asks one voter after the other to take over, so often; the first one
 * after a moment, in which the others have looked at their disks as well.
 */
const yieldEveryMs = 10_000
const yieldAfterMs = 2_000
/** How often a node that stops tries to hand over. */
const handOverAttemptsMax = 2
const lookEveryMs = 500

interface LeadershipOptions {
  readonly self: string
  readonly now: () => number
  readonly transfer: (to: string | undefined) => TransferStart
  readonly isLeader: () => boolean
  readonly members: () => readonly KnownMember[]
  /** Whether a follower is reachable and holds nearly all of the log. */
  readonly isClose: (id: string) => boolean
  readonly notLeader: () => WireError
}

interface Waiting {
  readonly session: ReplyTo
  readonly requestId: number
  readonly deadline: number
}

export class Leadership {
  readonly #options: LeadershipOptions
  #waiting: Waiting[] = []
  #handedOver: (() => void)[] = []
  /** Since when this node leads, and a preferred member has been close; monotonic ms. */
  #leadsSince: number | undefined
  #closeSince: { readonly id: string; readonly since: number } | undefined
  #notBefore = -Infinity
  #backOffMs = backOffMs
  /** To whom the leadership is being handed over because it is preferred. */
  #preferring: string | undefined
  #fullSince: number | undefined
  #yieldNotBefore = -Infinity
  #yields = 0
  #lookedAt = -Infinity

  constructor(options: LeadershipOptions) {
    this.#options = options
  }

  /** A client asks; answered when it is over. */
  ask(session: ReplyTo, requestId: number, to: string | undefined, deadline: number): void {
    const waiting = { session, requestId, deadline }
    const { self, isLeader, notLeader, transfer } = this.#options
    if (!isLeader()) {
      fail(waiting, notLeader())
    } else if (to === self) {
      session.reply({ id: requestId, kind: 'transferred', leader: self })
    } else if (this.#waiting.length >= waitingMax) {
      fail(waiting, refused('inProgress'))
    } else {
      this.#begin(waiting, transfer(to))
    }
  }

  /** How transfers ended that this node began. */
  ended(results: readonly TransferResult[]): void {
    for (const { to, outcome } of results) {
      if (to === this.#preferring && outcome !== 'done') {
        this.#backOffMs = Math.min(backOffMsMax, 2 * this.#backOffMs)
      }
      const waiting = this.#waiting
      this.#waiting = []
      for (const each of waiting) {
        if (outcome === 'done') {
          each.session.reply({ id: each.requestId, kind: 'transferred', leader: to })
        } else {
          fail(each, didNotEnd(to, outcome))
        }
      }
    }
    if (results.length > 0) this.#preferring = undefined
    this.#release()
  }

  roleChanged(isLeader: boolean): void {
    this.#leadsSince = isLeader ? this.#options.now() : undefined
    this.#closeSince = undefined
    this.#backOffMs = backOffMs
    if (!isLeader) this.#release()
  }

  /**
   * Called often: gives up waiting in time, and hands over to who is preferred; where the disk is
   * full, and writes are refused because of it, to whoever takes them.
   */
  tick(now: number, diskFull: boolean): void {
    const expired = this.#waiting.filter((waiting) => waiting.deadline <= now)
    if (expired.length > 0) {
      this.#waiting = this.#waiting.filter((waiting) => waiting.deadline > now)
      for (const waiting of expired) fail(waiting, didNotEnd(undefined, 'timedOut'))
    }
    if (now - this.#lookedAt < lookEveryMs) return
    this.#lookedAt = now
    if (diskFull) {
      this.#fullSince ??= now
      this.#yield(now, this.#fullSince)
    } else {
      this.#fullSince = undefined
      this.#prefer(now)
    }
  }

  /**
   * Hands over before this node stops; resolves when it leads no more, or cannot get rid of it. A
   * node alone, or without anybody in reach, resolves at once.
   */
  async handOver(): Promise<void> {
    const { isLeader, transfer } = this.#options
    // Who is asked first may not take it up; so another one is, once.
    for (let attempt = 1; attempt <= handOverAttemptsMax && isLeader(); attempt++) {
      const start = transfer(undefined)
      if (start.type === 'notLeader') return
      if (start.type === 'refused' && start.reason !== 'inProgress') return
      await new Promise<void>((resolve) => this.#handedOver.push(resolve))
    }
  }

  /** The node ends: nobody waits any longer. */
  failAll(error: WireError): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const each of waiting) fail(each, error)
    this.#release()
  }

  #begin(waiting: Waiting, start: TransferStart): void {
    switch (start.type) {
      case 'started':
        this.#waiting.push(waiting)
        return
      case 'notLeader':
        fail(waiting, this.#options.notLeader())
        return
      case 'refused':
        fail(waiting, refused(start.reason))
        return
      default:
        unreachable(start)
    }
  }

  #release(): void {
    const resolvers = this.#handedOver
    this.#handedOver = []
    for (const resolve of resolvers) resolve()
  }

  /** Leadership returns to a voter with a higher priority once both have been stable for a while. */
  #prefer(now: number): void {
    const { self, members, isClose, transfer } = this.#options
    if (this.#leadsSince === undefined || now < this.#notBefore) return
    const voters = members().filter((member) => member.voter)
    const own = voters.find(({ id }) => id === self)?.priority ?? 0
    const better = voters
      .filter(({ id, priority }) => priority > own && isClose(id))
      .toSorted((a, b) => b.priority - a.priority)[0]
    if (better === undefined) {
      this.#closeSince = undefined
      return
    }
    if (this.#closeSince?.id !== better.id) this.#closeSince = { id: better.id, since: now }
    if (now - this.#leadsSince < stableMs || now - this.#closeSince.since < stableMs) return
    this.#notBefore = now + this.#backOffMs
    if (transfer(better.id).type === 'started') this.#preferring = better.id
  }

  /**
   * One full disk must not stop all writes. Nobody knows here who has room: who has none does not
   * take the leadership up, and then it is the next one's turn.
   */
  #yield(now: number, fullSince: number): void {
    const { self, members, isClose, transfer } = this.#options
    if (this.#leadsSince === undefined || now < this.#yieldNotBefore) return
    if (now - fullSince < yieldAfterMs) return
    const others = members().filter(({ id, voter }) => voter && id !== self && isClose(id))
    const next = others[this.#yields % others.length]
    if (next === undefined) return
    this.#yields++
    this.#yieldNotBefore = now + yieldEveryMs
    transfer(next.id)
  }
}

const refusals: Readonly<Record<TransferRefusal, string>> = {
  alreadyLeader: 'it leads already',
  inProgress: 'the leadership is being handed over already',
  unknownMember: 'there is no such member',
  notVoter: 'it has no vote, so it cannot lead',
  unreachable: 'no voter that could take over is in reach',
}

function refused(reason: TransferRefusal): WireError {
  return wireError('QUORATE_TRANSFER', refusals[reason], { details: { reason } })
}

function didNotEnd(to: string | undefined, outcome: 'otherLeader' | 'timedOut'): WireError {
  const whom = to ?? 'the other'
  const message =
    outcome === 'otherLeader'
      ? `another than ${whom} leads now`
      : `${whom} did not take over within its time`
  return wireError('QUORATE_TRANSFER', message, {
    outcome: 'unknown',
    details: { reason: outcome },
  })
}

function fail({ session, requestId }: Waiting, error: WireError): void {
  session.reply({ id: requestId, kind: 'error', error })
}
