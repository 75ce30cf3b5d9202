/** A history without a world: a test says what was committed and what callers were told. */
import { encodeCommand, encodeEntry } from '../../../src/command/index.ts'
import type { Answer, Command, Identity, Operation } from '../../../src/command/index.ts'
import type { Entry } from '../../../src/raft/index.ts'
import { b, del, plain, put, sessionName, write } from '../../state/support.ts'
import type { Call, Outcome, Request } from '../workload/history.ts'
import { storedValue } from '../workload/values.ts'
import type { Check } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import { clientChecks } from './client.ts'
import { CommittedLog } from './committed.ts'
import { FakeNode } from './protocol-fakes.ts'
import type { Replay } from './replay.ts'

/** Cluster time of the first entry. */
export const start = 1_767_225_600_000

/** A put of what is stored for a tag. */
export function putTag(key: string, tag: string, ifRevision?: number): Operation {
  return put(key, storedValue(tag), ifRevision)
}

/** Several changes at once. */
export function batchOf(...operations: readonly Operation[]): Operation {
  return { kind: 'batch', operations: operations.filter((each) => each.kind !== 'batch') }
}

export { del }

/** What happens, step by step, and what the checks say at the end. */
export class Story {
  readonly committed = new CommittedLog()
  readonly nodes = [new FakeNode('n1', ['n1']), new FakeNode('n2', ['n2'])]
  readonly replay: Replay
  readonly checks: readonly Check[]
  readonly calls: Call[] = []
  readonly entries: Entry[] = []
  /** The stamp of the next entry. */
  time = start
  now = 0
  #sequence = 0

  constructor() {
    const node = (id: string): FakeNode => {
      const found = this.nodes.find((each) => each.id === id)
      if (found === undefined) throw new Error(`there is no node ${id}`)
      return found
    }
    const { replay, checks } = clientChecks({ nodes: this.nodes, now: 0, node }, this.committed)
    this.replay = replay
    this.checks = checks
  }

  /** Commits an entry; its answers by the rules. */
  commit(...commands: readonly Command[]): readonly Answer[] {
    const data = encodeEntry(this.time, commands.map(encodeCommand))
    return this.#add({ index: this.entries.length + 1, term: 1, kind: 'commands', data })
  }

  noop(): void {
    const index = this.entries.length + 1
    this.#add({ index, term: 1, kind: 'noop', data: new Uint8Array(0) })
  }

  /** A write under a session of `client`; a sequence that was used before makes it a repeat. */
  write(
    client: number,
    operation: Operation,
    options: { readonly identity?: Identity; readonly sequence?: number } = {},
  ): Command {
    const sequence = options.sequence ?? ++this.#sequence
    const call = { session: sessionName(start, client), sequence, firstOutstanding: 1 }
    return write(call, operation, options.identity ?? plain)
  }

  fence(client: number, token: string, time: number): Command {
    const sequence = ++this.#sequence
    const call = { session: sessionName(start, client), sequence, firstOutstanding: 1 }
    return { kind: 'fence', call, token: b(token), time }
  }

  /** A call begins. `connection`: which SDK client makes it. */
  begin(request: Request, connection = 1, pinnedTo?: string): Call {
    const call: Call = {
      id: this.calls.length + 1,
      client: `c${connection}`,
      connection,
      request,
      invokedAt: this.now,
      returnedAt: undefined,
      outcome: undefined,
      ...(pinnedTo === undefined ? {} : { pinnedTo }),
    }
    this.calls.push(call)
    for (const check of this.checks) check.onCall?.(call)
    return call
  }

  end(call: Call, outcome: Outcome): void {
    call.outcome = outcome
    call.returnedAt = this.now
    for (const check of this.checks) check.onReturn?.(call, outcome)
  }

  /** A call that begins and ends with nothing in between. */
  told(request: Request, outcome: Outcome, connection = 1, pinnedTo?: string): void {
    this.end(this.begin(request, connection, pinnedTo), outcome)
  }

  /** What the checks object to at the end, one message of each at most. */
  found(): string[] {
    return this.checks.flatMap((check) => messageOf(() => check.atEnd?.()))
  }

  #add(entry: Entry): readonly Answer[] {
    this.entries.push(entry)
    this.committed.add(entry)
    this.replay.advance()
    return this.replay.answersAt(entry.index) ?? []
  }
}

/** The message of the violation that it throws; none: it throws nothing. */
export function messageOf(judge: () => void): string[] {
  try {
    judge()
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    return [error.message]
  }
  return []
}

/** An answer to a read. */
export function readOf(
  rows: readonly ([string, string, number] | undefined)[],
  readRevision?: number,
): Outcome {
  return {
    type: 'read',
    rows: rows.map((row) => row && { key: row[0], value: row[1], revision: row[2] }),
    readRevision,
  }
}

/** An answer to a write. */
export function writtenAt(
  revision: number,
  verdict: 'applied' | 'duplicate' | 'mismatch' = 'applied',
): Outcome {
  return { type: 'written', verdict, revision }
}

/** A failure. */
export function failedWith(code: string, outcome: 'not-applied' | 'unknown'): Outcome {
  return { type: 'failed', code, outcome, attempts: 1 }
}

/** A get of some keys. */
export function get(...keys: readonly string[]): Request {
  return { kind: 'get', keys, consistency: 'linearizable' }
}

/** The same, of what the asked node has applied. */
export function staleGet(...keys: readonly string[]): Request {
  return { kind: 'get', keys, consistency: 'stale' }
}

/** A scan of everything. */
export const scanAll: Request = {
  kind: 'scan',
  prefix: '',
  reverse: false,
  limit: undefined,
  consistency: 'linearizable',
}

/** A put of one tag. */
export function putRequest(
  key: string,
  value: string,
  options: { readonly token?: string; readonly tokenTime?: number; readonly once?: boolean } = {},
): Request {
  return { kind: 'put', changes: [{ key, value }], ...options }
}
