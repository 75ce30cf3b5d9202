/**
 * Compares the copies of the state, now and then: a row that is gone from one of them has no
 * checksum that could fail. The leader puts a mark into the log; every node takes the digests of
 * its state at that very entry and tells the leader. What a majority of voters has is right; whose
 * state differs leaves it aside and fetches it anew.
 *
 * Where no majority agrees, nobody can tell who is right, and nothing is thrown away: the operator
 * is told.
 */
import { encodeCommand, encodeEntry } from '../command/index.ts'
import type { Digests } from '../command/index.ts'
import { corruptError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Clock, Random } from '../ports.ts'
import type { ProposeResult } from '../raft/index.ts'
import type { DigestFrame } from '../transport/index.ts'
import type { KnownMember } from './member-list.ts'

/** What the ids of these marks begin with, so that those of clients are left alone. */
const prefix = new TextEncoder().encode('audit:')
const nameBytes = 8
/** Digests of one entry that are kept; later ones replace them. */
const reportsMax = 64

interface AuditOptions {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly self: string
  /** How often, ms; 0: never. */
  readonly everyMs: number
  readonly isLeader: () => boolean
  readonly leader: () => string | undefined
  readonly members: () => readonly KnownMember[]
  readonly propose: (data: readonly Uint8Array[]) => ProposeResult
  readonly stamp: () => number
  readonly send: (to: string, frame: DigestFrame) => boolean
  /** This node's state is not what a majority has. */
  readonly onDiffers: (error: Error) => void
  /** Nobody knows whose state is right. */
  readonly onUndecided: () => void
}

interface Round {
  readonly index: number
  /** By node id. */
  readonly reports: Map<string, Pick<Digests, 'effects' | 'rows'>>
  readonly told: Set<string>
  undecided: boolean
}

export class Audit {
  readonly #options: AuditOptions
  #nextAt: number
  #own: Digests | undefined
  #round: Round | undefined

  constructor(options: AuditOptions) {
    this.#options = options
    this.#nextAt = options.clock.monotonic() + options.everyMs
  }

  /** Called often: on the leader, begins a comparison when one is due. */
  tick(now: number): void {
    const { everyMs, isLeader, propose, stamp, random } = this.#options
    if (everyMs === 0 || now < this.#nextAt) return
    this.#nextAt = now + everyMs
    if (!isLeader()) return
    const id = Buffer.concat([prefix, random.bytes(nameBytes)])
    propose([encodeEntry(stamp(), [encodeCommand({ kind: 'mark', id })])])
  }

  /** A mark was passed here; `digests` resolves once the state was read. */
  onMark(id: Uint8Array, digests: Promise<Digests>): void {
    if (!prefix.every((byte, i) => id[i] === byte)) return
    digests.then(
      (own) => this.#taken(own),
      // Another digest is being taken, or the node stops: the next mark comes.
      () => {},
    )
  }

  /** Another node tells what it has, or what a majority has. */
  onFrame(from: string, frame: DigestFrame): void {
    const { isLeader, leader } = this.#options
    if (frame.agreed) {
      if (from === leader()) this.#compare(frame)
    } else if (isLeader()) {
      this.#report(from, frame)
    }
  }

  #taken(own: Digests): void {
    const { self, isLeader, leader, send } = this.#options
    this.#own = own
    const { index, effects, rows } = own
    const to = leader()
    if (isLeader()) this.#report(self, own)
    else if (to !== undefined)
      send(to, { type: 'stateDigest', index, effects, rows, agreed: false })
  }

  #report(from: string, { index, effects, rows }: Digests): void {
    // Who is no member may say any index, and with a high one nobody else would be heard any more.
    if (!this.#options.members().some(({ id }) => id === from)) return
    if (index < (this.#round?.index ?? 0)) return
    if (this.#round?.index !== index) {
      this.#round = { index, reports: new Map(), told: new Set(), undecided: false }
    }
    const { reports } = this.#round
    if (reports.size < reportsMax || reports.has(from)) reports.set(from, { effects, rows })
    this.#judge(this.#round)
  }

  #judge(round: Round): void {
    const { self, members, send, logger, onUndecided } = this.#options
    const voters = members().filter(({ voter }) => voter)
    const name = ({ effects, rows }: Pick<Digests, 'effects' | 'rows'>): string =>
      `${effects} ${rows}`
    const counts = new Map<string, number>()
    for (const { id } of voters) {
      const report = round.reports.get(id)
      if (report !== undefined) counts.set(name(report), (counts.get(name(report)) ?? 0) + 1)
    }
    const [agreed] = [...counts].find(([, count]) => count * 2 > voters.length) ?? []
    if (agreed === undefined) {
      const isWhole = voters.every(({ id }) => round.reports.has(id))
      if (!isWhole || counts.size < 2 || round.undecided) return
      round.undecided = true
      logger.error('the copies of the state differ, and no majority agrees', { index: round.index })
      onUndecided()
      return
    }
    for (const [id, report] of round.reports) {
      if (name(report) === agreed || round.told.has(id)) continue
      round.told.add(id)
      const [effects = '', rows = ''] = agreed.split(' ')
      const frame = {
        type: 'stateDigest',
        index: round.index,
        effects,
        rows,
        agreed: true,
      } as const
      logger.error('a copy of the state differs from the majority', {
        node: id,
        index: round.index,
      })
      if (id === self) this.#compare(frame)
      else send(id, frame)
    }
  }

  #compare({ index, effects, rows }: DigestFrame): void {
    const own = this.#own
    if (own?.index !== index || (own.effects === effects && own.rows === rows)) return
    const what = `at entry ${index} its digests are not those of a majority`
    this.#options.onDiffers(corruptError('the state', 0, what))
  }
}
