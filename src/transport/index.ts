/**
 * Frames and connections: between nodes (`PeerTransport`), from clients to a node (`ClientServer`)
 * and from a client (`ClientConnection`), over the `Network` port.
 */
export type * from './client-protocol.ts'
export { toWireError } from './wire-error.ts'
export {
  ClientConnection,
  type ClientConnectionLimits,
  type ClientConnectionOptions,
} from './client-connection.ts'
export { ClientServer, type ClientCall, type ClientServerOptions } from './client-server.ts'
export type { ClientSession } from './client-session.ts'
export { defaultClientServerLimits, type ClientServerLimits } from './client-limits.ts'
export { PeerTransport, type PeerTransportOptions, type PeerView } from './peer-transport.ts'
export type { PeerIdentity, Refusal } from './peer-context.ts'
export type { PeerLimits } from './peer-limits.ts'
export type { PeerTarget } from './peer-link.ts'
export type { DigestFrame, SnapshotFrame, StateFrame } from './peer-protocol.ts'
export { snapshotFrameBytesMax } from './fields.ts'
