/**
 * Goal: the shape of the house is held by a test, not by good will.
 * Method: read every source file as text, extract its imports, and judge them against the table
 * of allowed directions; search for the names through which real time, chance, sockets and files
 * could slip past the ports.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const src = join(root, 'src')

/** Folder → folders (and top-level modules) that it may import from. */
const top = ['ports', 'address', 'errors', 'assert', 'random', 'logger', 'version']
const allowed: Record<string, readonly string[]> = {
  command: [...top],
  raft: [...top],
  wal: [...top, 'raft'],
  state: [...top, 'raft', 'command'],
  transport: [...top, 'raft', 'command'],
  backup: [...top, 'raft', 'command', 'state', 'wal'],
  system: [...top, 'state', 'command'],
  node: [...top, 'command', 'raft', 'wal', 'state', 'transport', 'system'],
  client: [...top, 'command', 'transport', 'system'],
  collector: [...top, 'client', 'system'],
  cluster: [...top, 'client', 'collector', 'command', 'transport', 'system', 'node'],
  cli: [...top, 'node', 'client', 'collector', 'cluster', 'command', 'system', 'wal', 'backup'],
  index: [...top, 'client', 'command', 'node', 'transport'],
  version: [],
}
/** Imports between these folders must be types alone. */
const typesOnly: readonly (readonly [string, string])[] = [
  ['wal', 'raft'],
  ['state', 'raft'],
  ['transport', 'raft'],
  ['transport', 'command'],
]
/** The only files that may join real ports to the rest. */
const compositionRoots = new Set(['node/start.ts', 'client/connect.ts'])
/** Edges that deal with processes, terminals and files by their nature. */
const edgeFolders = new Set(['system', 'cli', 'cluster'])

interface Import {
  readonly file: string
  readonly line: number
  readonly target: string
  readonly typeOnly: boolean
}

function sources(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function stripComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|[^:'"`\\])\/\/[^\n]*/g, '$1')
}

function importsOf(file: string): Import[] {
  const text = stripComments(readFileSync(file, 'utf8'))
  const found: Import[] = []
  const pattern =
    /(?:^|\n)\s*(import|export)\s+(type\s+)?[^'"`;]*?from\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|(?:^|\n)\s*import\s+'([^']+)'/g
  for (const match of text.matchAll(pattern)) {
    const target = match[3] ?? match[4] ?? match[5]
    if (target === undefined) continue
    found.push({
      file,
      line: text.slice(0, match.index).split('\n').length + 1,
      target,
      typeOnly: match[2] !== undefined,
    })
  }
  return found
}

function folderOf(file: string): string {
  const parts = relative(src, file).split('/')
  return parts.length === 1 ? (parts[0] ?? '').replace(/\.ts$/, '') : (parts[0] ?? '')
}

const files = sources(src)
const imports = files.flatMap(importsOf)
const local = imports.filter((found) => found.target.startsWith('.'))
const place = (found: Import): string => `${relative(root, found.file)}:${found.line}`

describe('directions of dependencies', () => {
  test('there are sources and imports to judge', () => {
    expect(files.length).toBeGreaterThan(50)
    expect(local.length).toBeGreaterThan(100)
  })

  test('a folder imports only from folders below it', () => {
    const wrong = local.filter((found) => {
      const from = folderOf(found.file)
      const to = folderOf(resolve(dirname(found.file), found.target))
      if (from === to) return false
      const targets = allowed[from]
      return targets !== undefined && !targets.includes(to)
    })
    expect(wrong.map((found) => `${place(found)} imports ${found.target}`)).toEqual([])
  })

  test('every folder and top-level file is in the table', () => {
    const known = new Set([...Object.keys(allowed), ...top])
    expect([...new Set(files.map(folderOf))].filter((folder) => !known.has(folder))).toEqual([])
  })

  test('a folder is entered by its index alone', () => {
    const wrong = local.filter((found) => {
      const target = resolve(dirname(found.file), found.target)
      if (folderOf(found.file) === folderOf(target)) return false
      const inside = relative(src, target).split('/')
      return inside.length > 1 && inside.at(-1) !== 'index.ts'
    })
    expect(wrong.map((found) => `${place(found)} imports ${found.target}`)).toEqual([])
  })

  test('log, state and transport take nothing but types from the core', () => {
    const wrong = local.filter((found) => {
      const pair = [folderOf(found.file), folderOf(resolve(dirname(found.file), found.target))]
      return !found.typeOnly && typesOnly.some(([from, to]) => pair[0] === from && pair[1] === to)
    })
    expect(wrong.map((found) => `${place(found)} imports ${found.target}`)).toEqual([])
  })

  test('only composition roots and edges import the real ports', () => {
    const wrong = local.filter((found) => {
      const from = folderOf(found.file)
      const to = folderOf(resolve(dirname(found.file), found.target))
      return (
        to === 'system' &&
        !found.typeOnly &&
        !edgeFolders.has(from) &&
        !compositionRoots.has(relative(src, found.file))
      )
    })
    expect(wrong.map((found) => `${place(found)} imports ${found.target}`)).toEqual([])
  })

  test('there are no cycles between files', () => {
    const edges = new Map<string, string[]>()
    for (const found of local) {
      const target = resolve(dirname(found.file), found.target)
      edges.set(found.file, [...(edges.get(found.file) ?? []), target])
    }
    const done = new Set<string>()
    const cycles: string[] = []
    const visit = (file: string, path: readonly string[]): void => {
      const at = path.indexOf(file)
      if (at !== -1) {
        cycles.push([...path.slice(at), file].map((name) => relative(src, name)).join(' → '))
        return
      }
      if (done.has(file)) return
      for (const next of edges.get(file) ?? []) visit(next, [...path, file])
      done.add(file)
    }
    for (const file of files) visit(file, [])
    expect(cycles).toEqual([])
  })
})

describe('time, chance, sockets and files come through ports', () => {
  const banned: readonly (readonly [RegExp, string])[] = [
    [/\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bhrtime\b/, 'real time'],
    [/\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bprocess\.nextTick\b/, 'timers'],
    [/\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\bgetRandomValues\b/, 'entropy'],
    [/\bMath\.(?:log|log2|log10|pow|exp|sin|cos)\b/, 'functions that differ between platforms'],
    [
      /'(?:node:)?(?:fs|fs\/promises|net|http|https|dgram|tls|dns|child_process|worker_threads|os|timers|timers\/promises)'/,
      'sockets, files and processes',
    ],
    [/'(?:ws|level|classic-level)'/, 'libraries that do I/O'],
    [/\bprocess\.(?!memoryUsage\b)\w+/, 'the process'],
  ]
  for (const [pattern, what] of banned) {
    test(`no ${what} outside src/system and the edges`, () => {
      const wrong = files
        .filter((file) => {
          const name = relative(src, file)
          return !edgeFolders.has(folderOf(file)) && !compositionRoots.has(name)
        })
        .flatMap((file) =>
          stripComments(readFileSync(file, 'utf8'))
            .split('\n')
            .map((line, i) => ({ line, at: `${relative(root, file)}:${i + 1}` }))
            .filter(({ line }) => pattern.test(line))
            .map(({ line, at }) => `${at} ${line.trim()}`),
        )
      expect(wrong).toEqual([])
    })
  }

  test('the core imports nothing of Node and no package', () => {
    const wrong = imports.filter(
      (found) => folderOf(found.file) === 'raft' && !found.target.startsWith('.'),
    )
    expect(wrong.map(place)).toEqual([])
  })

  test('the store proper depends on few packages', () => {
    const core = new Set([
      'raft',
      'wal',
      'state',
      'transport',
      'client',
      'command',
      'node',
      'system',
    ])
    const packages = imports
      .filter((found) => core.has(folderOf(found.file)))
      .map((found) => found.target)
      .filter((target) => !target.startsWith('.') && !target.startsWith('node:'))
    expect([...new Set(packages)].sort()).toEqual(
      [...new Set(packages)]
        .filter((name) =>
          /^(?:msgpackr|level|ws|classic-level|abstract-level|@node-rs\/crc32)$/.test(name),
        )
        .sort(),
    )
  })
})

describe('nothing is left lying about', () => {
  test('no reminders and no silenced compiler in the sources', () => {
    const wrong = files.filter((file) => {
      const text = readFileSync(file, 'utf8')
      return (
        /\b(?:TODO|FIXME|XXX|HACK)\b|@ts-(?:ignore|expect-error|nocheck)/.test(text) ||
        /\bas any\b|: any\s*(?:[,;)=\]}>|&]|$)/m.test(stripComments(text))
      )
    })
    expect(wrong.map((file) => relative(root, file))).toEqual([])
  })

  test('no skipped or focused tests without a printed reason', () => {
    const wrong = sources(join(root, 'test')).filter((file) =>
      /\b(?:it|test|describe)\.(?:only|skip|todo)\(/.test(
        stripComments(readFileSync(file, 'utf8')).replace(/\/.*\/[a-z]*/g, ''),
      ),
    )
    expect(wrong.map((file) => relative(root, file))).toEqual([])
  })
})

describe('the harness', () => {
  const harness = join(root, 'jepsen-style')
  const found = sources(harness).flatMap(importsOf)

  test('is a black box: it meets the store by its public name, its command line and sockets', () => {
    expect(found.length).toBeGreaterThan(100)
    const outside = found.filter(({ target }) => !target.startsWith('.'))
    const allowedOutside = /^(quorate|ws|msgpackr|node:[a-z_/]+)$/
    const wrong = outside.filter(({ target }) => !allowedOutside.test(target))
    expect(wrong.map((one) => `${place(one)} imports ${one.target}`)).toEqual([])
    const away = found.filter(({ file, target }) => {
      if (!target.startsWith('.')) return false
      return relative(harness, resolve(dirname(file), target)).startsWith('..')
    })
    expect(away.map((one) => `${place(one)} imports ${one.target}`)).toEqual([])
  })

  test('its checkers know nothing of clusters, networks and processes', () => {
    const inside = found.filter(({ file }) => {
      const folder = relative(harness, file).split('/')[0]
      return folder === 'check' || folder === 'history'
    })
    expect(inside.length).toBeGreaterThan(10)
    const wrong = inside.filter(({ file, target }) => {
      if (target === 'quorate' || target === 'ws') return true
      if (!target.startsWith('.')) return false
      const folder = relative(harness, resolve(dirname(file), target)).split('/')[0]
      return folder !== 'check' && folder !== 'history'
    })
    expect(wrong.map((one) => `${place(one)} imports ${one.target}`)).toEqual([])
  })
})
