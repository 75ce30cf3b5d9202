/**
 * The vote file: term and vote a second time, apart from the log, because a node that forgets its
 * vote can elect two leaders in one term (paper, section 5.2; catalogue of such bugs: `raft-rs#372`).
 *
 * The file has two slots of one 512-byte sector each, which are written in turn: while one is being
 * written the other holds the vote before. All numbers are little-endian.
 *
 *     offset size
 *          0    8  magic "QUORVOTE"
 *          8    4  checksum (CRC-32) of bytes 12 to 511
 *         12    4  format version, 1
 *         16    8  sequence: one more than in the other slot, in whichever is newer
 *         24    8  current term
 *         32    8  number of the last flush that was durable in the log when this was written
 *         40   16  incarnation of the node
 *         56    1  length of the name that follows; 0: nobody got a vote in this term
 *         57    3  zero
 *         60   64  who got the vote, UTF-8, filled up with zeros
 *        124  388  zero
 */
import { crc32 } from 'node:zlib'
import { assert } from '../assert.ts'
import { corruptError } from '../errors.ts'
import type { Disk, DiskFile } from '../ports.ts'
import type { HardState } from '../raft/index.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { allZero, fromHex, getUint53, sectorBytes, setUint53, toHex, viewOf } from './bytes.ts'
import { Poison, storageError } from './failure.ts'
import { checkVersion } from './format.ts'
import { hardStateProblem } from './live-log.ts'
import { decodeVotedFor, nodeIdPattern } from './records.ts'

/** What a vote file says. */
export interface Vote extends Pick<HardState, 'currentTerm' | 'votedFor'> {
  /** The log held this flush, durably, when the vote was saved: it must hold it for ever. */
  readonly walFlush: number
}

interface Slot extends Vote {
  readonly sequence: number
}

/**
 * What reading a vote file has shown. `certain`: this is the last vote that was saved. `older`: one
 * slot does not check, so that a newer vote may have been there. `unreadable`: there is nothing.
 */
export type VoteReading =
  | { readonly kind: 'certain'; readonly vote: Vote }
  | { readonly kind: 'older'; readonly vote: Vote; readonly offset: number }
  | { readonly kind: 'unreadable'; readonly offset: number }

const name = 'vote'
const magic = new TextEncoder().encode('QUORVOTE')
const fileBytes = 2 * sectorBytes
const voteFormatVersion = 1
const votedForBytesMax = 64

function encodeSlot(slot: Slot, incarnation: string): Uint8Array {
  const bytes = new Uint8Array(sectorBytes)
  const view = viewOf(bytes)
  const votedFor = new TextEncoder().encode(slot.votedFor ?? '')
  assert(votedFor.length <= votedForBytesMax, 'names of nodes are short')
  assert(slot.votedFor === undefined || nodeIdPattern.test(slot.votedFor), 'a vote goes to a node')
  bytes.set(magic, 0)
  view.setUint32(12, voteFormatVersion, true)
  setUint53(view, 16, slot.sequence)
  setUint53(view, 24, slot.currentTerm)
  setUint53(view, 32, slot.walFlush)
  bytes.set(fromHex(incarnation), 40)
  bytes[56] = votedFor.length
  bytes.set(votedFor, 60)
  view.setUint32(8, crc32(bytes.subarray(12)), true)
  return bytes
}

/** Undefined where the bytes do not check. Those that check and are another node's are refused. */
function decodeSlot(
  bytes: Uint8Array,
  context: { incarnation: string; path: string; offset: number },
): Slot | undefined {
  assert(bytes.length === sectorBytes, 'a slot is one sector')
  const { incarnation, path, offset } = context
  const view = viewOf(bytes)
  if (Buffer.compare(bytes.subarray(0, 8), magic) !== 0) return undefined
  if (view.getUint32(8, true) !== crc32(bytes.subarray(12))) return undefined
  checkVersion(view.getUint32(12, true), voteFormatVersion, path, offset + 12)
  if (toHex(bytes.subarray(40, 56)) !== incarnation) {
    throw corruptError(path, offset + 40, 'the vote belongs to another incarnation of the node')
  }
  const sequence = getUint53(view, 16)
  const currentTerm = getUint53(view, 24)
  const walFlush = getUint53(view, 32)
  const length = bytes[56] ?? 0
  if (sequence === undefined || currentTerm === undefined || walFlush === undefined) {
    return undefined
  }
  if (length > votedForBytesMax || !allZero(bytes.subarray(60 + length))) return undefined
  const votedFor = decodeVotedFor(bytes.subarray(60, 60 + length))
  if (votedFor === false || !allZero(bytes.subarray(57, 60))) return undefined
  return { sequence, currentTerm, votedFor, walFlush }
}

/** Whether the slots are two saves in a row, the second of which could follow the first. */
function consecutive(older: Slot, newer: Slot): boolean {
  return newer.sequence === older.sequence + 1 && hardStateProblem(older, newer) === undefined
}

/** An open vote file. One save at a time; nothing is tried again after a failure. */
export class VoteFile {
  readonly #path: string
  readonly #incarnation: string
  readonly #file: DiskFile
  readonly #poison = new Poison()
  /** The newest save, and whether it is in the second slot. */
  #newest: Slot
  #inSecond: boolean
  #saving = false

  private constructor(path: string, incarnation: string, file: DiskFile, newest: Slot) {
    this.#path = path
    this.#incarnation = incarnation
    this.#file = file
    this.#newest = newest
    this.#inSecond = newest.sequence % 2 === 0
  }

  /** Makes, or replaces, a vote file whose slots both say `vote`. Atomic. */
  static async create(options: {
    readonly disk: Disk
    readonly directory: string
    readonly incarnation: string
    readonly vote?: Vote
  }): Promise<void> {
    const vote = options.vote ?? { currentTerm: 0, votedFor: undefined, walFlush: 0 }
    const bytes = new Uint8Array(fileBytes)
    bytes.set(encodeSlot({ ...vote, sequence: 1 }, options.incarnation), 0)
    bytes.set(encodeSlot({ ...vote, sequence: 2 }, options.incarnation), sectorBytes)
    await writeFileAtomically({ ...options, name, bytes })
  }

  /** Reads the file. Damage is told, not thrown: the log may know what is lost here. */
  static async read(options: {
    readonly disk: Disk
    readonly directory: string
    readonly incarnation: string
  }): Promise<VoteReading> {
    const found = await readSlots(options)
    return found.reading
  }

  /**
   * Opens the file once it is settled what the node voted, and writes that into both slots, one
   * after the other. So a torn slot is mended, and what was only in the operating system's cache,
   * left there by a process that was killed before its fsync, gets durable before it is built on.
   */
  static async establish(options: {
    readonly disk: Disk
    readonly directory: string
    readonly incarnation: string
    readonly vote: Vote
  }): Promise<VoteFile> {
    const { disk, directory, incarnation, vote } = options
    const path = `${directory}/${name}`
    let found = await readSlots(options)
    if (found.newest === undefined) {
      await VoteFile.create(options)
      found = await readSlots(options)
    }
    const { newest } = found
    if (newest === undefined) throw corruptError(path, 0, 'what was just written cannot be read')
    const opened = new VoteFile(path, incarnation, await disk.open(path, 'write'), newest)
    try {
      await opened.save(vote)
      await opened.save(vote)
    } catch (error) {
      await opened.close()
      throw error
    }
    return opened
  }

  /** The newest save. */
  get vote(): Vote {
    return this.#newest
  }

  /** Makes a vote durable, in the slot of the older one. */
  async save(vote: Vote): Promise<void> {
    assert(!this.#saving, 'votes are saved one after the other')
    const problem = hardStateProblem(this.#newest, vote)
    assert(problem === undefined, `a vote follows the last one: ${problem ?? ''}`)
    assert(vote.walFlush >= this.#newest.walFlush, 'the log only grows')
    this.#saving = true
    try {
      await this.#poison.guard(`${this.#path} could not be written`, () => this.#save(vote))
    } finally {
      this.#saving = false
    }
  }

  async #save(vote: Vote): Promise<void> {
    const { currentTerm, votedFor, walFlush } = vote
    const slot = { currentTerm, votedFor, walFlush, sequence: this.#newest.sequence + 1 }
    const inSecond = !this.#inSecond
    await this.#file.write([encodeSlot(slot, this.#incarnation)], inSecond ? sectorBytes : 0)
    await this.#file.sync()
    this.#newest = slot
    this.#inSecond = inSecond
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

async function readSlots(options: {
  readonly disk: Disk
  readonly directory: string
  readonly incarnation: string
}): Promise<{ reading: VoteReading; newest: Slot | undefined }> {
  const { disk, directory, incarnation } = options
  const path = `${directory}/${name}`
  let bytes: Uint8Array | undefined
  try {
    const size = await disk.size(path)
    // A file of another length was not left by a crash, which changes no lengths here.
    if (size === fileBytes) bytes = await disk.readFile(path, fileBytes)
  } catch (error) {
    throw storageError(`${path} could not be read`, error)
  }
  if (bytes === undefined || bytes.length !== fileBytes) {
    return { reading: { kind: 'unreadable', offset: 0 }, newest: undefined }
  }
  const first = decodeSlot(bytes.subarray(0, sectorBytes), { incarnation, path, offset: 0 })
  const second = decodeSlot(bytes.subarray(sectorBytes), { incarnation, path, offset: sectorBytes })
  return judgeSlots(first, second)
}

function judgeSlots(
  first: Slot | undefined,
  second: Slot | undefined,
): { reading: VoteReading; newest: Slot | undefined } {
  // Odd sequences go into the first slot, even ones into the second; a slot that is in the wrong
  // place was misdirected, and counts as unreadable.
  const odd = first !== undefined && first.sequence % 2 === 1 ? first : undefined
  const even = second !== undefined && second.sequence % 2 === 0 ? second : undefined
  if (odd === undefined && even === undefined) {
    return { reading: { kind: 'unreadable', offset: 0 }, newest: undefined }
  }
  if (odd === undefined || even === undefined) {
    const newest = odd ?? even
    assert(newest !== undefined, 'one of the slots checks')
    const offset = odd === undefined ? 0 : sectorBytes
    return { reading: { kind: 'older', vote: newest, offset }, newest }
  }
  const [older, newest] = odd.sequence < even.sequence ? [odd, even] : [even, odd]
  if (consecutive(older, newest)) return { reading: { kind: 'certain', vote: newest }, newest }
  // A write that never reached the disk: the newer slot stands, and may not be the last word.
  const offset = older === odd ? 0 : sectorBytes
  return { reading: { kind: 'older', vote: newest, offset }, newest }
}
