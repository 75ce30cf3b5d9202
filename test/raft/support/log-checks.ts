/**
 * What a simulated group checks about logs, votes and what is sent: S2 log matching · S3 what is
 * committed stays, and later leaders have it · S6 persist before send · S7 one vote per term.
 */
import type { Entry, EntryId, Message, Ready } from '../../../src/raft/index.ts'
import type { MemoryDisk } from './disk.ts'
import { text } from './disk.ts'

/** The checks; see the head of the file. They look at disks, not at what the cores say. */
export class LogChecks {
  readonly #voteOf = new Map<string, string>()
  readonly #entryAt = new Map<string, string>()
  readonly #committed = new Map<number, { id: string; byTerm: number }>()

  /** How many entries were seen as committed. */
  get count(): number {
    return this.#committed.size
  }

  /** The last of them; 0 if there is none. */
  get highest(): number {
    return Math.max(...this.#committed.keys(), 0)
  }

  /** S6 and S7: what the disk holds at the moment of sending justifies the message. */
  sent(id: string, disk: MemoryDisk, message: Message): void {
    const { hardState, lastIndex } = disk
    const fail = (): never => {
      throw new Error(`S6: ${JSON.stringify(message)} left before ${JSON.stringify(hardState)}`)
    }
    if (hardState.currentTerm < message.term) fail()
    const isCurrent = hardState.currentTerm === message.term
    if (message.type === 'appendEntriesAccepted' && lastIndex < message.matchIndex) fail()
    const vote = voteOf(message)
    if (vote === undefined) return
    if (isCurrent && hardState.votedFor !== vote) fail()
    const key = `${id}@${message.term}`
    const earlier = this.#voteOf.get(key) ?? vote
    if (earlier !== vote) throw new Error(`S7: ${key} voted for ${earlier} and ${vote}`)
    this.#voteOf.set(key, vote)
  }

  /** S2 by induction: an entry is known by (index, term), and so is the one before it. */
  matching(disk: MemoryDisk, ready: Ready): void {
    for (const entry of ready.entries) {
      const before = ready.entries.find(({ index }) => index === entry.index - 1)
      const isFirst = entry.index === disk.base.index + 1
      const previous = before ?? (isFirst ? disk.base : disk.at(entry.index - 1))
      const key = `${entry.index}/${entry.term}`
      const value = `${previous?.term ?? 0}:${entry.kind}:${text(entry.data)}`
      const known = this.#entryAt.get(key) ?? value
      if (known !== value) throw new Error(`S2: ${key} is ${known} and ${value}`)
      this.#entryAt.set(key, value)
    }
  }

  /** S3: what one node applies at an index, every node applies there. Says whether it is news. */
  applied(nodeId: string, disk: MemoryDisk, term: number, entry: Entry): boolean {
    const id = `${entry.term}:${text(entry.data)}`
    const known = this.#committed.get(entry.index)
    if (known !== undefined && known.id !== id) {
      throw new Error(`S3: ${entry.index} is ${known.id}, on ${nodeId} ${id}`)
    }
    if (known === undefined) this.#committed.set(entry.index, { id, byTerm: term })
    const onDisk = disk.at(entry.index)
    if (onDisk?.term !== entry.term) throw new Error('applied before it was durable here')
    return known === undefined
  }

  /** S4: a state that a node goes on from ends with the entry that is committed there. */
  restored(nodeId: string, { term, index }: EntryId): void {
    const known = this.#committed.get(index)
    if (known?.id.startsWith(`${term}:`) ?? false) return
    throw new Error(`S4: ${nodeId} goes on from ${index}/${term}, committed is ${known?.id}`)
  }

  /** S3: a new leader has a log that is long enough. */
  elected(term: number, lastIndex: number): void {
    for (const [index, { byTerm }] of this.#committed) {
      if (byTerm < term && index > lastIndex) {
        throw new Error(`S3: leader of ${term} lacks ${index}`)
      }
    }
  }

  /** S3: a leader has what was committed before its term. */
  leads(disk: MemoryDisk, term: number): void {
    if (disk.at(disk.lastIndex)?.term !== term) return
    // Only the newest ones: each was checked when it was new.
    for (let index = this.count; index > this.count - 10; index--) {
      const known = this.#committed.get(index)
      if (known === undefined || known.byTerm >= term || index <= disk.base.index) continue
      const entry = disk.at(index)
      const id = entry === undefined ? 'nothing' : `${entry.term}:${text(entry.data)}`
      if (id !== known.id) throw new Error(`S3: leader of ${term} has ${id} at ${index}`)
    }
  }
}

function voteOf(message: Message): string | undefined {
  if (message.type === 'requestVote') return message.from
  if (message.type === 'requestVoteResult' && message.granted) return message.to
  return undefined
}
