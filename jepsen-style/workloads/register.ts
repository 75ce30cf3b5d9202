/**
 * Single rows, read, written, compared and set, and deleted: is the store linearizable?
 *
 * Every written value is unique, so that a read tells whose write it saw. A compare-and-set is one
 * call, a put under the condition of the revision that this client saw last. Every other client
 * mostly reads: one that waits for a write cannot notice that its reads are old, and those that
 * only read stay with a deposed leader for as long as it answers them.
 */
import type { Client } from 'quorate'
import { operationsOf } from '../history/index.ts'
import { checkLastWrites } from './last-writes.ts'
import { checkLinearizable } from './linearizability.ts'
import { completionOf } from './outcome.ts'
import { fieldsOf, own, textOf, wholeOf } from './parse.ts'
import { checkRevisions, revisionsTold } from './revisions.ts'
import { Rotation } from './rotation.ts'
import { Space, storedText } from './space.ts'
import type { Completion, Invocation, Workload, WorkloadRun, WorkloadSetting } from './workload.ts'

/** Calls a key gets before it is left for a new one. */
const callsPerKey = 200
/** Clients that share a key, about. */
const clientsPerKey = 4

/** Shares of the calls; what is left are reads. */
interface Mix {
  readonly write: number
  readonly cas: number
  readonly delete: number
}
const writers: Mix = { write: 0.35, cas: 0.3, delete: 0.05 }
const readers: Mix = { write: 0.05, cas: 0.05, delete: 0 }

/** The workload; see the head of the file. */
export const register: Workload = {
  name: 'register',
  about: 'reads, writes, compare-and-set and deletes of single rows: linearizable, key by key',
  begin: (setting) => run(setting),
}

function run({ chance, clients }: WorkloadSetting): WorkloadRun {
  const space = new Space('register')
  const active = Math.max(1, Math.ceil(clients / clientsPerKey))
  const keys = new Rotation('r', { active, usesMax: callsPerKey })
  /** Of each slot: the revision of the row that it saw last, and under which key. */
  const seen = new Map<number, { readonly key: string; readonly revision: number }>()
  let values = 0

  const next = (slot: number): Invocation => {
    const key = keys.draw(chance)
    const mix = slot % 2 === 1 ? readers : writers
    const drawn = chance.fraction()
    if (drawn < mix.write) return { f: 'write', key, value: `v${++values}` }
    if (drawn < mix.write + mix.delete) return { f: 'delete', key }
    const known = seen.get(slot)
    if (drawn < mix.write + mix.delete + mix.cas && known?.key === key) {
      return { f: 'cas', key, value: { ifRevision: known.revision, to: `v${++values}` } }
    }
    return { f: 'read', key }
  }

  const perform = async (client: Client, invocation: Invocation, slot: number) => {
    const key = own(invocation.key, 'key')
    const completion = await completionOf(() => call(client, space.key(key), invocation))
    const { type, revision } = completion
    // A conflict, too, tells the row's revision; a delete leaves none.
    if (type !== 'info' && revision !== undefined) {
      seen.set(slot, { key, revision: invocation.f === 'delete' ? 0 : revision })
    } else if (type === 'ok' && invocation.f === 'read') {
      seen.set(slot, { key, revision: 0 })
    }
    return completion
  }

  return {
    next,
    perform,
    finalReads: () => keys.names.map((key) => ({ f: 'read', key })),
    check: async (history) => {
      const operations = operationsOf(history)
      const effects = revisionsTold(operations, ({ f, output }) => {
        if (f === 'read') return undefined
        return f === 'delete' && output === false ? 'state' : 'effect'
      })
      return [
        await checkLinearizable(history, 'quorate'),
        checkRevisions(effects),
        checkLastWrites(operations),
      ]
    },
  }
}

async function call(client: Client, key: string, { f, value }: Invocation): Promise<Completion> {
  switch (f) {
    case 'read': {
      const entry = await client.entry(key)
      if (entry === undefined) return { type: 'ok', value: null }
      return { type: 'ok', value: storedText(entry.value), revision: entry.revision }
    }
    case 'write': {
      const { revision } = await client.put(key, own(textOf(value), 'value'))
      return { type: 'ok', revision }
    }
    case 'cas': {
      const { ifRevision, to } = fieldsOf(value)
      const condition = { ifRevision: own(wholeOf(ifRevision), 'ifRevision') }
      const { revision } = await client.put(key, own(textOf(to), 'value'), condition)
      return { type: 'ok', revision }
    }
    case 'delete': {
      const { existed, revision } = await client.delete(key)
      return { type: 'ok', value: existed, revision }
    }
    default:
      throw new TypeError(`register has no call ${f}`)
  }
}
