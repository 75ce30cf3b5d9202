/**
 * Coming back from a damaged log.
 *
 * A node whose log is damaged has forgotten entries that it acknowledged; with whatever is left it
 * must not vote, and its acknowledgements must not count, until it surely holds them again (the
 * core's `recovering`). That it still knows its term and vote is what allows it to come back at all.
 * The mark is made before the damaged log is put aside, so that no crash leaves a log that looks whole
 * on a node that passes for whole.
 */
import { assert } from '../assert.ts'
import { corruptError } from '../errors.ts'
import type { Disk } from '../ports.ts'
import type { EntryId } from '../raft/index.ts'
import {
  isRecord,
  readDocument,
  writeDocument,
  type DocumentKind,
  type Parsed,
} from './document.ts'
import { storageError } from './failure.ts'
import { VoteFile } from './vote-file.ts'
import { newerTermLeft } from './votes-left.ts'
import { Wal } from './wal.ts'
import type { WalOptions } from './wal-types.ts'

/** What the mark says. */
export interface RecoveringSince {
  /** The term in which the node was when its log was found damaged. */
  readonly since: number
}

/** Damaged logs that are kept for people to look at; the oldest goes when there is one more. */
export const damagedKeptMax = 3

const kind: DocumentKind = {
  name: 'recovering',
  document: 'quorate recovering',
  formatVersion: 1,
}

function parse(content: unknown): Parsed<RecoveringSince> {
  const since = isRecord(content) ? content['since'] : undefined
  if (typeof since !== 'number' || !Number.isSafeInteger(since) || since < 0) {
    return { problem: 'it names no term' }
  }
  return { value: { since } }
}

/** The mark: a small file in the group's directory, `recovering`. */
export class Recovering {
  readonly #options: {
    readonly disk: Disk
    readonly directory: string
    readonly kind: DocumentKind
  }

  constructor(options: { readonly disk: Disk; readonly directory: string }) {
    this.#options = { disk: options.disk, directory: options.directory, kind }
  }

  /**
   * Undefined: this node is whole. Rejects with `QUORATE_CORRUPT` where the mark is damaged: the node
   * is marked, and nobody knows since when.
   */
  async read(): Promise<RecoveringSince | undefined> {
    return readDocument(this.#options, parse)
  }

  /** Marks the node, durably. */
  async mark(since: number): Promise<void> {
    assert(Number.isSafeInteger(since) && since >= 0, 'terms are counted from 0')
    await writeDocument(this.#options, { since })
  }

  /** Takes the mark away, durably: the log holds again what this node may have acknowledged. */
  async clear(): Promise<void> {
    const { disk, directory } = this.#options
    try {
      await disk.remove(`${directory}/${kind.name}`)
      await disk.syncDirectory(directory)
    } catch (error) {
      throw storageError(`${directory}/${kind.name} could not be removed`, error)
    }
  }
}

/**
 * Puts a damaged log aside, as `wal.damaged-<n>`, and makes an empty one behind `base`, in the term
 * and with the vote that the vote file tells. The node is marked as recovering first. A crash at any
 * moment leaves the damaged log, or none, or the new one, and the mark: it may be done again.
 *
 * `base` is an entry that the state holds durably. Rejects with `QUORATE_CORRUPT` where the vote is
 * not certain: such a node never votes again, it is to be replaced by another member.
 */
export async function replaceDamaged(options: WalOptions, base: EntryId): Promise<void> {
  const { disk, directory, identity } = options
  const { incarnation } = identity
  const reading = await VoteFile.read({ disk, directory, incarnation })
  if (reading.kind !== 'certain') {
    const what =
      'the log is damaged as well, so that nobody knows how this node voted: give its place to a ' +
      'new member ("quorate member replace")'
    throw corruptError(`${directory}/vote`, reading.offset, what)
  }
  const { currentTerm, votedFor, walFlush } = reading.vote
  if (base.term > currentTerm) {
    const what = `it is in term ${currentTerm}, and an entry of term ${base.term} was applied`
    throw corruptError(`${directory}/vote`, 0, what)
  }
  const newer = await newerTermLeft({ disk, directory: `${directory}/wal`, identity }, reading.vote)
  if (newer !== undefined) {
    const what =
      `it is in term ${currentTerm}, and what is left of the damaged log tells of a later vote, in ` +
      `term ${newer}: the disk has lost a write, and nobody knows how this node voted. Give its ` +
      'place to a new member ("quorate member replace")'
    throw corruptError(`${directory}/vote`, 0, what)
  }
  const recovering = new Recovering({ disk, directory })
  if ((await recovering.read()) === undefined) await recovering.mark(currentTerm)
  const hardState = { currentTerm, votedFor, commitIndex: base.index }
  try {
    await disk.remove(`${directory}/wal.new`)
    await disk.makeDirectory(`${directory}/wal.new`)
    // The vote file names a flush that the log has: flushes go on being counted where it stands.
    const firstFlush = walFlush + 1
    const start = { base, hardState }
    await Wal.create({ ...options, directory: `${directory}/wal.new`, start, firstFlush })
    await putAside(disk, directory)
    await disk.rename(`${directory}/wal.new`, `${directory}/wal`)
    await disk.syncDirectory(directory)
  } catch (error) {
    throw storageError(`the damaged log in ${directory} could not be replaced`, error)
  }
}

async function putAside(disk: Disk, directory: string): Promise<void> {
  const names = (await disk.list(directory)) ?? []
  const kept = names
    .map((name) => Number(/^wal\.damaged-([1-9]\d{0,8})$/.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((a, b) => a - b)
  if (names.includes('wal')) {
    const number = (kept.at(-1) ?? 0) + 1
    await disk.rename(`${directory}/wal`, `${directory}/wal.damaged-${number}`)
    kept.push(number)
  }
  for (const number of kept.slice(0, -damagedKeptMax)) {
    await disk.remove(`${directory}/wal.damaged-${number}`)
  }
  await disk.syncDirectory(directory)
}
