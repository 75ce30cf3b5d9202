// Goal: `quorate --help` loads commander and nothing else of weight. Method: the static imports
// from the entry on are followed through the source; what a command needs it imports when it runs.
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

const root = new URL('../../src/', import.meta.url).pathname

/** Modules that `file` imports at once; types vanish, and `import()` waits. */
function staticImports(file: string): string[] {
  const source = readFileSync(file, 'utf8')
  const found: string[] = []
  for (const [, clause = '', specifier = ''] of source.matchAll(
    /^(?:import|export)\s([^'";]*?)from\s+'([^']+)'/gms,
  )) {
    const names =
      /\{([^}]*)\}/
        .exec(clause)?.[1]
        ?.split(',')
        .map((name) => name.trim()) ?? []
    const onlyTypes = names.length > 0 && names.every((name) => /^(type |$)/.test(name))
    if (!clause.startsWith('type') && !onlyTypes) found.push(specifier)
  }
  return found
}

function closure(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>()
  const packages = new Set<string>()
  const queue = [entry]
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file)) continue
    files.add(file)
    for (const specifier of staticImports(file)) {
      if (specifier.startsWith('.')) queue.push(join(dirname(file), specifier))
      else packages.add(specifier)
    }
  }
  return { files, packages }
}

test('the entry needs commander alone', () => {
  const { files, packages } = closure(join(root, 'cli', 'main.ts'))

  expect([...packages].filter((name) => !name.startsWith('node:'))).toEqual(['commander'])
  const outside = [...files]
    .map((file) => relative(root, file))
    .filter((file) => !file.startsWith('cli/'))
  expect(outside.sort()).toEqual(['address.ts', 'assert.ts', 'errors.ts'])
  expect(files.size).toBeGreaterThan(25)
})
