/** A world without nodes: a test says what happens, and reads which checks object. */
import { nodeSettings } from '../../../src/node/options.ts'
import type { NodeCaps, NodeSettings } from '../../../src/node/options.ts'
import { emptyLog, encodeConfiguration, firstConfiguration, Raft } from '../../../src/raft/index.ts'
import type {
  AppendEntries,
  Entry,
  EntryKind,
  Message,
  RaftStatus,
  Ready,
} from '../../../src/raft/index.ts'
import { SeededRandom } from '../../../src/random.ts'
import type { DurableEntry, DurableLog } from '../disk/durable-log.ts'
import { entryHash } from '../disk/entry-hash.ts'
import type { Check, NodeView, WorldView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import { CommittedLog } from './committed.ts'
import { protocolChecks } from './protocol.ts'

/** A disk that holds what it is told. */
export class FakeLog implements DurableLog {
  /** Those behind the base. */
  entries: DurableEntry[] = []
  base = { index: 0, term: 0 }
  front = 0
  currentTerm = 0
  votedFor: string | undefined
  commitIndex = 0
  voteFile: DurableLog['voteFile']

  get lastIndex(): number {
    return this.base.index + this.entries.length
  }

  at(index: number): DurableEntry | undefined {
    return this.entries[index - 1 - this.base.index]
  }

  /** An index that is there already replaces everything from it on. */
  write(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const { index, term } = entry
      this.entries.length = index - 1 - this.base.index
      this.entries.push({ index, term, hash: entryHash(entry) })
    }
  }

  /** It begins anew behind a snapshot. */
  reset(index: number, term: number): void {
    this.base = { index, term }
    this.front = index
    this.entries = []
  }

  vote(term: number, votedFor: string | undefined): void {
    this.currentTerm = term
    this.votedFor = votedFor
    this.voteFile = { term, votedFor }
  }
}

/** A node that is only looked at. */
export class FakeNode implements NodeView {
  readonly id: string
  members: readonly string[]
  readonly durable = new FakeLog()
  raft: Raft | undefined
  /** What its core says of itself. */
  status: RaftStatus | undefined
  lives = 0
  damaged = false
  wiped = false
  durableState: (() => number | undefined) | undefined
  settings: NodeSettings = nodeSettings({ dataDirectory: '/data' })

  constructor(id: string, members: readonly string[]) {
    this.id = id
    this.members = members
  }

  caps(caps: NodeCaps): void {
    this.settings = nodeSettings({ dataDirectory: '/data' }, caps)
  }

  /** Gives it a core that says this of itself, and nothing else. */
  shows(status: Partial<RaftStatus>, durableCommitIndex = 0): void {
    const raft = new Raft({
      id: this.id,
      configuration: { index: 0, configuration: firstConfiguration(this.members) },
      configEntries: [],
      random: new SeededRandom(1),
      hardState: { currentTerm: 0, votedFor: undefined, commitIndex: 0 },
      log: emptyLog,
      appliedIndex: 0,
      electionTicksMin: 10,
      electionTicksMax: 20,
      heartbeatTicks: 2,
    })
    this.status = { ...raft.status(), ...status }
    Object.defineProperty(raft, 'status', { value: () => this.status })
    Object.defineProperty(raft, 'durableCommitIndex', { value: durableCommitIndex })
    this.raft = raft
  }
}

/** One entry whose data names it. */
export function entry(index: number, term: number, text = '', kind?: EntryKind): Entry {
  const data = new TextEncoder().encode(text)
  return { index, term, kind: kind ?? (text === '' ? 'noop' : 'commands'), data }
}

/** A config entry of term 1. */
export function config(
  index: number,
  voters: readonly string[],
  votersOutgoing: readonly string[] = [],
): Entry {
  const data = encodeConfiguration({ voters, votersOutgoing, learners: [], contexts: new Map() })
  return { index, term: 1, kind: 'config', data }
}

/** What happens, event by event, to nodes `n1`, `n2`, … and what the checks say to it. */
export class Scenario implements WorldView {
  readonly nodes: readonly FakeNode[]
  readonly committed = new CommittedLog()
  readonly now = 0
  /** What the checks objected to, in order. */
  readonly found: string[] = []
  readonly #checks: readonly Check[]

  constructor(size = 3) {
    const ids = Array.from({ length: size }, (_, i) => `n${i + 1}`)
    this.nodes = ids.map((id) => new FakeNode(id, ids))
    this.#checks = protocolChecks(this, this.committed)
  }

  node(id: string): FakeNode {
    const found = this.nodes.find((node) => node.id === id)
    if (found === undefined) throw new Error(`there is no node ${id}`)
    return found
  }

  /** Lets every check look, also behind one that objects. */
  tell(look: (check: Check) => void): void {
    for (const check of this.#checks) {
      try {
        look(check)
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        this.found.push(error.message)
      }
    }
  }

  /** A core is made, from what the disk holds unless told otherwise. */
  start(id: string, status: Partial<RaftStatus> = {}): void {
    const node = this.node(id)
    const { currentTerm: term, votedFor, lastIndex } = node.durable
    node.lives++
    node.shows({ term, votedFor, lastIndex, durableIndex: lastIndex, ...status })
    const shown = node.status
    if (shown === undefined) throw new Error('it was just given one')
    this.tell((check) => check.onStart?.(node, shown))
  }

  startAll(): void {
    for (const { id } of this.nodes) this.start(id)
  }

  end(id: string): void {
    const node = this.node(id)
    this.tell((check) => check.onEnd?.(node, { type: 'killed' }))
    node.raft = undefined
  }

  ready(id: string, ready: Partial<Ready>): Ready {
    const node = this.node(id)
    const whole: Ready = {
      entries: [],
      messages: [],
      messagesAfterPersist: [],
      committedEntries: [],
      fetches: [],
      readStates: [],
      snapshotsWanted: [],
      mustSync: (ready.entries?.length ?? 0) > 0 || ready.hardState !== undefined,
      ...ready,
    }
    this.tell((check) => check.onReady?.(node, whole))
    return whole
  }

  advance(id: string, ready: Ready): void {
    this.tell((check) => check.onAdvance?.(this.node(id), ready))
  }

  send(message: Message, id = message.from): void {
    this.tell((check) => check.onSend?.(this.node(id), message))
  }

  step(message: Message, id = message.to): void {
    this.tell((check) => check.onStep?.(this.node(id), message))
  }

  /** Something becomes durable. */
  durable(id: string, change: (log: FakeLog) => void): void {
    const node = this.node(id)
    change(node.durable)
    this.tell((check) => check.onDurable?.(node))
  }

  /** A whole election: durable votes, then the role, with the no-op on its way to the disk. */
  elect(id: string, term: number, voters: readonly string[]): Entry {
    for (const voter of voters) this.durable(voter, (log) => log.vote(term, id))
    const noop = entry(this.node(id).durable.lastIndex + 1, term)
    this.ready(id, { roleChange: { role: 'leader', term, leader: id }, entries: [noop] })
    return noop
  }

  write(ids: readonly string[], entries: readonly Entry[]): void {
    for (const id of ids) this.durable(id, (log) => log.write(entries))
  }

  commit(id: string, entries: readonly Entry[]): void {
    const { status } = this.node(id)
    const last = entries.at(-1)?.index ?? 0
    if (status !== undefined && status.commitIndex < last) {
      const lastIndex = Math.max(status.lastIndex, last)
      this.node(id).status = { ...status, commitIndex: last, lastIndex }
    }
    this.ready(id, { committedEntries: entries })
  }

  apply(id: string, entries: readonly Entry[], effects: string): void {
    const applied = entries.map(({ index, term }) => ({ index, term, answers: [] }))
    this.tell((check) => check.onApplied?.(this.node(id), entries, applied, effects))
  }

  readIndex(id: string, read: number): void {
    this.tell((check) => check.onReadIndex?.(this.node(id), read))
  }

  readState(id: string, read: number, index: number | undefined): void {
    this.tell((check) => check.onReadState?.(this.node(id), read, index))
  }
}

/** The first entries of term 1. */
export const noop = entry(1, 1)
export const a = entry(2, 1, 'a')
export const b = entry(3, 1, 'b')

/** n1 leads term 1; its no-op and `a` are durable on n1 and n2. */
export function replicated(size = 3): Scenario {
  const scenario = new Scenario(size)
  scenario.startAll()
  scenario.elect('n1', 1, ['n1', 'n2', 'n3'].slice(0, Math.floor(size / 2) + 1))
  scenario.write(['n1', 'n2'].slice(0, size), [noop, a])
  return scenario
}

/** An append to n2, unless it says otherwise. */
export function append(from: string, term: number, rest: Partial<AppendEntries>): Message {
  const prevLog = { term: 0, index: 0 }
  return {
    type: 'appendEntries',
    from,
    to: 'n2',
    term,
    prevLog,
    entries: [],
    leaderCommit: 0,
    ...rest,
  }
}
