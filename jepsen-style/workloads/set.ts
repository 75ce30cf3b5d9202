/**
 * Sets to which elements are added, a row each, and which are read by scans: is an element that was
 * acknowledged, or seen once, there for good? Some adds go several at a time (`putMany`).
 */
import type { Client } from 'quorate'
import { operationsOf } from '../history/index.ts'
import { completionOf, failureOf } from './outcome.ts'
import { listOf, own, wholeOf } from './parse.ts'
import { checkRevisions, revisionsTold } from './revisions.ts'
import { Rotation } from './rotation.ts'
import { toRuns } from './runs.ts'
import { checkSet } from './set-full.ts'
import { padded, Space, unpadded } from './space.ts'
import type { Completion, Invocation, Workload, WorkloadRun, WorkloadSetting } from './workload.ts'

/** Sets in use at once. */
const setsActive = 3
/** Calls a set gets: it bounds what a scan must read. */
const callsPerSet = 200
const readShare = 0.15
const addManyShare = 0.15
/** Elements of one `add-many`. */
const manyMax = 6

/** The workload; see the head of the file. */
export const set: Workload = {
  name: 'set',
  about:
    'unique elements added to sets, alone and by putMany, and read by scans: none lost or stale',
  begin: (setting) => run(setting),
}

function run({ chance }: WorkloadSetting): WorkloadRun {
  const space = new Space('set')
  const sets = new Rotation('s', { active: setsActive, usesMax: callsPerSet })
  let elements = 0

  const next = (): Invocation => {
    const key = sets.draw(chance)
    const drawn = chance.fraction()
    if (drawn < readShare) return { f: 'read', key }
    if (drawn >= readShare + addManyShare) return { f: 'add', key, value: elements++ }
    const many = Array.from({ length: chance.between(2, manyMax + 1) }, () => elements++)
    return { f: 'add-many', key, value: many }
  }

  return {
    next,
    perform: (client, invocation) => completionOf(() => call(client, space, invocation)),
    finalReads: () => sets.names.map((key) => ({ f: 'read', key })),
    check: (history) => {
      const operations = operationsOf(history)
      const told = revisionsTold(operations, ({ f }) => (f === 'read' ? 'state' : 'effect'))
      return Promise.resolve([checkSet(operations), checkRevisions(told)])
    },
  }
}

async function call(client: Client, space: Space, invocation: Invocation): Promise<Completion> {
  const { f, value } = invocation
  const prefix = `${space.key(own(invocation.key, 'key'))}/`
  switch (f) {
    case 'add': {
      const element = own(wholeOf(value), 'element')
      const { revision } = await client.put(prefix + padded(element), `e${element}`)
      return { type: 'ok', revision }
    }
    case 'add-many':
      return await addMany(client, prefix, own(listOf(value, wholeOf), 'elements'))
    case 'read':
      return await read(client, prefix)
    default:
      throw new TypeError(`set has no call ${f}`)
  }
}

/** What became of each: `info` if of any nobody knows, `fail` only if none was added. */
async function addMany(
  client: Client,
  prefix: string,
  elements: readonly number[],
): Promise<Completion> {
  const records = elements.map((each) => ({ key: prefix + padded(each), value: `e${each}` }))
  const results = await client.putMany(records)
  const added: number[] = []
  let open: Completion | undefined
  let refused: Completion | undefined
  for (const [place, element] of elements.entries()) {
    const result = results[place]
    if (result === undefined) throw new TypeError('putMany gave too few results')
    if (!('error' in result)) added.push(element)
    else if (result.error.outcome === 'unknown') open = failureOf(result.error)
    else refused = failureOf(result.error)
  }
  const value = { added }
  if (open !== undefined) return { ...open, value }
  return added.length === 0 && refused !== undefined ? { ...refused, value } : { type: 'ok', value }
}

async function read(client: Client, prefix: string): Promise<Completion> {
  const found: number[] = []
  const scan = client.scan({ prefix, keysOnly: true })
  for await (const { key } of scan) {
    const name = typeof key === 'string' ? key.slice(prefix.length) : ''
    // What is no element of ours must not look like one.
    found.push(unpadded(name) ?? -1)
  }
  const { revision } = scan
  return { type: 'ok', value: toRuns(found), ...(revision !== undefined && { revision }) }
}
