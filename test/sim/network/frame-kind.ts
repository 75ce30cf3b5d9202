/**
 * Tells consensus messages, which may be lost and repeated, from handshakes, signs of life and frames
 * of snapshots: these take part in an exchange, and come as the connection gives them.
 */
import { decodePeerFrame } from '../../../src/transport/peer-codec.ts'

/** Whether a frame between nodes holds messages of the core. */
export function isMessages(frame: Uint8Array): boolean {
  return decodePeerFrame(frame).type === 'messages'
}
