/**
 * Counters that clients raise with tokens and retries of their own. An increment reads the row, and
 * puts one more under the condition that the row is still the one that was read. If nobody knows how
 * that ended, it is made again under the same token: `duplicate` says that the first one counted, a
 * conflict that it did not and cannot any more, as the revision it asked for is gone. So a counter ends
 * at the number of its acknowledged increments, and of those whose token turns out to be recorded.
 */
import type { Client } from 'quorate'
import { operationsOf } from '../history/index.ts'
import { Budget } from './budget.ts'
import { checkCounters } from './counter-check.ts'
import { completionOf, failureOf } from './outcome.ts'
import { fieldsOf, own, textOf, wholeOf } from './parse.ts'
import { repeated } from './retry.ts'
import { checkRevisions, revisionsTold } from './revisions.ts'
import { Space, storedText } from './space.ts'
import type { Completion, Invocation, Workload, WorkloadRun, WorkloadSetting } from './workload.ts'

const countersMax = 4
const readShare = 0.25
/** Puts of one increment under different tokens; each that met a conflict surely had no effect. */
const putsMax = 10
/** Calls under one token. */
const sendsMax = 4
/** Of the budget, for one attempt: it is the client's retries that are under test. */
const sendShare = 1 / sendsMax
/** How often the final reads are tried. */
const triesMax = 5

/** The workload; see the head of the file. */
export const counter: Workload = {
  name: 'counter',
  about: 'increments under tokens, retried by the clients until they know: counted exactly once',
  begin: (setting) => run(setting),
}

function run({ chance, clients, timeoutOf }: WorkloadSetting): WorkloadRun {
  const space = new Space('counter')
  const count = Math.max(1, Math.min(countersMax, Math.ceil(clients / 2)))
  const keys = Array.from({ length: count }, (_, i) => `c${i}`)
  /** Tokens of increments of which nobody knows how they ended. */
  const open: { readonly key: string; readonly token: string }[] = []
  let adds = 0
  return {
    next: () => {
      const key = chance.pick(keys)
      if (chance.fraction() < readShare) return { f: 'read', key }
      return { f: 'add', key, value: { id: adds++ } }
    },
    perform: async (client, invocation, slot) => {
      const budget = new Budget(timeoutOf(slot))
      const completion = await completionOf(() => call(client, space, invocation, budget))
      const token = textOf(fieldsOf(completion.value)['token'])
      if (invocation.f === 'add' && completion.type === 'info' && token !== undefined) {
        open.push({ key: own(invocation.key, 'key'), token })
      }
      return completion
    },
    // First what is open is settled for good, and only then the counters are read.
    finalReads: () => [
      ...open.map(({ key, token }) => ({ f: 'settle', key, value: { token } })),
      ...keys.map((key) => ({ f: 'read', key })),
    ],
    check: (history) => {
      const operations = operationsOf(history)
      const told = revisionsTold(operations, ({ f }) => {
        if (f === 'settle') return undefined
        return f === 'read' ? 'state' : 'effect'
      })
      return Promise.resolve([checkCounters(operations), checkRevisions(told)])
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
    case 'read': {
      const entry = await client.entry(key)
      if (entry === undefined) return { type: 'ok', value: 0 }
      return { type: 'ok', value: numberOf(entry.value), revision: entry.readRevision }
    }
    case 'add':
      return await add(client, key, own(wholeOf(fieldsOf(value)['id']), 'id'), budget)
    case 'settle': {
      const token = own(textOf(fieldsOf(value)['token']), 'token')
      const state = await repeated(triesMax, () => client.verdict(token, { fence: true }))
      const revision = state.status === 'recorded' ? { revision: state.revision } : {}
      return { type: 'ok', value: { token, status: state.status }, ...revision }
    }
    default:
      throw new TypeError(`counter has no call ${f}`)
  }
}

/** What is stored, as a number; anything else as the text it is. */
function numberOf(value: unknown): number | string {
  const text = storedText(value)
  return /^\d{1,12}$/.test(text) ? Number(text) : text
}

async function add(client: Client, key: string, id: number, budget: Budget): Promise<Completion> {
  for (let puts = 0; puts < putsMax && !budget.over; puts++) {
    const entry = await client.entry(key, { timeout: budget.timeout() })
    const before = entry === undefined ? 0 : numberOf(entry.value)
    if (typeof before !== 'number') return { type: 'fail', error: 'NO_NUMBER' }
    const ifRevision = entry?.revision ?? 0
    // Another put, for another row that is to be replaced, is another payload: it has its own token.
    const token = `${key}/${id}/${puts}`
    const completion = await send(client, { key, token, ifRevision, count: before + 1, budget })
    if (completion.error !== 'QUORATE_CONFLICT') return completion
  }
  return { type: 'fail', error: 'QUORATE_CONFLICT' }
}

interface Sending {
  readonly key: string
  readonly token: string
  readonly ifRevision: number
  /** What the counter is to show. */
  readonly count: number
  readonly budget: Budget
}

/** One put under one token, made again for as long as nobody knows how it ended. */
async function send(client: Client, sending: Sending): Promise<Completion> {
  const { key, token, ifRevision, count, budget } = sending
  // A retry that is a call of its own gives the time of the first, or it could outlive the memory.
  const tokenTime = client.clusterTime
  let open: Completion | undefined
  for (let sends = 0; sends < sendsMax && (sends === 0 || !budget.over); sends++) {
    try {
      const timeout = budget.timeout(sendShare)
      const options = { ifRevision, token, tokenTime, timeout }
      const { verdict, revision } = await client.put(key, String(count), options)
      const value = { count, verdict, sends: sends + 1 }
      // The same token with another payload: there is none, and the check says so.
      if (verdict === 'mismatch')
        return { type: 'info', value: { token }, error: 'QUORATE_MISMATCH' }
      return { type: 'ok', value, revision }
    } catch (error) {
      const failure = failureOf(error)
      // A conflict settles the calls before it too; see the head of the file.
      if (failure.error === 'QUORATE_CONFLICT') return { type: 'fail', error: failure.error }
      if (failure.type === 'info') open = { ...failure, value: { token } }
      // This one had no effect; one before it may have had.
      else if (open === undefined) return failure
    }
  }
  return open ?? { type: 'fail', error: 'QUORATE_TIMEOUT' }
}
