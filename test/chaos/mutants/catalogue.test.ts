/**
 * Goal: every planted bug can be planted in the sources as they stand, and its run names what there
 * is. Method: the edits are applied to the files in memory; names are looked up in the harness.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { nemeses } from '../../../jepsen-style/nemesis/index.ts'
import { workloads } from '../../../jepsen-style/workloads/index.ts'
import { applyEdit } from '../../sim/mutants/build.ts'
import { catalogue } from './catalogue.ts'

function option(run: readonly string[], name: string): string {
  return run[run.indexOf(name) + 1] ?? ''
}

describe('the catalogue', () => {
  it.each(catalogue.map((mutant) => [mutant.name, mutant] as const))('%s applies', (_, mutant) => {
    const texts = new Map<string, string>()
    expect(mutant.edits.length).toBeGreaterThan(0)
    for (const edit of mutant.edits) {
      const before = texts.get(edit.file) ?? readFileSync(edit.file, 'utf8')
      texts.set(edit.file, applyEdit(before, edit))
    }
    const known = workloads.map(({ name }) => name)
    expect(known).toContain(option(mutant.run, '--workload'))
    const faults = option(mutant.run, '--nemesis').split(',')
    const named = new Set(['none', ...nemeses.map(({ name }) => name)])
    expect(faults.filter((name) => !named.has(name))).toEqual([])
  })

  it('has at least ten, each under a name of its own', () => {
    expect(catalogue.length).toBeGreaterThanOrEqual(10)
    expect(new Set(catalogue.map(({ name }) => name)).size).toBe(catalogue.length)
  })
})
