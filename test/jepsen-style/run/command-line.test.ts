// Goal: the command of a report can be pasted into a shell. Method: options with names that a shell
// would take apart, and a shell that says what it makes of them.
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { commandOf } from '../../../jepsen-style/run/command-line.ts'
import { settleOptions, type ChaosOptions } from '../../../jepsen-style/run/options.ts'

const command = (options: ChaosOptions): string =>
  commandOf(
    settleOptions(options, () => 7),
    'bank',
  )

/** The words as a shell hands them on. */
function words(line: string): readonly string[] {
  const script = `quorate() { printf '%s\\n' "$@"; }; ${line}`
  return execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n')
}

test('plain names and paths stand as they are', () => {
  expect(command({ workload: './bank.mjs', nemeses: ['kill', 'pause'] })).toBe(
    'quorate chaos run --nodes 5 --workload ./bank.mjs --nemesis kill,pause --time 60s --rate 200 ' +
      '--clients 10 --seed 7 --overlap 1 --backend relay --timeout 5000ms',
  )
})

test('what a shell would take apart is quoted', () => {
  const workload = "./John's runs/$HOME/a;b.mjs"
  const told = words(command({ workload, nemeses: ['./a b.mjs', 'kill'] }))

  expect(told[told.indexOf('--workload') + 1]).toBe(workload)
  expect(told[told.indexOf('--nemesis') + 1]).toBe('./a b.mjs,kill')
})
