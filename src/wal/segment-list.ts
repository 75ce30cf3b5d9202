/**
 * The segments that a log consists of, in memory: where each ends, and behind which base it
 * begins, which says whether the log may begin with it.
 */
import { assert, present } from '../assert.ts'
import type { EntryId } from '../raft/index.ts'

/** What is known of a segment. Immutable, so that a reader keeps what it was handed. */
export interface SegmentInfo {
  readonly segmentNumber: number
  readonly seed: number
  /** Where its flushes end. */
  readonly end: number
  /**
   * The last entry of the log when the segment was made. Undefined where the log cannot begin here:
   * that entry was overwritten later, so that it never was committed, or the header does not say.
   */
  readonly base: EntryId | undefined
}

/** Segments without gaps in their numbers, oldest first. The last one is being written. */
export class SegmentList {
  #segments: SegmentInfo[] = []

  /** The segments as they stand. */
  get all(): readonly SegmentInfo[] {
    return this.#segments
  }

  /** The segment that the log begins with. */
  get front(): SegmentInfo {
    return present(this.#segments[0], 'a log has a segment')
  }

  /** The segment that is being written. */
  get last(): SegmentInfo {
    return present(this.#segments.at(-1), 'a log has a segment')
  }

  /** Bytes of log in all of them: header sectors and flushes. */
  get bytes(): number {
    let bytes = 0
    for (const segment of this.#segments) bytes += segment.end
    return bytes
  }

  /** Adds the next segment. */
  push(segment: SegmentInfo): void {
    const last = this.#segments.at(-1)
    const due = last === undefined || segment.segmentNumber === last.segmentNumber + 1
    assert(due, 'the numbers of segments have no gaps')
    this.#segments.push(segment)
  }

  /** The last segment's flushes end at `end` now. */
  grow(end: number): void {
    assert(end >= this.last.end, 'segments only grow')
    this.#segments[this.#segments.length - 1] = { ...this.last, end }
  }

  /**
   * An entry was written at `index`, in place of what stood there. What begins behind a base from
   * there on begins behind an entry that is no more.
   */
  cross(index: number): void {
    this.#segments = this.#segments.map((segment) =>
      segment.base !== undefined && segment.base.index >= index
        ? { ...segment, base: undefined }
        : segment,
    )
  }

  /** The segments from one number on. */
  from(segmentNumber: number): readonly SegmentInfo[] {
    const at = segmentNumber - this.front.segmentNumber
    assert(at >= 0 && at < this.#segments.length, 'the segment is part of the log')
    return this.#segments.slice(at)
  }

  /** The newest segment before which there is nothing above `upTo`; undefined: only the front is. */
  frontFor(upTo: number): (SegmentInfo & { readonly base: EntryId }) | undefined {
    for (const segment of this.#segments.toReversed()) {
      if (segment === this.front) return undefined
      const { base } = segment
      if (base !== undefined && base.index <= upTo) return { ...segment, base }
    }
    return undefined
  }

  /** Takes out what is before a segment; returns the numbers, oldest first. */
  dropBefore(segmentNumber: number): number[] {
    const kept = this.from(segmentNumber)
    const dropped = this.#segments.slice(0, this.#segments.length - kept.length)
    this.#segments = [...kept]
    return dropped.map((segment) => segment.segmentNumber)
  }
}
