/**
 * Texts to which elements are appended. The store has no append: it is a read, and a put under the
 * condition that the row is still the one that was read; a conflict begins again. So it took
 * effect at the put, or not at all. A read shows every append before it and their order, which
 * makes lost updates, stale reads and reordering visible at once.
 *
 * Calls are those of the checker's model `kv-append`: `append` of a text `12;`, and `get`.
 */
import type { Client } from 'quorate'
import { operationsOf } from '../history/index.ts'
import { checkAppends } from './append-order.ts'
import { Budget } from './budget.ts'
import { checkLinearizable } from './linearizability.ts'
import { completionOf, failureOf } from './outcome.ts'
import { own, textOf } from './parse.ts'
import { checkRevisions, revisionsTold } from './revisions.ts'
import { Rotation } from './rotation.ts'
import { Space, storedText } from './space.ts'
import type { Completion, Invocation, Workload, WorkloadRun, WorkloadSetting } from './workload.ts'

/** Calls a text gets: it bounds how long it grows. */
const callsPerKey = 150
/** Clients that share a text, about. */
const clientsPerKey = 3
const getShare = 0.4
/** Puts of one append; each that met a conflict surely had no effect. */
const putsMax = 8

/** The workload; see the head of the file. */
export const append: Workload = {
  name: 'append',
  about: 'appends by read and conditional put, with retries on conflict: linearizable and in order',
  begin: (setting) => run(setting),
}

function run({ chance, clients, timeoutOf }: WorkloadSetting): WorkloadRun {
  const space = new Space('append')
  const active = Math.max(1, Math.ceil(clients / clientsPerKey))
  const keys = new Rotation('a', { active, usesMax: callsPerKey })
  let elements = 0
  return {
    next: () => {
      const key = keys.draw(chance)
      if (chance.fraction() < getShare) return { f: 'get', key }
      return { f: 'append', key, value: `${elements++};` }
    },
    perform: (client, invocation, slot) =>
      completionOf(() => call(client, space, invocation, new Budget(timeoutOf(slot)))),
    finalReads: () => keys.names.map((key) => ({ f: 'get', key })),
    check: async (history) => {
      const operations = operationsOf(history)
      const told = revisionsTold(operations, ({ f }) => (f === 'get' ? 'state' : 'effect'))
      return [
        await checkLinearizable(history, 'kv-append'),
        checkAppends(operations),
        checkRevisions(told),
      ]
    },
  }
}

async function call(
  client: Client,
  space: Space,
  invocation: Invocation,
  budget: Budget,
): Promise<Completion> {
  const { f, value } = invocation
  const key = space.key(own(invocation.key, 'key'))
  switch (f) {
    case 'get': {
      const entry = await client.entry(key)
      if (entry === undefined) return { type: 'ok', value: '' }
      return { type: 'ok', value: storedText(entry.value), revision: entry.readRevision }
    }
    case 'append':
      return await appendTo(client, key, own(textOf(value), 'text'), budget)
    default:
      throw new TypeError(`append has no call ${f}`)
  }
}

async function appendTo(
  client: Client,
  key: string,
  text: string,
  budget: Budget,
): Promise<Completion> {
  let conflict: Completion = { type: 'fail', error: 'QUORATE_CONFLICT' }
  for (let puts = 0; puts < putsMax && !budget.over; puts++) {
    const entry = await client.entry(key, { timeout: budget.timeout() })
    const before = entry === undefined ? '' : storedText(entry.value)
    try {
      const { revision } = await client.put(key, before + text, {
        ifRevision: entry?.revision ?? 0,
        timeout: budget.timeout(),
      })
      return { type: 'ok', revision }
    } catch (error) {
      const failure = failureOf(error)
      if (failure.error !== 'QUORATE_CONFLICT') return failure
      conflict = failure
    }
  }
  return { type: 'fail', error: conflict.error ?? 'QUORATE_CONFLICT' }
}
