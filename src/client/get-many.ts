/** Reads of many keys, cut into requests whose answers fit a frame. */
import { QuorateError } from '../errors.ts'
import type { Row } from '../command/index.ts'

/** Keys of one request. */
const keysPerRequestMax = 256

/** What one request of keys answers: as many rows, in their order. */
export type GetRows = (keys: readonly Uint8Array[]) => Promise<readonly (Row | undefined)[]>

/** The rows of all keys. Each request is of one moment; several are of several. */
export async function getMany(
  keys: readonly Uint8Array[],
  get: GetRows,
): Promise<readonly (Row | undefined)[]> {
  if (keys.length <= keysPerRequestMax) return await getOrSplit(keys, get)
  const rows: (Row | undefined)[] = []
  for (let i = 0; i < keys.length; i += keysPerRequestMax) {
    rows.push(...(await getOrSplit(keys.slice(i, i + keysPerRequestMax), get)))
  }
  return rows
}

/** How long values are is known only to the node: where the answer is too large, half is asked. */
async function getOrSplit(
  keys: readonly Uint8Array[],
  get: GetRows,
): Promise<readonly (Row | undefined)[]> {
  try {
    return await get(keys)
  } catch (error) {
    const tooLarge = error instanceof QuorateError && error.code === 'QUORATE_TOO_LARGE'
    if (!tooLarge || error.attempts === 0 || keys.length === 1) throw error
  }
  const half = Math.ceil(keys.length / 2)
  const first = await getOrSplit(keys.slice(0, half), get)
  return [...first, ...(await getOrSplit(keys.slice(half), get))]
}
