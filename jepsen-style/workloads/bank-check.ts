/** Judges transfers: by the sum that every read must have, and by the ledger in the end. */
import type { Operation } from '../history/index.ts'
import { at, counted, Findings } from './findings.ts'
import { fieldsOf, listOf, wholeOf } from './parse.ts'
import { fromRuns } from './runs.ts'
import { lastBegun } from './timeline.ts'
import type { CheckResult } from './workload.ts'

/** Accounts, and what each has in the beginning. */
export const bankAccounts = { count: 12, balance: 100 } as const

/** A transfer that was asked for; ids are unique, accounts are counted from 0. */
export interface Transfer {
  readonly id: number
  readonly from: number
  readonly to: number
  readonly amount: number
}

/** The input of a transfer; undefined: it is none. */
export function transferOf(value: unknown): Transfer | undefined {
  const fields = fieldsOf(value)
  const id = wholeOf(fields['id'])
  const from = wholeOf(fields['from'])
  const to = wholeOf(fields['to'])
  const amount = wholeOf(fields['amount'])
  if (id === undefined || from === undefined || to === undefined || amount === undefined) {
    return undefined
  }
  return { id, from, to, amount }
}

/** Every read, whenever it was, shows all accounts, none below 0, and the sum of the beginning. */
export function checkTotals(operations: readonly Operation[]): CheckResult {
  const findings = new Findings('totals')
  const total = bankAccounts.count * bankAccounts.balance
  let reads = 0
  for (const operation of operations) {
    const { f, outcome, output } = operation
    if (outcome !== 'ok' || (f !== 'read' && f !== 'audit')) continue
    reads++
    const balances = balancesOf(output)
    if (balances === undefined) {
      const shown = JSON.stringify(fieldsOf(output)['balances'])
      findings.violation(
        `A read (${at(operation)}) does not show the balances of ${bankAccounts.count} accounts, but ${shown}.`,
        [operation],
      )
      continue
    }
    const sum = balances.reduce((all, balance) => all + balance, 0)
    if (sum !== total) {
      findings.violation(`A read (${at(operation)}) sums to ${sum} and not to ${total}.`, [
        operation,
      ])
    } else if (balances.some((balance) => balance < 0)) {
      findings.violation(`A read (${at(operation)}) shows a balance below 0.`, [operation])
    }
  }
  return findings.result(
    `Each of ${counted(reads, 'read')} summed to ${total}.`,
    { reads },
    reads === 0 ? 'No read succeeded.' : undefined,
  )
}

function balancesOf(output: unknown): readonly number[] | undefined {
  const balances = listOf(fieldsOf(output)['balances'], wholeOf)
  return balances?.length === bankAccounts.count ? balances : undefined
}

/** Every acknowledged transfer is in the ledger, none that failed is, and the balances are its sum. */
export function checkLedger(operations: readonly Operation[]): CheckResult {
  const findings = new Findings('ledger')
  const transfers = new Map<
    number,
    { readonly operation: Operation; readonly transfer: Transfer }
  >()
  for (const operation of operations) {
    const transfer = operation.f === 'transfer' ? transferOf(operation.input) : undefined
    if (transfer !== undefined) transfers.set(transfer.id, { operation, transfer })
  }
  const all = [...transfers.values()]
  const acknowledged = all.filter(({ operation }) => operation.outcome === 'ok').length
  const unknown = all.filter(({ operation }) => operation.outcome === 'info').length
  const audit = lastBegun(operations.filter(({ f, outcome }) => f === 'audit' && outcome === 'ok'))
  if (audit === undefined) {
    return findings.result(
      '',
      { acknowledged, unknown },
      'The ledger could not be read in the end.',
    )
  }
  const ledger = fromRuns(fieldsOf(audit.output)['ledger']) ?? []
  const balances = Array.from({ length: bankAccounts.count }, () => bankAccounts.balance as number)
  for (const id of ledger) {
    const found = transfers.get(id)
    if (found === undefined || found.operation.outcome === 'fail') {
      const what = found === undefined ? 'that nobody made' : 'that had failed for sure'
      findings.violation(`The ledger holds transfer ${id}, ${what}.`, [found?.operation, audit])
    } else {
      const { from, to, amount } = found.transfer
      balances[from] = (balances[from] ?? 0) - amount
      balances[to] = (balances[to] ?? 0) + amount
    }
  }
  const held = new Set(ledger)
  let lost = 0
  for (const [id, { operation }] of transfers) {
    if (operation.outcome !== 'ok' || operation.end > audit.begin || held.has(id)) continue
    lost++
    findings.violation(
      `Transfer ${id} was acknowledged (${at(operation)}) and is not in the ledger in the end.`,
      [operation, audit],
    )
  }
  const wrong = balancesOf(audit.output)?.findIndex((balance, i) => balance !== balances[i]) ?? 0
  if (wrong >= 0) {
    findings.violation(
      `Account ${wrong} has not the balance that comes of the ledger, ${balances[wrong]}: a transfer had half an effect, or two.`,
      [audit],
    )
  }
  return findings.result(
    `${counted(acknowledged, 'acknowledged transfer')} and ${ledger.length - acknowledged} of ${unknown} unknown ones are in the ledger, once each, and the balances agree.`,
    { acknowledged, lost, unknown, ledger: ledger.length },
  )
}
