/**
 * A connection through a relay: the socket of the one who dialled, the socket to the one who was
 * meant, and a lane each way.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Chance } from '../../workloads/workload.ts'
import type { Party } from '../links.ts'
import type { RelayClock } from './clock.ts'
import { Lane } from './lane.ts'
import type { Ending } from './lane.ts'
import type { RuleBook } from './rules.ts'

/** All relays, and what stands behind them, live on the loopback. */
export const relayHost = '127.0.0.1'

/** What a connection is made of. */
export interface ConnectionParts {
  /** Who dialled, and whom. */
  readonly from: Party
  readonly to: Party
  /** The port that `to` listens on. */
  readonly port: number
  readonly socket: Socket
  readonly rules: RuleBook
  readonly chance: Chance
  readonly clock: RelayClock
  /** It is over; called once. */
  onClosed(): void
}

export class RelayConnection {
  readonly #parts: ConnectionParts
  readonly #near: Socket
  #far: Socket | undefined
  readonly #out: Lane
  readonly #back: Lane
  readonly #backSource: { current: Socket | undefined } = { current: undefined }
  #nearClosed = false
  #farClosed = false
  #over = false

  constructor(parts: ConnectionParts) {
    const { from, to, rules, chance, clock, socket } = parts
    this.#parts = parts
    this.#near = socket
    const shared = { rules, chance, clock }
    this.#out = new Lane({ ...shared, from, to, side: 'dialler', source: socket })
    const source = this.#backSource
    this.#back = new Lane({
      ...shared,
      from: to,
      to: from,
      side: 'target',
      source: {
        pause: () => source.current?.pause(),
        resume: () => source.current?.resume(),
        resetAndDestroy: () => source.current?.resetAndDestroy(),
      },
    })
    this.#back.attach(socket)
    // What went wrong comes with the `close` that follows.
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => this.#out.push(bytes))
    socket.on('end', () => this.#nearEnded('end'))
    socket.on('close', (broken: boolean) => {
      this.#nearClosed = true
      this.#nearEnded(broken ? 'reset' : 'end')
      this.#back.sinkGone()
      this.#maybeOver()
    })
    const cuts = [...rules.cuts(from, to, 'silent'), ...rules.cuts(to, from, 'silent')]
    for (const rule of cuts) rule.affected++
    this.#maybeDial()
  }

  /** Rules came or went. */
  rulesChanged(released: boolean): void {
    if (this.#over) return
    this.#out.rulesChanged(released)
    this.#back.rulesChanged(released)
    this.#maybeDial()
  }

  /** Ends it at once; both sides get a reset. */
  reset(): void {
    if (this.#over) return
    this.#near.resetAndDestroy()
    this.#resetFar()
    this.#finish()
  }

  #resetFar(): void {
    // One that is not open yet has nobody to be told.
    if (this.#far?.connecting === true) this.#far.destroy()
    else this.#far?.resetAndDestroy()
  }

  /** To open a connection takes packets both ways: with either cut, the dialler hears nothing. */
  #maybeDial(): void {
    const { from, to, rules, port } = this.#parts
    if (this.#far !== undefined || this.#nearClosed || this.#over) return
    if (rules.cuts(from, to, 'silent').length > 0) return
    if (rules.cuts(to, from, 'silent').length > 0) return
    const far = connect({ host: relayHost, port, allowHalfOpen: true, noDelay: true })
    this.#far = far
    this.#backSource.current = far
    far.on('error', () => {})
    far.on('connect', () => this.#out.attach(far))
    far.on('data', (bytes: Buffer) => this.#back.push(bytes))
    far.on('end', () => this.#back.finish('end'))
    far.on('close', (broken: boolean) => {
      this.#farClosed = true
      this.#back.finish(broken ? 'reset' : 'end')
      this.#out.sinkGone()
      this.#maybeOver()
    })
  }

  #nearEnded(how: Ending): void {
    this.#out.finish(how)
    // Whoever gave up before it was let through never was there.
    if (this.#far !== undefined || this.#over) return
    this.#near.destroy()
    this.#finish()
  }

  #maybeOver(): void {
    // With both ends gone there is nobody left to whom what is held could be delivered.
    if (this.#nearClosed && (this.#farClosed || this.#far === undefined)) this.#finish()
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#out.close()
    this.#back.close()
    this.#parts.onClosed()
  }
}
