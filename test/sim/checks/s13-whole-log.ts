/**
 * S13: a start finds the log that was durable, or refuses; never another or a shorter one (FAST'18,
 * "Protocol-Aware Recovery"; `nats-server#7549`, `etcd#14098`, `etcd#22340`).
 *
 * What can be there is exactly known: the log as it was durable when the last life ended, or that
 * log with the one flush behind it that was on its way. A flush is there as a whole or not at all.
 * So are term and vote, of which the vote file may have got the newer ones before the log did. All
 * that a start reads is durable when the node begins to act on it: what was in the operating
 * system's cache alone has been written once more. Damage changes nothing of this: a node whose
 * log was damaged either finds all of it, or knows that it has lost some, or does not start. (Nobody
 * could know where a bit of the very flush with the newest vote is flipped, and the vote file has
 * lost its last write as well; no seed has drawn that yet.) What a compaction takes from a log the
 * disk had held, and it counts here as if it were there still (`s13-compacted.ts`).
 */
import type { Entry, HardState, RaftStatus, Ready } from '../../../src/raft/index.ts'
import { entryHash } from '../disk/entry-hash.ts'
import { baseOf } from '../disk/durable-log.ts'
import type { Check, LifeEnd, NodeView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import { LogCopy } from './log-copy.ts'

type Vote = Pick<HardState, 'currentTerm' | 'votedFor'>

/** A disk, as it was when the node last ran on it. */
interface Kept {
  readonly log: LogCopy
  vote: Vote
  /** What it was about to write: undefined between two writes. */
  persisting: Ready | undefined
  /** Between start and end; what changes in between is the node's doing, or recovery's. */
  running: boolean
}

/** S13; see the head of the file. */
export class WholeLog implements Check {
  readonly name = 'S13'
  readonly #kept = new Map<string, Kept>()

  onStart(node: NodeView, status: RaftStatus): void {
    const { id, durable } = node
    let kept = this.#kept.get(id)
    if (kept === undefined) {
      const vote = { currentTerm: 0, votedFor: undefined }
      kept = { log: new LogCopy(), vote, persisting: undefined, running: false }
      this.#kept.set(id, kept)
    }
    this.#isDurable(node, status)
    if (!status.recovering) this.#entries(node, kept)
    else if (!node.damaged) this.#fail(`${id} takes its log for damaged, and nothing was`)
    this.#vote(id, status, kept)
    kept.log.follow(durable)
    kept.vote = newest(node)
    kept.persisting = undefined
    kept.running = true
  }

  onEnd({ id }: NodeView, _end: LifeEnd): void {
    const kept = this.#kept.get(id)
    if (kept !== undefined) kept.running = false
  }

  onReady({ id }: NodeView, ready: Ready): void {
    const kept = this.#kept.get(id)
    if (ready.mustSync && kept !== undefined) kept.persisting = ready
  }

  onAdvance({ id }: NodeView, ready: Ready): void {
    const kept = this.#kept.get(id)
    if (kept?.persisting === ready) kept.persisting = undefined
  }

  onDurable(node: NodeView): void {
    const kept = this.#kept.get(node.id)
    if (kept === undefined || !kept.running) return
    kept.log.follow(node.durable)
    kept.vote = newest(node)
  }

  /** What the core was given is what the disk holds. */
  #isDurable({ id, durable }: NodeView, { lastIndex, term, votedFor }: RaftStatus): void {
    const { currentTerm, voteFile } = durable
    if (lastIndex !== durable.lastIndex) {
      this.#fail(`${id} starts with ${lastIndex} entries, its disk holds ${durable.lastIndex}`)
    }
    if (term !== currentTerm || term !== (voteFile?.term ?? 0)) {
      const held = `${currentTerm} and ${voteFile?.term ?? 0}`
      this.#fail(`${id} starts in term ${term}, its disk holds ${held}`)
    }
    if (votedFor === durable.votedFor && votedFor === voteFile?.votedFor) return
    this.#fail(`${id} starts with another vote than its disk holds`)
  }

  #entries({ id, durable }: NodeView, { log, persisting }: Kept): void {
    const base = baseOf(durable)
    // A snapshot took its place: the process had ended between the switch to its state and this.
    if (base.index > log.baseIndex && durable.lastIndex === base.index) return
    const written = persisting?.entries ?? []
    const before = written[0]?.index ?? log.lastIndex + 1
    let same = base.index
    while (same < durable.lastIndex && log.agreesAt(durable, same + 1)) same++
    if (same === log.lastIndex && same === durable.lastIndex) return
    const last = written.at(-1)
    if (last !== undefined && durable.lastIndex === last.index && same >= before - 1) {
      const isWritten = written.every((entry) => isAt(durable.at(entry.index), entry))
      if (isWritten) return
    }
    const found = `${durable.lastIndex} entries, the first ${same} of which it had`
    this.#fail(`${id} had ${log.lastIndex} entries on its disk, and starts with ${found}`)
  }

  #vote(id: string, { term, votedFor }: RaftStatus, { vote, persisting }: Kept): void {
    for (const possible of [vote, persisting?.hardState]) {
      if (possible?.currentTerm === term && possible.votedFor === votedFor) return
    }
    const had = `term ${vote.currentTerm} with a vote for ${vote.votedFor ?? 'nobody'}`
    this.#fail(`${id} had ${had}, and starts in ${term} with ${votedFor ?? 'nobody'}`)
  }

  #fail(what: string): never {
    throw new Violation(this.name, what)
  }
}

/** Log and vote file: whichever is further. The vote file is written first. */
function newest({ durable }: NodeView): Vote {
  const { currentTerm, votedFor, voteFile } = durable
  if (voteFile === undefined || voteFile.term < currentTerm) return { currentTerm, votedFor }
  if (voteFile.term === currentTerm && votedFor !== undefined) return { currentTerm, votedFor }
  return { currentTerm: voteFile.term, votedFor: voteFile.votedFor }
}

function isAt(found: { term: number; hash: number } | undefined, entry: Entry): boolean {
  return found?.term === entry.term && found.hash === entryHash(entry)
}
