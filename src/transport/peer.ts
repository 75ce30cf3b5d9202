/**
 * One other node: the two links that we dial to it, the two that it dialled to us, and what it told
 * of itself. It is a member, whom we dial for as long as it is one, or a guest, who came to us.
 *
 * A guest is dialled at the address that it told, for as long as it sends messages: they may want
 * answers. One that only keeps its links alive costs nothing but those.
 */
import { assert } from '../assert.ts'
import type { Cancel } from '../ports.ts'
import type { AcceptedLink } from './peer-acceptor.ts'
import type { Advertised, PeerContext, Refusal } from './peer-context.ts'
import { PeerLink, type PeerTarget } from './peer-link.ts'

/** What a peer tells its owner. */
export interface PeerEvents {
  /** A link of ours stands. */
  onLinked(peer: Peer): void
  onRefused(peer: Peer, refusal: Refusal): void
  /** A guest without any link: nothing is to be known of it any more. */
  onGone(peer: Peer): void
}

export class Peer {
  readonly id: string
  readonly accepted: { control: AcceptedLink | undefined; bulk: AcceptedLink | undefined } = {
    control: undefined,
    bulk: undefined,
  }
  advertised: Advertised | undefined
  refused: Refusal | undefined
  readonly #context: PeerContext
  readonly #events: PeerEvents
  #target: PeerTarget
  #control: PeerLink
  #bulk: PeerLink
  /** Since when a guest has sent nothing; undefined: it is a member. */
  #guestSince: number | undefined
  #cancelIdle: Cancel = () => {}

  constructor(target: PeerTarget, context: PeerContext, events: PeerEvents) {
    this.id = target.id
    this.#target = target
    this.#context = context
    this.#events = events
    this.#control = this.#link('control')
    this.#bulk = this.#link('bulk')
  }

  get target(): PeerTarget {
    return this.#target
  }

  get control(): PeerLink {
    return this.#control
  }

  get bulk(): PeerLink {
    return this.#bulk
  }

  get isGuest(): boolean {
    return this.#guestSince !== undefined
  }

  /** When a guest was heard last, monotonic ms. */
  get heardAt(): number {
    return this.#guestSince ?? Infinity
  }

  get isConnected(): boolean {
    return this.#control.isOpen && this.#bulk.isOpen
  }

  /** Dials, unless it does already. */
  start(): void {
    if (this.#control.isStopped) this.#control.start()
    if (this.#bulk.isStopped) this.#bulk.start()
  }

  /** From now on a member, to be dialled there. */
  becomeMember(target: PeerTarget): void {
    this.#cancelIdle()
    this.#guestSince = undefined
    this.moveTo(target)
  }

  /** Not a member, or not any more: it is dialled for as long as it has something to say. */
  becomeGuest(): void {
    this.#cancelIdle()
    this.#guestSince = this.#context.clock.monotonic()
    this.#watchIdle()
    this.#maybeGone()
  }

  /** To be dialled at another address from now on; `start` does it. */
  moveTo(target: PeerTarget): void {
    assert(target.id === this.id, 'a node keeps its name')
    if (target.peerAddress === this.#target.peerAddress) return
    this.stop('its address changed')
    this.#target = target
    this.#control = this.#link('control')
    this.#bulk = this.#link('bulk')
  }

  /** It sent something that counts: a guest gets answers. */
  heard(): void {
    if (this.#guestSince === undefined) return
    this.#guestSince = this.#context.clock.monotonic()
    if (!this.#control.isStopped) return
    this.start()
    this.#watchIdle()
  }

  /**
   * It is there, and it is the right one. A link that was refused, by whoever was at its address
   * before, would else be tried again only after up to half a minute, and entries travel on one.
   */
  hurry(): void {
    this.#control.hurry()
    this.#bulk.hurry()
  }

  /** An accepted link is gone. */
  dropAccepted(link: AcceptedLink): void {
    if (this.accepted.control === link) this.accepted.control = undefined
    if (this.accepted.bulk === link) this.accepted.bulk = undefined
    this.#maybeGone()
  }

  flush(): void {
    this.#control.flush()
    this.#bulk.flush()
  }

  /** Stops our own links. */
  stop(reason: string): void {
    this.#control.stop(reason)
    this.#bulk.stop(reason)
  }

  /** Cuts all links; ours are dialled again. */
  cut(reason: string): void {
    this.#control.redial(reason)
    this.#bulk.redial(reason)
    this.accepted.control?.close(reason)
    this.accepted.bulk?.close(reason)
  }

  /** Stops all links, in both directions. */
  close(reason: string): void {
    this.#cancelIdle()
    this.stop(reason)
    this.accepted.control?.close(reason)
    this.accepted.bulk?.close(reason)
  }

  #link(kind: 'control' | 'bulk'): PeerLink {
    const link: PeerLink = new PeerLink(kind, this.#target, this.#context, {
      onOpen: () => {
        this.refused = undefined
        this.hurry()
        this.#events.onLinked(this)
      },
      // Both take the same path. A dead one is noticed on `control`, where nothing queues; to
      // wait for `bulk` to notice, too, would leave followers without entries after a heal.
      onLost: (silent) => {
        if (silent && link === this.#control) this.#bulk.redial('no sign of life on control')
      },
      onRefused: (refusal) => this.#events.onRefused(this, refusal),
    })
    return link
  }

  #watchIdle(): void {
    this.#cancelIdle()
    const { clock, limits } = this.#context
    const idleFor = (): number => clock.monotonic() - this.heardAt
    this.#cancelIdle = clock.timer(Math.max(0, limits.guestIdleMs - idleFor()), () =>
      // Not before what has arrived is read.
      clock.soon(() => {
        if (!this.isGuest || this.#control.isStopped) return
        if (idleFor() < limits.guestIdleMs) return this.#watchIdle()
        this.stop('it is no member and has nothing to say')
        this.#maybeGone()
      }),
    )
  }

  #maybeGone(): void {
    const { control, bulk } = this.accepted
    if (!this.isGuest || control !== undefined || bulk !== undefined) return
    if (this.#control.isStopped) this.#events.onGone(this)
  }
}
