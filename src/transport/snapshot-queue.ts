/**
 * The frames of states, of snapshots most of them, that wait on one link. They have a cap of their own, in frames: counted
 * with the messages they would keep entries out, or be kept out by them.
 *
 * A frame waits until the operating system has taken it. The connection only tells how many bytes
 * it has not taken yet, all frames together; as they go in order, a frame is gone once fewer bytes
 * are left than were sent behind it.
 */
import type { StateFrame } from './peer-protocol.ts'

export class SnapshotQueue {
  readonly #framesMax: number
  #frames: StateFrame[] = []
  /** Bytes sent on this connection so far. */
  #sentBytes = 0
  /** What had been sent behind the last byte of each frame that may not be taken yet. */
  #ends: number[] = []

  constructor(framesMax: number) {
    this.#framesMax = framesMax
  }

  /** Takes a frame; false: as many wait as may. */
  push(frame: StateFrame, bufferedBytes: number): boolean {
    const taken = this.#sentBytes - bufferedBytes
    this.#ends = this.#ends.filter((end) => end > taken)
    if (this.#frames.length + this.#ends.length >= this.#framesMax) return false
    this.#frames.push(frame)
    return true
  }

  /** The frames to be sent now. */
  take(): readonly StateFrame[] {
    const frames = this.#frames
    this.#frames = []
    return frames
  }

  /** Bytes of something else were sent. */
  sent(bytes: number): void {
    this.#sentBytes += bytes
  }

  /** Bytes of one of the frames were sent. */
  sentSnapshot(bytes: number): void {
    this.#sentBytes += bytes
    this.#ends.push(this.#sentBytes)
  }

  /** The connection is gone. */
  clear(): void {
    this.#frames = []
    this.#ends = []
    this.#sentBytes = 0
  }
}
