/** The named caps and periods of the links between nodes. */

export interface PeerLimits {
  /** The largest frame taken from a peer. One entry at its largest must fit. */
  readonly frameBytesMax: number
  /** A frame holds this much before another begins. */
  readonly frameBytesTarget: number
  /** What may wait on a link for the operating system; above it messages are dropped. */
  readonly controlQueueBytesMax: number
  readonly bulkQueueBytesMax: number
  /**
   * Frames of snapshots that wait on a link, here or for the operating system, beside what the two
   * above bound: one more is refused.
   */
  readonly snapshotFramesMax: number
  /** Messages gathered in one turn for one link; above it messages are dropped. */
  readonly queueMessagesMax: number
  /** Accepted connections at once; one more is refused. */
  readonly connectionsMax: number
  /** Accepted connections that have not shown who they are; above it the oldest is closed. */
  readonly strangersMax: number
  /** Nodes beside the members that are let in and answered; one more is refused. */
  readonly guestsMax: number
  /** A guest that has sent no message for so long is not dialled any more, until it does. */
  readonly guestIdleMs: number
  /** For the TCP connection. */
  readonly connectMs: number
  /** For the handshake, on either side, durable pinning included. */
  readonly handshakeMs: number
  /** Waits between attempts, doubled from the first on up to the second. */
  readonly backoffMs: number
  readonly backoffMsMax: number
  /** The same after a refusal, which only a person's act can end. */
  readonly refusedBackoffMs: number
  readonly refusedBackoffMsMax: number
  /** A link that has stood this long was no accident: the next attempt is made at once. */
  readonly stableMs: number
  /** Between two signs of life asked for on a link. */
  readonly pingMs: number
  /** Without a sign of life for so long a control link is given up, and its bulk link with it. */
  readonly silenceMs: number
  /** The same for a bulk link that does not move either: a frame may take long on a slow path. */
  readonly bulkSilenceMs: number
  /** An accepted link that is silent for so long is closed: its dialler is gone. */
  readonly acceptedSilenceMs: number
}

export const defaultPeerLimits: PeerLimits = {
  frameBytesMax: 33_554_432,
  frameBytesTarget: 524_288,
  controlQueueBytesMax: 1_048_576,
  bulkQueueBytesMax: 33_554_432,
  snapshotFramesMax: 2,
  queueMessagesMax: 16_384,
  connectionsMax: 1024,
  strangersMax: 64,
  guestsMax: 16,
  guestIdleMs: 30_000,
  connectMs: 1500,
  handshakeMs: 5000,
  backoffMs: 50,
  backoffMsMax: 1000,
  refusedBackoffMs: 2000,
  refusedBackoffMsMax: 30_000,
  stableMs: 5000,
  pingMs: 1000,
  silenceMs: 3000,
  bulkSilenceMs: 15_000,
  acceptedSilenceMs: 30_000,
}
