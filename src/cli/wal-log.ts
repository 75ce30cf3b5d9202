/** What the commands on a log have in common: finding it, and saying what is wrong with it. */
import { resolve } from 'node:path'
import type { LogItem } from '../wal/index.ts'
import { corruptError, QuorateError } from '../errors.ts'
import type { Run } from './command.ts'
import { Violation } from './problem.ts'
import { byteSize, grouped } from './table.ts'
import type { WalSummary } from './wal-summary.ts'

/** A log that can be looked at. */
export interface FoundLog {
  readonly dataDirectory: string
  readonly items: AsyncIterable<LogItem>
  /** Whether a node runs on it; undefined: this system does not tell. */
  readonly inUse: boolean | undefined
}

/** Finds the log of a node's data directory. Nothing is written, and no lock is taken. */
export async function openLog(run: Run, path: string): Promise<FoundLog> {
  const [{ inspectLog }, { realDisk }, { isInUse, readClusterFile }] = await Promise.all([
    import('../wal/index.ts'),
    import('../system/index.ts'),
    import('../cluster/index.ts'),
  ])
  const dataDirectory = resolve(run.io.cwd, path)
  const directory = `${dataDirectory}/groups/0`
  if ((await realDisk.list(`${directory}/wal`)) === undefined) {
    const first = readClusterFile(dataDirectory)?.nodes[0]?.directory
    const hint =
      first === undefined ? '' : `; it holds a local cluster, whose nodes are in ${first} and so on`
    throw new QuorateError(
      'QUORATE_NOT_INITIALISED',
      `there is no log of a node in ${dataDirectory}${hint}`,
      { outcome: 'not-applied' },
    )
  }
  const inUse = isInUse(dataDirectory)
  return { dataDirectory, items: inspectLog({ disk: realDisk, directory }), inUse }
}

/** What was found wrong, as the error that ends the command with 7. */
export function damageOf(
  { damage }: WalSummary,
  inUse: boolean | undefined,
): Violation | undefined {
  if (damage === undefined) return undefined
  const { file, offset, what } = damage
  return new Violation(corruptError(file, offset, what), {
    cause:
      inUse === true
        ? 'a node runs on this log and was writing meanwhile, or its bytes are not those written'
        : 'the bytes on disk are not those that were written: a failing disk, or another program',
    next:
      inUse === true
        ? 'run the command again; if it says the same, stop the node and see docs/operations.md'
        : 'keep a copy; docs/operations.md, corruption, says how the node comes back',
  })
}

/** The log as a whole, in a line. */
export function summaryText(summary: WalSummary): string {
  const { segments, bytes, baseIndex, lastIndex, term, commitIndex } = summary
  const entries =
    lastIndex === baseIndex
      ? 'no entries'
      : `entries ${grouped(baseIndex + 1)} to ${grouped(lastIndex)}`
  const count = segments.length === 1 ? '1 segment' : `${segments.length} segments`
  const behind = baseIndex === 0 ? '' : `, behind ${grouped(baseIndex)}`
  return (
    `${entries}${behind}, committed up to ${grouped(commitIndex)}, term ${grouped(term)}; ` +
    `${count}, ${byteSize(bytes)}`
  )
}

/** What a person should know beyond that, a line each. */
export function remarksOf(summary: WalSummary, inUse: boolean | undefined): readonly string[] {
  const { torn, leftovers } = summary
  return [
    ...(inUse === true ? ['a node runs on it: what is said of its end may be out of date'] : []),
    ...(torn === undefined
      ? []
      : [
          `${torn.file}: a flush of ${torn.bytes} bytes at ${torn.offset} was cut short by a ` +
            'crash; it was never acknowledged, and the next start takes it away',
        ]),
    ...leftovers.map((file) => `${file} is no part of the log; the next start removes it`),
  ]
}

/** The log under `-o json`. */
export function walDocument(
  { dataDirectory, inUse }: FoundLog,
  summary: WalSummary,
): Record<string, unknown> {
  const { segments, torn, damage, votedFor, ...rest } = summary
  return {
    schema: 1,
    dataDirectory,
    inUse: inUse ?? null,
    verdict: damage === undefined ? 'whole' : 'damaged',
    ...rest,
    votedFor: votedFor ?? null,
    torn: torn ?? null,
    damage: damage ?? null,
    segments: segments.map(({ baseIndex, firstIndex, lastIndex, ...segment }) => ({
      ...segment,
      baseIndex: baseIndex ?? null,
      firstIndex: firstIndex ?? null,
      lastIndex: lastIndex ?? null,
    })),
  }
}
