/** The named caps of the clients' side of a node. */
import type { ClientLimits } from './client-protocol.ts'

/** What a node bounds beyond what it tells its clients. */
export interface ClientServerLimits extends ClientLimits {
  /** Connections at once; one more is refused. */
  readonly connectionsMax: number
  /** Connections that have not said hello; above it the oldest is closed. */
  readonly strangersMax: number
  /** How long a connection may take to say hello. */
  readonly handshakeMs: number
  /** Requests of one connection without a reply; one more is refused as overload. */
  readonly outstandingMax: number
  /** Bytes of them. */
  readonly outstandingBytesMax: number
  /** Bytes of the requests of all connections without a reply. */
  readonly requestBytesMax: number
  /** Requests handed over at once. */
  readonly turnRequestsMax: number
  /** Reply bytes that a client has not taken: above it, nothing more is read from the client. */
  readonly replyBytesPause: number
  /** Reply bytes that a client has not taken: above it, the connection is closed. */
  readonly replyBytesMax: number
  /** Reply bytes of all connections that were not taken: above it, the slowest are closed. */
  readonly replyBytesTotalMax: number
  /** A client that takes none of its waiting replies for so long is closed. */
  readonly stallMs: number
  /** What a refused client is told to wait, ms. */
  readonly retryAfterMs: number
}

/** Works for a node of moderate size. */
export const defaultClientServerLimits: ClientServerLimits = {
  keyBytesMax: 4096,
  valueBytesMax: 1_048_576,
  tokenBytesMax: 256,
  batchBytesMax: 4_194_304,
  frameBytesMax: 8_388_608,
  requestsPerFrameMax: 4096,
  connectionsMax: 4096,
  strangersMax: 256,
  handshakeMs: 5000,
  outstandingMax: 16_384,
  outstandingBytesMax: 32 * 1_048_576,
  requestBytesMax: 256 * 1_048_576,
  turnRequestsMax: 2048,
  replyBytesPause: 1_048_576,
  replyBytesMax: 64 * 1_048_576,
  replyBytesTotalMax: 512 * 1_048_576,
  stallMs: 15_000,
  retryAfterMs: 100,
}

/** Frames hold this much before another begins: large ones would hold up what comes behind. */
export const frameBytesTarget = 1_048_576
/** Room for what stands around the requests or replies of a frame. */
export const frameOverheadBytes = 64
