/** The workloads, and what those who write their own need. */
import { append } from './append.ts'
import { bank } from './bank.ts'
import { collector } from './collector.ts'
import { counter } from './counter.ts'
import { register } from './register.ts'
import { scan } from './scan.ts'
import { set } from './set.ts'
import { tokens } from './tokens.ts'
import type { Workload } from './workload.ts'

export { completionOf, failureOf } from './outcome.ts'

/** All workloads, in the order in which they are listed. */
export const workloads: readonly Workload[] = [
  register,
  set,
  append,
  bank,
  counter,
  collector,
  tokens,
  scan,
]

/** The workload of this name; undefined: there is none. */
export function workloadOf(name: string): Workload | undefined {
  return workloads.find((workload) => workload.name === name)
}
