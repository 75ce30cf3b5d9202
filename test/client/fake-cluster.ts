/**
 * A cluster as unreliable as it may be: it loses connections before and after a write took effect,
 * holds copies back and applies them much later, ends sessions, and moves the leader about. Its
 * state machine is a few lines of naive code, apart from the real one, and counts every effect.
 */
import { decodeCommand } from '../../src/command/index.ts'
import type { Answer, Command } from '../../src/command/index.ts'
import { randomFraction } from '../../src/random.ts'
import type { SeededRandom } from '../../src/random.ts'
import type { Request } from '../../src/transport/client-protocol.ts'
import { answer, commandBytes, error, sessionOf, startTime } from './fake-node.ts'
import type { FakeNode, Reaction } from './fake-node.ts'

type Write = Extract<Command, { kind: 'write' }>

/** How often each thing goes wrong, per request. */
export interface Faults {
  readonly loseBefore: number
  readonly loseAfter: number
  readonly holdBack: number
  readonly refuse: number
  readonly moveLeader: number
  readonly endSessions: number
  readonly ahead: number
}

interface SessionState {
  readonly answers: Map<number, Answer>
  firstOutstanding: number
}

export class FakeCluster {
  /** How many times each written value took effect. */
  readonly effects = new Map<string, number>()
  readonly #random: SeededRandom
  readonly #nodes: readonly FakeNode[]
  readonly #faults: Faults
  readonly #sessions = new Map<string, SessionState>()
  readonly #dead = new Set<string>()
  readonly #tokens = new Map<string, { value: string; revision: number }>()
  readonly #rows = new Map<string, { value: string; revision: number }>()
  readonly #heldBack: Uint8Array[] = []
  #revision = 0
  calm = false

  constructor(random: SeededRandom, nodes: readonly FakeNode[], faults: Faults) {
    this.#random = random
    this.#nodes = nodes
    this.#faults = faults
    for (const node of nodes) node.react = (request) => this.#react(node, request)
  }

  /** Every copy that is still under way arrives after all. */
  settle(): void {
    for (const copy of this.#heldBack.splice(0)) this.#apply(copy)
  }

  #react(node: FakeNode, request: Request): Reaction {
    if (request.kind !== 'write') return error('QUORATE_INTERNAL')
    const f = this.#faults
    this.#lateArrivals()
    if (this.#happens(f.moveLeader)) this.#moveLeader()
    if (this.#happens(f.endSessions)) this.#endSessions()
    if (node.leader !== node.id) {
      const details = node.leader === undefined ? {} : { leader: node.leader }
      return error('QUORATE_NOT_LEADER', { details })
    }
    if (this.#happens(f.refuse)) {
      return error(this.#happens(0.5) ? 'QUORATE_OVERLOADED' : 'QUORATE_STOPPING')
    }
    const bytes = commandBytes(request)
    if (this.#happens(f.loseBefore)) return 'cut'
    if (this.#happens(f.holdBack)) {
      this.#heldBack.push(bytes)
      return this.#happens(0.5) ? 'cut' : error('QUORATE_LEADERSHIP_LOST')
    }
    if (this.#happens(f.ahead)) {
      return answer({ status: 'refused', code: 'QUORATE_SESSION_AHEAD', decided: false })
    }
    const answered = this.#apply(bytes)
    return this.#happens(f.loseAfter) ? 'cut' : answer(answered, startTime)
  }

  #happens(chance: number): boolean {
    return !this.calm && randomFraction(this.#random) < chance
  }

  #lateArrivals(): void {
    for (let i = this.#heldBack.length - 1; i >= 0; i--) {
      if (!this.#happens(0.3)) continue
      const [copy] = this.#heldBack.splice(i, 1)
      if (copy !== undefined) this.#apply(copy)
    }
  }

  #moveLeader(): void {
    const leader = this.#nodes[this.#random.uint32() % this.#nodes.length]
    for (const node of this.#nodes) {
      node.term++
      node.leader = leader?.id
    }
  }

  #endSessions(): void {
    for (const session of this.#sessions.keys()) this.#dead.add(session)
    this.#sessions.clear()
  }

  #apply(bytes: Uint8Array): Answer {
    const command = decodeCommand(bytes)
    if (command.kind !== 'write') return { status: 'done' }
    const name = sessionOf(command)
    if (this.#dead.has(name)) return undecided('QUORATE_SESSION_EXPIRED')
    const fresh = { answers: new Map<number, Answer>(), firstOutstanding: 1 }
    const session = this.#sessions.get(name) ?? fresh
    this.#sessions.set(name, session)
    const { sequence, firstOutstanding } = command.call
    const before = session.answers.get(sequence)
    if (before !== undefined) return before
    if (sequence < session.firstOutstanding) return undecided('QUORATE_SESSION_FORGOTTEN')
    session.firstOutstanding = Math.max(session.firstOutstanding, firstOutstanding)
    for (const old of session.answers.keys()) {
      if (old < session.firstOutstanding) session.answers.delete(old)
    }
    const decided = this.#decide(command)
    session.answers.set(sequence, decided)
    return decided
  }

  #decide({ identity, operation }: Write): Answer {
    if (operation.kind !== 'put') return { status: 'done' }
    const key = Buffer.from(operation.key).toString()
    const value = Buffer.from(operation.value).toString()
    const token = identity.kind === 'token' ? Buffer.from(identity.token).toString() : undefined
    const row = this.#rows.get(key)
    const first = identity.kind === 'once' ? row : this.#tokens.get(token ?? '')
    if (first !== undefined) {
      const { revision } = first
      if (first.value === value) return { status: 'duplicate', revision }
      return { status: 'mismatch', revision, payloadHash: new Uint8Array(16) }
    }
    const found = row?.revision ?? 0
    if (operation.ifRevision !== undefined && operation.ifRevision !== found) {
      return { status: 'conflict', operation: 0, revision: found }
    }
    const revision = ++this.#revision
    this.#rows.set(key, { value, revision })
    if (token !== undefined) this.#tokens.set(token, { value, revision })
    this.effects.set(value, (this.effects.get(value) ?? 0) + 1)
    return { status: 'applied', revision }
  }
}

function undecided(code: 'QUORATE_SESSION_EXPIRED' | 'QUORATE_SESSION_FORGOTTEN'): Answer {
  return { status: 'refused', code, decided: false }
}
