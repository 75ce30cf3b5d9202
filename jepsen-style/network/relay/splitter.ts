/**
 * Cuts the bytes of one direction of a connection into units that a relay may hold, drop, repeat
 * or damage as a whole: an HTTP head, then WebSocket frames (RFC 6455, section 5.2) if the head
 * asked for them or granted them, else bytes as they come.
 *
 * The frames are not decoded any further than to tell the protocol's handshake from its messages
 * (docs/protocol.md): a relay that ended the WebSocket on both sides would answer for the nodes,
 * pings and closes with it, and a path that is cut would look alive.
 */

/** What a unit is. Only a whole `message` may be lost, repeated, moved or damaged. */
export type UnitKind =
  /** The head of an HTTP request or answer, with the empty line. */
  | 'head'
  /** A binary WebSocket message of the protocol's handshake: hello, welcome, refusal, goodbye. */
  | 'handshake'
  /** Any other binary WebSocket message. */
  | 'message'
  /** Close, ping and pong of WebSocket itself, a text message. */
  | 'control'
  /** A piece of something longer. */
  | 'bytes'

/** A piece of what one side sends. */
export interface Unit {
  readonly kind: UnitKind
  readonly bytes: Buffer
  /** Of a message: the number that the protocol gives its kind; else undefined. */
  readonly frameKind: number | undefined
}

/** A head beyond this is none; nodes themselves take 8 KiB. */
const headBytesMax = 16 * 1024
/** Twice what the largest receiver takes (32 MiB), so that its own limit is the one that is met. */
const frameBytesMax = 64 * 1024 * 1024

const finalBit = 0x80
const maskBit = 0x80
const binaryOpcode = 2
const firstControlOpcode = 8
const endOfHead = Buffer.from('\r\n\r\n')
const asksForWebSocket = /^upgrade:[ \t]*websocket[ \t]*\r$/im
const grantsWebSocket = /^HTTP\/1\.1 101 /

/** Who sent the bytes: the side that opened the connection, or the one that took it. */
export type Side = 'dialler' | 'target'

/** Bytes that cannot be cut: neither HTTP nor WebSocket, or larger than anything that is. */
export class SplitError extends Error {
  override readonly name = 'SplitError'
}

/** Of one direction. Holds at most one unfinished unit. */
export class Splitter {
  readonly #side: Side
  #mode: 'head' | 'frames' | 'bytes' = 'head'
  #pending: Buffer[] = []
  #pendingBytes = 0
  /** With fewer bytes than this there is nothing new to be seen: a long frame is joined once. */
  #needed = 1
  /** The protocol's handshake is the first message of each side. */
  #messages = 0

  constructor(side: Side) {
    this.#side = side
  }

  /** The units that these bytes complete, in order. Throws a `SplitError`; no use afterwards. */
  push(chunk: Buffer): readonly Unit[] {
    if (this.#mode === 'bytes') return [plain('bytes', chunk)]
    this.#pending.push(chunk)
    this.#pendingBytes += chunk.length
    if (this.#pendingBytes < this.#needed) return []
    let rest = this.#pending.length === 1 ? chunk : Buffer.concat(this.#pending)
    this.#needed = 1
    const units: Unit[] = []
    while (rest.length > 0) {
      const unit = this.#next(rest)
      if (unit === undefined) break
      units.push(unit)
      rest = rest.subarray(unit.bytes.length)
    }
    this.#pending = rest.length > 0 ? [rest] : []
    this.#pendingBytes = rest.length
    return units
  }

  /** What is left of an unfinished unit when the side ends. */
  rest(): Buffer | undefined {
    const rest = this.#pendingBytes > 0 ? Buffer.concat(this.#pending) : undefined
    this.#pending = []
    this.#pendingBytes = 0
    return rest
  }

  #next(bytes: Buffer): Unit | undefined {
    if (this.#mode === 'bytes') return plain('bytes', bytes)
    return this.#mode === 'head' ? this.#head(bytes) : this.#frame(bytes)
  }

  #head(bytes: Buffer): Unit | undefined {
    const end = bytes.indexOf(endOfHead)
    if ((end < 0 ? bytes.length : end) > headBytesMax) throw new SplitError('a head is too long')
    if (end < 0) {
      this.#needed = bytes.length + 1
      return undefined
    }
    const head = bytes.subarray(0, end + endOfHead.length)
    const text = head.toString('latin1')
    const frames = this.#side === 'dialler' ? asksForWebSocket : grantsWebSocket
    this.#mode = frames.test(text) ? 'frames' : 'bytes'
    return plain('head', head)
  }

  #frame(bytes: Buffer): Unit | undefined {
    const header = readHeader(bytes)
    const length = header === undefined ? bytes.length + 1 : header.start + header.length
    if (length > frameBytesMax) throw new SplitError('a frame is too long')
    if (header === undefined || bytes.length < length) {
      this.#needed = length
      return undefined
    }
    const frame = bytes.subarray(0, length)
    // A message in several frames is nothing that nodes or clients send. It passes untouched.
    if (!header.final || header.opcode === 0) {
      this.#mode = 'bytes'
      return plain('bytes', frame)
    }
    if (header.opcode >= firstControlOpcode || header.opcode !== binaryOpcode) {
      return plain('control', frame)
    }
    this.#messages++
    const kind = this.#messages === 1 ? 'handshake' : 'message'
    return { kind, bytes: frame, frameKind: frameKindOf(frame, header) }
  }
}

interface Header {
  readonly final: boolean
  readonly opcode: number
  /** Where the mask's four bytes are; undefined: not masked. */
  readonly mask: number | undefined
  /** Where the payload starts, and how long it is. */
  readonly start: number
  readonly length: number
}

function readHeader(bytes: Buffer): Header | undefined {
  if (bytes.length < 2) return undefined
  const [first = 0, second = 0] = bytes
  const short = second & 0x7f
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0
  const masked = (second & maskBit) !== 0
  const start = 2 + extended + (masked ? 4 : 0)
  if (bytes.length < start) return undefined
  return {
    final: (first & finalBit) !== 0,
    opcode: first & 0x0f,
    mask: masked ? start - 4 : undefined,
    start,
    length: payloadLength(bytes, short),
  }
}

function payloadLength(bytes: Buffer, short: number): number {
  if (short === 126) return bytes.readUInt16BE(2)
  if (short !== 127) return short
  // Whoever says more than 4 GiB means no length that could be kept.
  return bytes.readUInt32BE(2) === 0 ? bytes.readUInt32BE(6) : Number.MAX_SAFE_INTEGER
}

/** A frame is a MessagePack array of at most 15 elements, the first a number below 128. */
function frameKindOf(frame: Buffer, header: Header): number | undefined {
  if (header.length < 2) return undefined
  const at = (i: number): number =>
    (frame[header.start + i] ?? 0) ^ (header.mask === undefined ? 0 : (frame[header.mask + i] ?? 0))
  const isArray = at(0) >= 0x90 && at(0) <= 0x9f
  return isArray && at(1) < 0x80 ? at(1) : undefined
}

function plain(kind: UnitKind, bytes: Buffer): Unit {
  return { kind, bytes, frameKind: undefined }
}
