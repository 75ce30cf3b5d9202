/**
 * What one caller does in one call, in the words of our client library. A call is told apart by
 * its number alone, so that callers share nothing but a counter.
 */
import type { Client } from 'quorate'
import { unreachable } from '../../src/assert.ts'
import type { Job } from './job.ts'
import { endOf, keyOf, numbersOf, valuesOf } from './values.ts'

/** Makes one call over a connection; resolves with the number of records that it wrote or read. */
export type Operation = (db: Client) => Promise<number>

/** What the job does time and again. `put-many` counts its keys up from `from`, like the others. */
export function operationOf(job: Job): Operation {
  const { keys, batch } = job
  const values = valuesOf(job.seed, job.valueBytes)
  const draw = numbersOf(job.seed ^ 0x9e37_79b9)
  let turn = 0
  let fresh = job.from
  const value = (): Buffer => {
    turn = turn + 1 === values.length ? 0 : turn + 1
    // There is always one at this place; the empty one is what the type asks for.
    return values[turn] ?? Buffer.alloc(0)
  }
  const anyKey = (): string => keyOf(keys.prefix, draw() % keys.count)
  const newKey = (): string => keyOf(keys.prefix, fresh++)
  const put = async (db: Client): Promise<number> => {
    await db.put(anyKey(), value())
    return 1
  }
  const get = async (db: Client): Promise<number> => {
    return (await db.get(anyKey())) === undefined ? 0 : 1
  }
  switch (job.op) {
    case 'put':
    case 'write-gap':
      return put
    case 'put-token':
      return async (db) => {
        await db.put(anyKey(), value(), { token: newKey() })
        return 1
      }
    case 'once':
      return async (db) => {
        await db.put(newKey(), value(), { once: true })
        return 1
      }
    case 'put-many':
    case 'fill':
      return async (db) => {
        const records = Array.from({ length: batch }, () => ({ key: newKey(), value: value() }))
        return await many(db, records, job.op === 'put-many')
      }
    case 'get':
      return get
    case 'get-stale':
      return async (db) => {
        const found = await db.get(anyKey(), { consistency: 'stale' })
        return found === undefined ? 0 : 1
      }
    case 'mix': {
      const reads = job.readShare * 0x1_0000_0000
      return async (db) => await (draw() < reads ? get(db) : put(db))
    }
    case 'scan':
      return async (db) => {
        let rows = 0
        for await (const _ of db.scan({ gte: keys.prefix, lt: endOf(keys.prefix) })) rows += 1
        return rows
      }
    default:
      return unreachable(job.op)
  }
}

/** Writes records in one call; rejects with the first error of them, so that the call counts as failed. */
async function many(
  db: Client,
  records: readonly { key: string; value: Buffer }[],
  once: boolean,
): Promise<number> {
  const results = await db.putMany(records, once ? { once } : {})
  for (const result of results) if ('error' in result) throw result.error
  return results.length
}
