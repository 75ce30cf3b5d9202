/**
 * Goal: every planted bug can be planted in the sources as they stand, and names options that there
 * are. Method: the edits are applied to the files in memory; what does not fit is refused.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { drawSwarm } from '../world/swarm.ts'
import { applyEdit, BadMutant } from './build.ts'
import { catalogue } from './catalogue.ts'

describe('the catalogue', () => {
  it.each(catalogue.map((mutant) => [mutant.name, mutant] as const))('%s applies', (_, mutant) => {
    const texts = new Map<string, string>()
    for (const edit of mutant.edits) {
      const before = texts.get(edit.file) ?? readFileSync(edit.file, 'utf8')
      const after = applyEdit(before, edit)
      expect(after).not.toBe(before)
      texts.set(edit.file, after)
    }
    const known = Object.keys(drawSwarm(0))
    expect(Object.keys(mutant.swarm).filter((name) => !known.includes(name))).toEqual([])
  })

  it('has many, each under a name of its own', () => {
    expect(catalogue.length).toBeGreaterThanOrEqual(28)
    expect(new Set(catalogue.map(({ name }) => name)).size).toBe(catalogue.length)
  })
})

describe('an edit', () => {
  const edit = { file: 'a.ts', find: 'one $& two', replace: "$' three" }

  it('replaces text as it is', () => {
    expect(applyEdit('x one $& two y', edit)).toBe("x $' three y")
  })

  it.each(['', 'one two', 'one $& two one $& two'])('is refused in %j', (text) => {
    expect(() => applyEdit(text, edit)).toThrow(BadMutant)
  })
})
