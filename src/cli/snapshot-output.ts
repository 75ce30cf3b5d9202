/** What a snapshot file holds, for people and for programs. */
import type { SnapshotInfo } from '../backup/index.ts'
import type { Output } from './output.ts'
import { byteSize, grouped } from './table.ts'

/** A snapshot under `-o json`. */
export function snapshotDocument(file: string, { header, summary }: SnapshotInfo): object {
  const { clusterId, historyId, snapshot, revision, clusterTime } = header
  const { records, tokens, sessions, rows, bytes, sha256 } = summary
  return {
    file,
    clusterId,
    historyId,
    snapshot: { term: snapshot.term, index: snapshot.index },
    revision,
    clusterTime,
    records,
    tokens,
    sessions,
    rows,
    bytes,
    sha256,
  }
}

/** What it holds, in a few words. */
export function contentText({ header, summary }: SnapshotInfo): string {
  const { revision, snapshot } = header
  const { records, tokens } = summary
  return (
    `${grouped(records)} records and ${grouped(tokens)} tokens at revision ${grouped(revision)}, ` +
    `index ${grouped(snapshot.index)}`
  )
}

/** All that is known of it, one line each. */
export async function printSnapshot(
  out: Output,
  info: SnapshotInfo,
  fileBytes: number,
): Promise<void> {
  const { header, summary } = info
  const { snapshot, revision, clusterTime, clusterId, historyId } = header
  const rows: readonly (readonly [string, string])[] = [
    ['cluster', clusterId],
    ['history', historyId],
    ['revision', grouped(revision)],
    ['index', `${grouped(snapshot.index)} (term ${grouped(snapshot.term)})`],
    ['cluster time', new Date(clusterTime).toISOString()],
    ['records', grouped(summary.records)],
    ['tokens', grouped(summary.tokens)],
    ['sessions', grouped(summary.sessions)],
    ['rows', `${grouped(summary.rows)} (${byteSize(summary.bytes)})`],
    ['file', byteSize(fileBytes)],
    ['sha256', summary.sha256],
  ]
  for (const [name, value] of rows) {
    await out.line(`${out.paint('faint', name.padEnd(12))}  ${value}`)
  }
}
