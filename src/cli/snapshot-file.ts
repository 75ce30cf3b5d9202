/** What the commands on snapshot files have in common. */
import { resolve } from 'node:path'
import type { SaveProgress, SnapshotInfo } from '../backup/index.ts'
import { QuorateError } from '../errors.ts'
import type { Run } from './command.ts'
import { Violation } from './problem.ts'
import { progressTeller, type ProgressTeller } from './progress.ts'
import { byteSize } from './table.ts'

/** Reads a file as a whole, with progress. Damage is what the check found: exit code 7. */
export async function readSnapshot(
  run: Run,
  file: string,
): Promise<SnapshotInfo & { readonly fileBytes: number }> {
  const [{ inspectSnapshot }, { realDisk }, { monotonicTime }] = await Promise.all([
    import('../backup/index.ts'),
    import('../system/index.ts'),
    import('../cluster/index.ts'),
  ])
  const teller = progressTeller(run.out)
  const onProgress = throttled(teller, monotonicTime, 'read')
  const path = resolve(run.io.cwd, file)
  try {
    return await inspectSnapshot({
      disk: realDisk,
      file: path,
      onProgress,
      signal: run.io.signal,
    })
  } catch (error) {
    throw asViolation(error, path)
  } finally {
    await teller.end()
  }
}

/** Damage of the snapshot file `path` as a finding; of anything else it is what it is. */
export function asViolation(error: unknown, path: string): unknown {
  if (!(error instanceof QuorateError) || error.code !== 'QUORATE_CORRUPT') return error
  if (error.details['file'] !== path) return error
  return new Violation(error, {
    cause: 'the file was cut short on its way, or its bytes were changed by a disk or a program',
    next: 'use another snapshot file; quorate snapshot save makes a new one while the cluster runs',
  })
}

/** Tells of some of the many calls. */
export function throttled(
  teller: ProgressTeller,
  monotonic: () => number,
  verb: string,
): (progress: SaveProgress) => void {
  let next = monotonic() + teller.intervalMs
  return ({ bytes }) => {
    const now = monotonic()
    if (now < next) return
    next = now + teller.intervalMs
    void teller.tell(`${byteSize(bytes)} ${verb}`)
  }
}
