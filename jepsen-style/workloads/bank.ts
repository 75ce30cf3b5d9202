/**
 * Accounts and transfers between them. A transfer reads both rows, and changes them in one batch
 * under the condition that they are still what was read; the same batch writes the transfer's row
 * of the ledger. Whatever a read sees, by `getMany` or by a scan, sums to what there was in the
 * beginning; and in the end the balances are what the ledger says.
 */
import type { Client } from 'quorate'
import { operationsOf } from '../history/index.ts'
import { bankAccounts, checkLedger, checkTotals, transferOf, type Transfer } from './bank-check.ts'
import { Budget } from './budget.ts'
import { completionOf, failureOf } from './outcome.ts'
import { fieldsOf, own } from './parse.ts'
import { repeated } from './retry.ts'
import { checkRevisions, revisionsTold } from './revisions.ts'
import { toRuns } from './runs.ts'
import { padded, Space, storedText, unpadded } from './space.ts'
import type {
  Chance,
  Completion,
  Invocation,
  Workload,
  WorkloadRun,
  WorkloadSetting,
} from './workload.ts'

const readShare = 0.3
const amountMax = 10
/** Batches of one transfer; each that met a conflict surely had no effect. */
const batchesMax = 6
/** How often what comes before and after the faults is tried. */
const triesMax = 5

/** The workload; see the head of the file. */
export const bank: Workload = {
  name: 'bank',
  about:
    'transfers by conditional batches: every read sums to the total, the ledger agrees in the end',
  begin: (setting) => run(setting),
}

function run({ chance, timeoutOf }: WorkloadSetting): WorkloadRun {
  const space = new Space('bank')
  let transfers = 0
  return {
    prepare: async (client) => {
      const rows = accountKeys(space).map((key) => ({
        type: 'put' as const,
        key,
        value: String(bankAccounts.balance),
      }))
      await repeated(triesMax, () => client.batch(rows))
    },
    next: () => {
      const drawn = chance.fraction()
      if (drawn < readShare / 2) return { f: 'read', value: { by: 'getMany' } }
      if (drawn < readShare) return { f: 'read', value: { by: 'scan' } }
      return { f: 'transfer', value: { id: transfers++, ...drawTransfer(chance) } }
    },
    perform: (client, invocation, slot) =>
      completionOf(() => call(client, space, invocation, new Budget(timeoutOf(slot)))),
    finalReads: () => [{ f: 'audit' }, { f: 'read', value: { by: 'getMany' } }],
    check: (history) => {
      const operations = operationsOf(history)
      const told = revisionsTold(operations, ({ f }) => (f === 'transfer' ? 'effect' : 'state'))
      return Promise.resolve([
        checkTotals(operations),
        checkLedger(operations),
        checkRevisions(told),
      ])
    },
  }
}

function drawTransfer(chance: Chance): Omit<Transfer, 'id'> {
  const from = chance.between(0, bankAccounts.count)
  const to = (from + chance.between(1, bankAccounts.count)) % bankAccounts.count
  return { from, to, amount: chance.between(1, amountMax + 1) }
}

function accountKeys(space: Space): readonly string[] {
  return Array.from({ length: bankAccounts.count }, (_, account) => accountKey(space, account))
}

function accountKey(space: Space, account: number): string {
  return space.key(`account/${padded(account)}`)
}

/** A balance as it is stored; what is no number is told as the text it is. */
function balanceOf(value: unknown): number | string | null {
  if (value === undefined) return null
  const text = storedText(value)
  return /^-?\d{1,12}$/.test(text) ? Number(text) : text
}

async function call(
  client: Client,
  space: Space,
  invocation: Invocation,
  budget: Budget,
): Promise<Completion> {
  const { f, value } = invocation
  switch (f) {
    case 'transfer':
      return await transfer(client, space, own(transferOf(value), 'transfer'), budget)
    case 'read': {
      const { by } = fieldsOf(value)
      if (by === 'scan') return await scanAccounts(client, space)
      const values = await client.getMany(accountKeys(space))
      return { type: 'ok', value: { by, balances: values.map((each) => balanceOf(each)) } }
    }
    case 'audit':
      return await repeated(triesMax, () => audit(client, space))
    default:
      throw new TypeError(`bank has no call ${f}`)
  }
}

async function transfer(
  client: Client,
  space: Space,
  transfer: Transfer,
  budget: Budget,
): Promise<Completion> {
  const { id, from, to, amount } = transfer
  const keys = [accountKey(space, from), accountKey(space, to)] as const
  for (let batches = 0; batches < batchesMax && !budget.over; batches++) {
    const source = await client.entry(keys[0], { timeout: budget.timeout() })
    const target = await client.entry(keys[1], { timeout: budget.timeout() })
    const before = [balanceOf(source?.value), balanceOf(target?.value)] as const
    if (typeof before[0] !== 'number' || typeof before[1] !== 'number') {
      return { type: 'fail', error: 'NO_BALANCE' }
    }
    if (before[0] < amount) return { type: 'fail', error: 'TOO_LITTLE_MONEY' }
    try {
      const { revision } = await client.batch(
        [
          put(keys[0], before[0] - amount, source?.revision ?? 0),
          put(keys[1], before[1] + amount, target?.revision ?? 0),
          put(space.key(`ledger/${padded(id)}`), amount, 0),
        ],
        { timeout: budget.timeout() },
      )
      return { type: 'ok', revision }
    } catch (error) {
      const failure = failureOf(error)
      if (failure.error !== 'QUORATE_CONFLICT') return failure
    }
  }
  return { type: 'fail', error: 'QUORATE_CONFLICT' }
}

function put(key: string, value: number, ifRevision: number) {
  return { type: 'put', key, value: String(value), ifRevision } as const
}

async function scanAccounts(client: Client, space: Space): Promise<Completion> {
  const balances: (number | string | null)[] = []
  const scan = client.scan({ prefix: space.key('account/') })
  for await (const { value } of scan) balances.push(balanceOf(value))
  const { revision } = scan
  const told = revision === undefined ? {} : { revision }
  return { type: 'ok', value: { by: 'scan', balances }, ...told }
}

/** Balances and ledger, all of one revision. */
async function audit(client: Client, space: Space): Promise<Completion> {
  const balances: (number | string | null)[] = []
  const ids: number[] = []
  const scan = client.scan({ prefix: space.prefix })
  for await (const { key, value } of scan) {
    const [kind = '', number = ''] = space.nameOf(key)?.split('/') ?? []
    if (kind === 'account') balances.push(balanceOf(value))
    // What is no transfer of ours must not look like one.
    else ids.push(unpadded(number) ?? -1)
  }
  const { revision } = scan
  const told = revision === undefined ? {} : { revision }
  return { type: 'ok', value: { balances, ledger: toRuns(ids) }, ...told }
}
