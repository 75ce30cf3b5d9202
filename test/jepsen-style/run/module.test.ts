// Goal: the harness is what the command line takes it for, and the plans it plays name what exists.
// Method: the compiler compares the types; the guard is asked about the module itself.
import { expect, test } from 'vitest'
import * as chaos from '../../../jepsen-style/index.ts'
import { defaultNemeses } from '../../../jepsen-style/run/options.ts'
import { isNemesis, isWorkload } from '../../../jepsen-style/run/resolve.ts'
import { isChaosModule, type ChaosModule } from '../../../src/cli/chaos-module.ts'

const module: ChaosModule = chaos

test('the module has what the commands need', () => {
  expect(isChaosModule(module)).toBe(true)
  expect(isChaosModule({ runChaos: 1 })).toBe(false)
})

test('every workload and nemesis is one, under a name of its own', () => {
  expect(chaos.workloads.length).toBeGreaterThanOrEqual(8)
  expect(chaos.workloads.every(isWorkload)).toBe(true)
  expect(chaos.nemeses.length).toBeGreaterThanOrEqual(30)
  expect(chaos.nemeses.every(isNemesis)).toBe(true)
  const names = [...chaos.workloads, ...chaos.nemeses].map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const { name } of chaos.nemeses) expect(chaos.nemesisOf(name)?.name).toBe(name)
})

test('what a run takes by default exists', () => {
  expect(chaos.workloadOf('register')?.name).toBe('register')
  for (const name of defaultNemeses) expect(chaos.nemesisOf(name)?.name).toBe(name)
})
