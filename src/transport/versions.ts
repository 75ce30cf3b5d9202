/** Agreement on a protocol version. */

/** The versions that one side speaks, both ends included. */
export interface VersionRange {
  readonly min: number
  readonly max: number
}

/** The highest version that both speak; undefined where there is none. */
export function highestCommon(ours: VersionRange, theirs: VersionRange): number | undefined {
  const highest = Math.min(ours.max, theirs.max)
  return highest >= Math.max(ours.min, theirs.min) ? highest : undefined
}
