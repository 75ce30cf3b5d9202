/**
 * Scans against concurrent puts, deletes and batches: each is the state at one revision, whatever
 * its bounds, its direction and its limit. The rows are large enough for a scan of all of them to
 * take several pages.
 */
import type { BatchOperation, Client, ScanOptions } from 'quorate'
import { operationsOf } from '../history/index.ts'
import { completionOf } from './outcome.ts'
import { fieldsOf, own, wholeOf } from './parse.ts'
import { repeated } from './retry.ts'
import { checkRevisions, revisionsTold } from './revisions.ts'
import { changesOf, rangeOf, type Change, type Range } from './scan-calls.ts'
import { checkSnapshots } from './scan-check.ts'
import { padded, Space, storedText, unpadded } from './space.ts'
import type {
  Chance,
  Completion,
  Invocation,
  Workload,
  WorkloadRun,
  WorkloadSetting,
} from './workload.ts'

/** Rows that may be there. */
const keyCount = 400
/** A row's length in bytes: a page of a scan holds 256 KiB, so all rows are two pages. */
const valueBytes = 1_000
const batchMax = 5
const limitMax = 60
/** How often the final scan is tried. */
const triesMax = 5

/** Shares of the calls; what is left are puts. */
const shares = { scan: 0.2, delete: 0.15, batch: 0.25 } as const

/** The workload; see the head of the file. */
export const scan: Workload = {
  name: 'scan',
  about: 'scans of all kinds against puts, deletes and batches: each is a snapshot of one revision',
  begin: (setting) => run(setting),
}

function run({ chance }: WorkloadSetting): WorkloadRun {
  const space = new Space('scan')
  let values = 0
  const put = (): Change => ({ key: chance.between(0, keyCount), id: ++values })
  return {
    next: () => {
      const drawn = chance.fraction()
      if (drawn < shares.scan) return { f: 'scan', value: drawRange(chance) }
      if (drawn < shares.scan + shares.delete) {
        return { f: 'delete', value: { changes: [{ key: chance.between(0, keyCount), id: null }] } }
      }
      if (drawn < shares.scan + shares.delete + shares.batch) return drawBatch(chance, put)
      return { f: 'put', value: { changes: [put()] } }
    },
    perform: (client, invocation) => completionOf(() => call(client, space, invocation)),
    finalReads: () => [{ f: 'scan', value: { from: 0, to: keyCount, final: true } }],
    check: (history) => {
      const operations = operationsOf(history)
      const told = revisionsTold(operations, ({ f, output }) => {
        const nothing = f === 'delete' && fieldsOf(output)['existed'] !== true
        return f === 'scan' || nothing ? 'state' : 'effect'
      })
      return Promise.resolve([checkSnapshots(operations), checkRevisions(told)])
    },
  }
}

/** Half of the scans are of everything, as those are the ones that last. */
function drawRange(chance: Chance): Range {
  const whole = chance.fraction() < 0.5
  const from = whole ? 0 : chance.between(0, keyCount)
  const to = whole ? keyCount : chance.between(from, keyCount + 1)
  return {
    from,
    to,
    ...(chance.fraction() < 0.4 && { reverse: true }),
    ...(chance.fraction() < 0.2 && { keysOnly: true }),
    ...(chance.fraction() < 0.2 && { limit: chance.between(1, limitMax) }),
  }
}

/** Puts of several rows, and sometimes a delete, none of them twice. */
function drawBatch(chance: Chance, put: () => Change): Invocation {
  const changes = new Map<number, Change>()
  const count = chance.between(2, batchMax + 1)
  for (let i = 0; i < count; i++) {
    const { key, id } = put()
    // The first one is a put, so that a batch always has an effect.
    changes.set(key, changes.size > 0 && chance.fraction() < 0.2 ? { key, id: null } : { key, id })
  }
  const list = [...changes.values()]
  const effective = list.some(({ id }) => id !== null) ? list : [put()]
  return { f: 'batch', value: { changes: effective } }
}

async function call(client: Client, space: Space, invocation: Invocation): Promise<Completion> {
  const { f, value } = invocation
  if (f === 'scan') {
    const range = own(rangeOf(value), 'range')
    const times = fieldsOf(value)['final'] === true ? triesMax : 1
    return await repeated(times, () => read(client, space, range))
  }
  const changes = own(changesOf(value), 'changes')
  const operations = changes.map((change) => operationOf(space, change))
  const [first] = operations
  if (first === undefined) throw new TypeError('a change without a row')
  switch (f) {
    case 'put': {
      if (first.type !== 'put') throw new TypeError('a put without a value')
      const { revision } = await client.put(first.key, first.value)
      return { type: 'ok', value: {}, revision }
    }
    case 'delete': {
      const { existed, revision } = await client.delete(first.key)
      return { type: 'ok', value: { existed }, revision }
    }
    case 'batch': {
      const { revision } = await client.batch(operations)
      return { type: 'ok', value: {}, revision }
    }
    default:
      throw new TypeError(`scan has no call ${f}`)
  }
}

function operationOf(space: Space, { key, id }: Change): BatchOperation {
  const name = space.key(padded(key))
  if (id === null) return { type: 'delete', key: name }
  return { type: 'put', key: name, value: `${id} `.padEnd(valueBytes, 'x') }
}

/** Rows as `[key, id, revision]`; id null where only keys were asked for, -1 for bytes nobody wrote. */
async function read(client: Client, space: Space, range: Range): Promise<Completion> {
  const { from, to, reverse, keysOnly, limit } = range
  const options: ScanOptions = {
    gte: space.key(padded(from)),
    lt: space.key(padded(to)),
    ...(reverse !== undefined && { reverse }),
    ...(keysOnly !== undefined && { keysOnly }),
    ...(limit !== undefined && { limit }),
  }
  const rows: (readonly [number, number | null, number])[] = []
  const pins = new Set<number>()
  const found = client.scan(options)
  for await (const { key, value, revision, readRevision } of found) {
    const number = unpadded(space.nameOf(key) ?? '') ?? -1
    pins.add(readRevision)
    rows.push([number, value === undefined ? null : idOf(value), revision])
  }
  const { revision } = found
  if (revision !== undefined) pins.add(revision)
  const told = revision === undefined ? {} : { revision }
  return { type: 'ok', value: { rows, pins: [...pins] }, ...told }
}

function idOf(value: unknown): number {
  const text = storedText(value)
  const [id = ''] = text.split(' ')
  const number = wholeOf(Number(id))
  return number !== undefined && text === `${id} `.padEnd(valueBytes, 'x') ? number : -1
}
