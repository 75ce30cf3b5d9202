/**
 * S9: the history that clients saw is linearizable (Herlihy and Wing, 1990), over the whole
 * database. The log gives a total order of all effects, so that nothing has to be searched for:
 * each answer must be right at a place of the log within the window of its call (`windows.ts`).
 * This finds a waiter that was answered by another leader's entry (`redisraft#52`), reads before
 * the first commit of a term (`etcd#7331`), by a leader that no longer leads (etcd and Consul,
 * Jepsen 2014), confirmed by an old acknowledgement (`etcd-io/raft#397`), or ahead of applying
 * (`etcd#3879`), and scans that mix two states.
 *
 * Stale reads are right at any place up to their end. Those of a client that is pinned to one node
 * never go back while that node lives (`docs/consistency.md`, reads).
 */
import { unreachable } from '../../../src/assert.ts'
import type { Check } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import type { Call, Outcome } from '../workload/history.ts'
import { isSameVerdict, nameOf, verdictOf } from './answers.ts'
import type { Contents } from './contents.ts'
import type { Told } from './told.ts'
import { PinnedFloors } from './pinned-floors.ts'
import { placeOfGet, placeOfScan, tellScan } from './places.ts'
import type { Replay } from './replay.ts'
import type { Window, Windows } from './windows.ts'
import { judgeWrite } from './write-answers.ts'

type Of<K extends Call['request']['kind']> = Extract<Call['request'], { readonly kind: K }>
type Read = Extract<Outcome, { readonly type: 'read' }>
type Token = Extract<Outcome, { readonly type: 'token' }>

/** S9; see the head of the file. */
export class Linearizable implements Check {
  readonly name = 'S9'
  readonly #replay: Replay
  readonly #windows: Windows
  readonly #contents: Contents

  constructor({ replay, windows, contents }: Told) {
    this.#replay = replay
    this.#windows = windows
    this.#contents = contents
  }

  atEnd(): void {
    this.#replay.advance()
    const floors = new PinnedFloors()
    // In the order of their ends: where a pinned client's earlier reads stood is then known.
    for (const call of this.#windows.ended) {
      const { outcome } = call
      if (outcome === undefined) continue
      const window = this.#windows.of(call)
      const place = this.#read(call, outcome, window, floors)
      if (place !== undefined) floors.add(call, window, place)
      else judgeWrite(call, outcome, this.#contents.copies(call, window.from, window.to))
    }
  }

  /** Where a read stands; undefined: it is none, or says nothing. */
  #read(call: Call, outcome: Outcome, window: Window, floors: PinnedFloors): number | undefined {
    const { request } = call
    const stale = 'consistency' in request && request.consistency === 'stale'
    const from = stale ? floors.before(call, window) : window.from
    switch (request.kind) {
      case 'get':
        if (outcome.type !== 'read') return undefined
        return this.#get(call, request, outcome, { ...window, from })
      case 'scan': {
        const seen = seenByScan(outcome)
        if (seen === undefined) return undefined
        return this.#scan(call, request, seen, { ...window, from })
      }
      case 'verdict':
        if (outcome.type !== 'token' || request.fence) return undefined
        return this.#verdict(call, request, outcome, { ...window, from })
      case 'put':
      case 'delete':
      case 'batch':
      case 'setting':
        return undefined
      default:
        return unreachable(request)
    }
  }

  #get(call: Call, request: Of<'get'>, outcome: Read, window: Window): number {
    const { rows, readRevision } = outcome
    const asked = { keys: request.keys, rows, readRevision }
    const place = placeOfGet(this.#replay, asked, window.from, window.to)
    if (place !== undefined) return place
    const shown = request.keys.map((key, i) => `${key} = ${rows[i]?.value ?? 'none'}`)
    const earlier = placeOfGet(this.#replay, asked, 0, window.from)
    return this.#fail(call, `read ${shown.join(', ')}`, window, earlier)
  }

  #scan(call: Call, request: Of<'scan'>, seen: Seen, window: Window): number {
    const { rows, readRevision } = seen
    const wrong = tellScan(this.#replay, request, seen)
    if (wrong !== undefined) {
      throw new Violation(this.name, `${nameOf(call)} at revision ${readRevision}: ${wrong}`)
    }
    const place = placeOfScan(this.#replay, readRevision, window.from, window.to)
    if (place !== undefined) return place
    const earlier = placeOfScan(this.#replay, readRevision, 0, window.from)
    return this.#fail(call, `saw ${rows.length} rows at revision ${readRevision}`, window, earlier)
  }

  #verdict(call: Call, request: Of<'verdict'>, outcome: Token, window: Window): number {
    const { token, tokenTime } = request
    const told = verdictOf(outcome)
    const find = (from: number, to: number): number | undefined => {
      for (let index = from; index <= Math.min(to, this.#replay.lastIndex); index++) {
        if (isSameVerdict(told, this.#replay.verdictAt(token, index, tokenTime))) return index
      }
      return undefined
    }
    const place = find(window.from, window.to)
    if (place !== undefined) return place
    const what = `was told that ${token} is ${outcome.state} (revision ${outcome.revision ?? '-'})`
    return this.#fail(call, what, window, find(0, window.from))
  }

  #fail(call: Call, what: string, window: Window, earlier: number | undefined): never {
    const { from, to } = window
    const range = `at no index from ${from} to ${Math.min(to, this.#replay.lastIndex)}`
    const known = earlier === undefined ? undefined : this.#witness(call, earlier)
    const old = earlier === undefined ? 'nor at any before' : `but at ${earlier}`
    const ended = known === undefined ? '' : `; ${nameOf(known)}, which ended before, stood later`
    throw new Violation(this.name, `${nameOf(call)} ${what}: so it is ${range}, ${old}${ended}`)
  }

  /** A write that was acknowledged before this call began and has changed what it saw. */
  #witness(call: Call, place: number): Call | undefined {
    const { begun } = this.#windows.of(call)
    const revision = this.#replay.revisionAt(place)
    return this.#windows.ended.find((other) => {
      const { outcome } = other
      if (outcome?.type !== 'written' || outcome.verdict !== 'applied') return false
      return outcome.revision > revision && this.#windows.of(other).ended < begun
    })
  }
}

interface Seen extends Pick<Read, 'rows'> {
  readonly readRevision: number
  /** It ended early: what it saw are the first rows. */
  readonly partial: boolean
}

/** What a scan saw; undefined where it saw nothing, not even a revision. */
function seenByScan(outcome: Outcome): Seen | undefined {
  if (outcome.type === 'failed') {
    return outcome.partial === undefined ? undefined : { ...outcome.partial, partial: true }
  }
  if (outcome.type !== 'read') return undefined
  const { rows, readRevision } = outcome
  if (readRevision !== undefined) return { rows, readRevision, partial: false }
  if (rows.length === 0) return undefined
  throw new Violation('S9', 'a scan has rows and no revision')
}
