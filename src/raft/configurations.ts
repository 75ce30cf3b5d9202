/**
 * The configurations of a log. A node acts on the newest one in its log, committed or not (paper,
 * section 6): who waited for the commit could decide by the old quorum what others already decide
 * by the new one. If the entry is cut off again, the one before is back in force; so all above the
 * newest committed one are kept.
 */
import { assert, present } from '../assert.ts'
import { decodeConfiguration } from './configuration-codec.ts'
import { checkConfiguration, isMember, mayFollow, memberIds, voterIds } from './configuration.ts'
import { quorumsMeet } from './quorum.ts'
import type { Configuration, ConfigurationAt, Entry, NodeId } from './types.ts'

/** The stack of configurations; see the head of the file. */
export class Configurations {
  readonly #self: NodeId
  /** Invariant: indexes ascend, and all but the first are above the commit index last told. */
  #stack: ConfigurationAt[]
  #peerIds: readonly NodeId[] = []
  #voterPeerIds: readonly NodeId[] = []
  #wasMember = false

  /** `base` is committed; `entries` are all config entries of the log above it. */
  constructor(self: NodeId, base: ConfigurationAt, entries: readonly Entry[]) {
    checkConfiguration(base.configuration)
    this.#self = self
    this.#stack = [base]
    this.#wasMember = isMember(base.configuration, self)
    this.#changed()
    for (const entry of entries) this.append(entry)
  }

  /** The one in force. */
  get current(): Configuration {
    return this.newest.configuration
  }

  /** The index of its entry, or that of the base. */
  get index(): number {
    return this.newest.index
  }

  /** The one in force, with its index. */
  get newest(): ConfigurationAt {
    return present(this.#stack.at(-1), 'a configuration is in force')
  }

  /** The one that would be back in force if the newest were cut off; undefined for the base. */
  get previous(): ConfigurationAt | undefined {
    return this.#stack.at(-2)
  }

  /** The newest that is committed, as far as `committed` was told. */
  get base(): ConfigurationAt {
    return present(this.#stack[0], 'a configuration is in force')
  }

  /** All other members, voters first. */
  get peerIds(): readonly NodeId[] {
    return this.#peerIds
  }

  /** The other nodes whose votes count. */
  get voterPeerIds(): readonly NodeId[] {
    return this.#voterPeerIds
  }

  /** Whether this node is, or once was, a member in a committed configuration seen in this life. */
  get wasMember(): boolean {
    return this.#wasMember
  }

  /** A config entry was appended to the log: its configuration is in force at once. */
  append(entry: Entry): void {
    assert(entry.kind === 'config' && entry.index > this.index, 'config entries come in order')
    const configuration = present(decodeConfiguration(entry.data), 'config entries can be read')
    checkConfiguration(configuration)
    const { current } = this
    assert(mayFollow(current, configuration), 'voters change by a joint configuration')
    if (current.voters.length > 0) {
      assert(quorumsMeet(current, configuration), 'quorums of two configurations in a row meet')
    }
    this.#stack.push({ index: entry.index, configuration })
    this.#changed()
  }

  /** The log was cut: from `index` on nothing is there any more. */
  truncateFrom(index: number): void {
    assert(index > this.base.index, 'a committed configuration stays')
    const before = this.#stack.length
    this.#stack = this.#stack.filter((at) => at.index < index)
    if (this.#stack.length < before) this.#changed()
  }

  /** Everything up to `commitIndex` is committed: what is older than the newest there is over. */
  committed(commitIndex: number): void {
    const at = this.#stack.findLastIndex(({ index }) => index <= commitIndex)
    assert(at >= 0, 'the base is committed')
    if (at === 0) return
    const committed = this.#stack.slice(1, at + 1)
    if (committed.some(({ configuration }) => isMember(configuration, this.#self))) {
      this.#wasMember = true
    }
    this.#stack = this.#stack.slice(at)
  }

  #changed(): void {
    const { current } = this
    this.#peerIds = memberIds(current).filter((id) => id !== this.#self)
    this.#voterPeerIds = voterIds(current).filter((id) => id !== this.#self)
  }
}
