/**
 * The effects digest: a chain over everything that was applied and what was decided about it. Two
 * nodes whose digests agree at an index have decided every command up to it alike; where they
 * differ, one of them must stop.
 *
 *     effects(n) := SHA-256( effects(n-1) index(u64) term(u64) revision(u64)
 *                            { length(u16) answer }* data )
 *
 * It goes forward by one entry, and not by one batch of LevelDB's: how entries are grouped into
 * batches is each node's own affair. Answers are encoded as in `session-row.ts`; whether a refusal
 * is remembered follows from its place in the rules and from the data.
 */
import { createHash } from 'node:crypto'
import { assert } from '../assert.ts'
import { ByteWriter } from '../command/index.ts'
import type { Answer } from '../command/index.ts'
import type { Entry } from '../raft/index.ts'
import { effectsBytes } from './layout.ts'
import { answerLength, writeAnswer } from './session-row.ts'

/** The digest after an entry. `revision`: after it as well. */
export function effectsAfter(
  previous: Uint8Array,
  entry: Entry,
  revision: number,
  answers: readonly Answer[],
): Uint8Array {
  assert(previous.length === effectsBytes, 'a digest has its length')
  // One array for all of it: small arrays by the hundred would cost more than the hash.
  let length = effectsBytes + 3 * 8
  for (const answer of answers) length += 2 + answerLength(answer)
  const writer = ByteWriter.pooled(length)
  writer.raw(previous)
  writer.u64(entry.index)
  writer.u64(entry.term)
  writer.u64(revision)
  for (const answer of answers) {
    writer.u16(answerLength(answer))
    writeAnswer(writer, answer)
  }
  const digest = createHash('sha256').update(writer.done()).update(entry.data).digest()
  assert(digest.length === effectsBytes, 'a digest has its length')
  return digest
}
