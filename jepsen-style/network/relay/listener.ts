/** The port of one directed pair: who dials it is `from`, and is led to `to`. */
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { Chance } from '../../workloads/workload.ts'
import type { Party } from '../links.ts'
import type { RelayClock } from './clock.ts'
import { RelayConnection, relayHost } from './connection.ts'
import type { RuleBook } from './rules.ts'

/** Connections of one pair; nodes hold two and redial once a second at most, clients more. */
const connectionsMax = 1024

/** What a listener is made of. */
export interface ListenerParts {
  readonly from: Party
  readonly to: Party
  /** Where `to` listens itself. */
  readonly targetPort: number
  readonly rules: RuleBook
  readonly chance: Chance
  readonly clock: RelayClock
}

export class RelayListener {
  readonly #parts: ListenerParts
  readonly #server: Server
  readonly #open = new Set<RelayConnection>()

  private constructor(parts: ListenerParts, server: Server) {
    this.#parts = parts
    this.#server = server
    server.on('connection', (socket) => this.#accept(socket))
  }

  /** Listens on this port of the loopback; rejects with the error of `listen`. */
  static async open(port: number, parts: ListenerParts): Promise<RelayListener> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: relayHost, port, backlog: 1024 }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    // An accept that fails later (out of descriptors) costs that connection, not the run.
    server.on('error', () => {})
    return new RelayListener(parts, server)
  }

  /** Rules came or went. */
  rulesChanged(released: boolean): void {
    const { from, to, rules } = this.#parts
    const cuts = rules.cuts(from, to, 'reset')
    for (const connection of this.#open) {
      if (cuts.length === 0) {
        connection.rulesChanged(released)
        continue
      }
      for (const rule of cuts) rule.refused++
      connection.reset()
    }
  }

  /** Resets what is open and gives the port back. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const connection of this.#open) connection.reset()
    await closed
  }

  #accept(socket: Socket): void {
    const { from, to, targetPort, rules, chance, clock } = this.#parts
    const cuts = rules.cuts(from, to, 'reset')
    if (cuts.length > 0 || this.#open.size >= connectionsMax) {
      // A silent cut of the same pair would have held it, and would see nothing otherwise.
      const silent = [...rules.cuts(from, to, 'silent'), ...rules.cuts(to, from, 'silent')]
      for (const rule of [...cuts, ...silent]) rule.refused++
      socket.on('error', () => {})
      socket.resetAndDestroy()
      return
    }
    const connection: RelayConnection = new RelayConnection({
      from,
      to,
      port: targetPort,
      socket,
      rules,
      chance,
      clock,
      onClosed: () => this.#open.delete(connection),
    })
    this.#open.add(connection)
  }
}
