/**
 * Which incarnation of each peer this node has met first, durably: it counts no message from any
 * other. A member whose disk was wiped has forgotten its votes and acknowledgements; under its old
 * name it could help to elect a leader that lacks committed entries (`fabric#3639`, `qdrant#1235`).
 */
import { corruptError, QuorateError, usageError } from '../errors.ts'
import type { Disk } from '../ports.ts'
import type { NodeId } from '../raft/index.ts'
import { isHex } from './bytes.ts'
import {
  isRecord,
  readDocument,
  writeDocument,
  type DocumentKind,
  type Parsed,
} from './document.ts'
import { Poison } from './failure.ts'
import { nodeIdPattern } from './records.ts'

/** `pinned`: seen for the first time. `same`: the one seen first. `other`: to be refused. */
export type PinResult = 'pinned' | 'same' | 'other'

/** Ids are never used twice, so that this many members may come and go. */
export const pinsMax = 1024

const kind: DocumentKind = { name: 'peers.json', document: 'quorate peers', formatVersion: 1 }

interface Options {
  readonly disk: Disk
  /** The group's: `<data directory>/groups/0`. */
  readonly directory: string
}

function parsePins(content: unknown): Parsed<Map<NodeId, string>> {
  if (!isRecord(content)) return { problem: 'it is not a list of peers' }
  const list: unknown = content['peers']
  if (!Array.isArray(list) || list.length > pinsMax) return { problem: 'it is not a list of peers' }
  const pins = new Map<NodeId, string>()
  for (const item of list) {
    if (!isRecord(item)) return { problem: 'a peer is { id, incarnation }' }
    const { id, incarnation } = item
    const valid =
      typeof id === 'string' &&
      nodeIdPattern.test(id) &&
      typeof incarnation === 'string' &&
      isHex(incarnation, 16)
    if (!valid || pins.has(id)) return { problem: 'a peer is { id, incarnation }, each id once' }
    pins.set(id, incarnation)
  }
  return { value: pins }
}

/** The incarnations on disk. Pins are made one after the other; nothing is tried again. */
export class PeerIncarnations {
  readonly #options: Options
  readonly #pins: Map<NodeId, string>
  readonly #poison = new Poison()
  /** Ends when the pins asked for so far are durable. Never rejects. */
  #queue: Promise<unknown> = Promise.resolve()

  private constructor(options: Options, pins: Map<NodeId, string>) {
    this.#options = options
    this.#pins = pins
  }

  /** Writes an empty list. Made with the data directory, so that its loss is seen. */
  static async create(options: Options): Promise<void> {
    await writeDocument({ ...options, kind }, { peers: [] })
  }

  /** Reads the list, which must be there. */
  static async open(options: Options): Promise<PeerIncarnations> {
    const pins = await readDocument({ ...options, kind }, parsePins)
    if (pins === undefined) {
      throw corruptError(`${options.directory}/${kind.name}`, 0, 'the file is missing')
    }
    return new PeerIncarnations(options, pins)
  }

  /** The incarnation that was met first; undefined: none was. */
  get(id: NodeId): string | undefined {
    return this.#pins.get(id)
  }

  /** How many others this node has ever met. */
  get size(): number {
    return this.#pins.size
  }

  /** Remembers the first incarnation of a member; resolves when that is durable. */
  async pin(id: NodeId, incarnation: string): Promise<PinResult> {
    this.#poison.check()
    if (!nodeIdPattern.test(id)) throw usageError('the id of a peer is not a name')
    if (!isHex(incarnation, 16)) throw usageError('an incarnation is 32 hex digits')
    const known = this.#pins.get(id)
    if (known !== undefined) return known === incarnation ? 'same' : 'other'
    // Two links of one peer ask at the same moment: the second one waits, and finds the pin.
    const result = this.#queue.then(() => this.#pin(id, incarnation))
    this.#queue = result.catch(() => {})
    return result
  }

  async #pin(id: NodeId, incarnation: string): Promise<PinResult> {
    const known = this.#pins.get(id)
    if (known !== undefined) return known === incarnation ? 'same' : 'other'
    if (this.#pins.size >= pinsMax) {
      throw new QuorateError('QUORATE_TOO_LARGE', `at most ${pinsMax} peers are remembered`)
    }
    const pins = new Map([...this.#pins, [id, incarnation]])
    const peers = [...pins].map(([peer, value]) => ({ id: peer, incarnation: value }))
    peers.sort((a, b) => (a.id < b.id ? -1 : 1))
    await this.#poison.guard('the incarnation of a peer could not be written', () =>
      writeDocument({ ...this.#options, kind }, { peers }),
    )
    // Not before it is durable: `same` would vouch for a pin that a crash takes back.
    this.#pins.set(id, incarnation)
    return 'pinned'
  }
}
