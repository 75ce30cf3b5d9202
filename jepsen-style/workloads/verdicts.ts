/**
 * Judges what was said of tokens, or of keys that are put `once`: exactly once, first write wins,
 * and everybody is told the same. One identity is an object of its own: nothing is recorded, then one
 * payload is, at one revision, for good; or it is cancelled, for good.
 *
 * - At most one write is told `applied`. All others are told its revision: `duplicate` those with
 *   its payload, `mismatch` those with another.
 * - Nothing is told of a write that was not asked for, or not yet, or that had failed for sure.
 * - After something was told to be recorded, nobody is told that it is absent.
 * - A token that was cancelled never has an effect.
 * - In the end the row is there, as the winner wrote it.
 */
import type { Operation } from '../history/index.ts'
import { at, counted, Findings } from './findings.ts'
import { groupBy } from './group.ts'
import { lastBegun } from './timeline.ts'
import type { CheckResult } from './workload.ts'

/** What a call said, or asked, about one identity. */
export interface Statement {
  readonly operation: Operation
  /** The token, or the key. */
  readonly identity: string
  readonly about: Said
}

/** The ways to speak of an identity; `payload` names what a write was to store. */
export type Said =
  | {
      readonly type: 'told'
      readonly verdict: 'applied' | 'duplicate' | 'mismatch'
      readonly payload: string
      readonly revision: number
      readonly hash?: string
    }
  /** A write of which nobody knows whether it took effect. */
  | { readonly type: 'open'; readonly payload: string }
  /** A write that surely did not; `cancelled`: because the token was fenced. */
  | { readonly type: 'refused'; readonly payload: string; readonly cancelled: boolean }
  /** A query of the token: it was used. */
  | { readonly type: 'recorded'; readonly revision: number; readonly hash?: string }
  | { readonly type: 'absent'; readonly fenced: boolean }
  /** A fence of which nobody knows whether it took effect. */
  | { readonly type: 'openFence' }
  /** A row as it was read; undefined: there was none. */
  | { readonly type: 'row'; readonly row: StoredRow | undefined }

/** A row, and the name of the payload that it is; undefined: bytes that nobody wrote. */
export interface StoredRow {
  readonly payload: string | undefined
  readonly revision: number
}

interface Counts {
  acknowledged: number
  lost: number
  doubled: number
  unread: number
}

/** Checks it; see the head of the file. `what` names the identities, in the singular, for people. */
export function checkVerdicts(statements: readonly Statement[], what: string): CheckResult {
  const findings = new Findings('exactly-once')
  const counts: Counts = { acknowledged: 0, lost: 0, doubled: 0, unread: 0 }
  const groups = groupBy(statements, ({ identity }) => identity)
  for (const [identity, group] of groups) {
    new Judge(`${what} ${identity}`, group, findings).judge(counts)
  }
  const { acknowledged, unread } = counts
  return findings.result(
    `Of ${counted(groups.size, what)}, ${acknowledged} were acknowledged: each took effect once, all were told the same, and the first write is what is stored.`,
    { identities: groups.size, ...counts },
    unread > 0
      ? `The rows of ${unread} that were acknowledged could not be read in the end.`
      : undefined,
  )
}

/** A statement that shows that the identity was used. */
interface Evidence {
  readonly operation: Operation
  readonly revision: number
  /** The winner's; undefined: it does not tell. */
  readonly payload: string | undefined
  /** Not the winner's; undefined: it does not tell. */
  readonly otherPayload: string | undefined
  readonly hash: string | undefined
}

/** Judges one identity. */
class Judge {
  readonly #name: string
  readonly #statements: readonly Statement[]
  readonly #findings: Findings
  readonly #evidence: readonly Evidence[]

  constructor(name: string, statements: readonly Statement[], findings: Findings) {
    this.#name = name
    this.#statements = statements
    this.#findings = findings
    this.#evidence = statements.flatMap((statement) => evidenceOf(statement) ?? [])
  }

  judge(counts: Counts): void {
    const applied = this.#told('applied')
    if (applied.length > 1) {
      counts.doubled += applied.length - 1
      this.#violation(`was applied ${applied.length} times`, applied)
    }
    this.#judgeAgreement()
    this.#judgeOrigin(applied[0])
    this.#judgeAbsence()
    this.#judgeCancelled()
    this.#judgeRow(counts)
  }

  /** One revision, one winner, one hash of its payload. */
  #judgeAgreement(): void {
    const [first] = this.#evidence
    if (first === undefined) return
    const winner = this.#evidence.find(({ payload }) => payload !== undefined)
    const hashed = this.#evidence.find(({ hash }) => hash !== undefined)
    for (const each of this.#evidence) {
      const pair = (other: Evidence): Operation[] => [other.operation, each.operation]
      if (each.revision !== first.revision) {
        const revisions = `${first.revision} and ${each.revision}`
        this.#violation(`was told to have two revisions, ${revisions}`, pair(first))
      }
      if (winner !== undefined && each.payload !== undefined && each.payload !== winner.payload) {
        this.#violation('has two winners: what was stored first was replaced', pair(winner))
      }
      if (winner !== undefined && each.otherPayload === winner.payload) {
        this.#violation(
          'was told to mismatch by a write of the very payload that won',
          pair(winner),
        )
      }
      if (hashed !== undefined && each.hash !== undefined && each.hash !== hashed.hash) {
        this.#violation('was told two hashes of the winning payload', pair(hashed))
      }
    }
  }

  /** Somebody had begun to write it, and had not been told that it failed. */
  #judgeOrigin(applied: Operation | undefined): void {
    const winner = this.#evidence.find(({ payload }) => payload !== undefined)?.payload
    for (const { operation, otherPayload } of this.#evidence) {
      const begun = this.#statements.some(({ operation: write, about }) => {
        if (write.begin > operation.end) return false
        if (applied !== undefined) return write === applied
        if (about.type !== 'open' || about.payload === otherPayload) return false
        return winner === undefined || about.payload === winner
      })
      if (begun) continue
      const text = 'was told to be used, though no write that could have done it had begun'
      this.#violation(text, [operation, applied])
      return
    }
  }

  #judgeAbsence(): void {
    for (const { operation, about } of this.#statements) {
      if (about.type !== 'absent') continue
      const known = this.#evidence.find((each) => each.operation.end < operation.begin)
      if (known === undefined) continue
      this.#violation('was told to be absent after it was told to be used', [
        known.operation,
        operation,
      ])
    }
  }

  /** Cancelled is for good, and needs somebody who cancels. */
  #judgeCancelled(): void {
    const cancelled = this.#statements.filter(({ about }) => isCancelled(about))
    const [first] = cancelled
    const [used] = this.#evidence
    if (first !== undefined && used !== undefined) {
      this.#violation('was cancelled, and took effect all the same', [
        first.operation,
        used.operation,
      ])
    }
    for (const { operation } of cancelled) {
      const fenced = this.#statements.some(
        ({ operation: fence, about: said }) => isFence(fence, said) && fence.begin < operation.end,
      )
      if (!fenced)
        this.#violation('was told to be cancelled, which nobody had asked for', [operation])
    }
    for (const { operation, about } of this.#statements) {
      if (about.type !== 'absent' || about.fenced) continue
      const before = cancelled.find((each) => each.operation.end < operation.begin)
      if (before === undefined) continue
      this.#violation('was told not to be cancelled after it was', [before.operation, operation])
    }
  }

  /** Once acknowledged, the row is there: in every later read, and so in the last. */
  #judgeRow(counts: Counts): void {
    const acknowledged = this.#statements.find(({ about }) => about.type === 'told')?.operation
    if (acknowledged !== undefined) counts.acknowledged++
    const rows = this.#statements.flatMap(({ operation, about }) =>
      about.type === 'row'
        ? [{ begin: operation.begin, end: operation.end, operation, about }]
        : [],
    )
    for (const { operation, about } of rows) {
      if (about.row === undefined) {
        const known = this.#evidence.find((each) => each.operation.end < operation.begin)
        if (known !== undefined) {
          this.#violation('has no row, though it was told to be used', [known.operation, operation])
        }
      } else if (about.row.payload === undefined) {
        this.#violation('has a row that nobody wrote', [operation])
      }
    }
    if (acknowledged === undefined) return
    const last = lastBegun(rows.filter(({ begin }) => begin > acknowledged.end))
    if (last === undefined) counts.unread++
    else if (last.about.row === undefined) counts.lost++
  }

  #told(verdict: 'applied'): readonly Operation[] {
    return this.#statements
      .filter(({ about }) => about.type === 'told' && about.verdict === verdict)
      .map(({ operation }) => operation)
  }

  #violation(what: string, operations: readonly (Operation | undefined)[]): void {
    const lines = operations.flatMap((each) => (each === undefined ? [] : [at(each)]))
    this.#findings.violation(`${this.#name} ${what} (${lines.join(', ')}).`, operations)
  }
}

function evidenceOf({ operation, about }: Statement): Evidence | undefined {
  const none = { payload: undefined, otherPayload: undefined, hash: undefined }
  switch (about.type) {
    case 'told': {
      const { revision, hash, payload } = about
      const told = { ...none, operation, revision, hash }
      return about.verdict === 'mismatch'
        ? { ...told, otherPayload: payload }
        : { ...told, payload }
    }
    case 'recorded':
      return { ...none, operation, revision: about.revision, hash: about.hash }
    case 'row':
      return about.row && { ...none, operation, ...about.row }
    case 'open':
    case 'refused':
    case 'absent':
    case 'openFence':
      return undefined
    default:
      return about satisfies never
  }
}

function isCancelled(about: Said): boolean {
  return (about.type === 'absent' && about.fenced) || (about.type === 'refused' && about.cancelled)
}

/** A call that may have cancelled the token. */
function isFence(operation: Operation, about: Said): boolean {
  return about.type === 'openFence' || (operation.f === 'fence' && about.type === 'absent')
}
