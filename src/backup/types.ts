/** What parts of a backup have in common. */
import type { EntryId } from '../raft/index.ts'

/** What a snapshot file says of itself before its first frame. */
export interface SnapshotHeader {
  /** The cluster that it was taken from, 32 hex digits. */
  readonly clusterId: string
  /** Under which revisions and indices count as the same numbers, 32 hex digits. */
  readonly historyId: string
  /** The entry after which it was taken. */
  readonly snapshot: EntryId
  readonly revision: number
  /** Milliseconds. */
  readonly clusterTime: number
}

/** Where the frames of an export come from, in order: a node, over a client, or a state. */
export interface SnapshotSource extends AsyncIterable<Uint8Array> {
  readonly header: SnapshotHeader | Promise<SnapshotHeader>
}

/** How far a pass over a snapshot is. */
export interface SaveProgress {
  readonly frames: number
  /** Bytes of frames: what they are before they are compressed. */
  readonly bytes: number
}
