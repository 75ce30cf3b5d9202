/**
 * Goal: the pages say what is so: links lead somewhere, tables of bytes, numbers and caps are those
 * of the source.
 * Method: the pages are read as text, and what they state in tables is compared with constants,
 * encoders and the source itself. What needs a cluster is in test/e2e/docs.test.ts.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { refusalKind } from '../src/client/outcome.ts'
import { encodeCommand, operationSlice, payloadHash, settingInRange } from '../src/command/index.ts'
import { errorKinds } from '../src/errors.ts'
import type { ErrorCode } from '../src/errors.ts'
import {
  emptyApplied,
  encodeApplied,
  encodeSettings,
  encodeToken,
  keyspaces,
} from '../src/state/layout.ts'
import { encodeClientFrame } from '../src/transport/client-codec.ts'
import { unpackFrame } from '../src/transport/msgpack.ts'
import { encodePeerFrame } from '../src/transport/peer-codec.ts'
import { encodeNodeFrame } from '../src/transport/reply-codec.ts'
import { segmentHeaderBytes, flushHeaderBytes, flushTrailerBytes } from '../src/wal/format.ts'
import { recordHeaderBytes } from '../src/wal/records.ts'
import { defaultSettings } from '../src/command/types.ts'
import { clientSamples, nodeSamples, peerSamples } from './transport/samples.ts'

const root = resolve(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const inDocs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => join('docs', name))
const atRoot = readdirSync(root).filter((name) => name.endsWith('.md'))
const pages = [...atRoot, ...inDocs].sort()

/** The cells of each row of a table, without its head. */
function table(text: string, after: string): string[][] {
  const from = text.indexOf(after)
  if (from === -1) throw new Error(`there is no "${after}"`)
  const lines = text.slice(from + after.length).split('\n')
  const first = lines.findIndex((line) => line.startsWith('|'))
  const rows: string[][] = []
  for (const line of lines.slice(first + 2)) {
    if (!line.startsWith('|')) break
    rows.push(cells(line))
  }
  return rows
}

function cells(line: string): string[] {
  return line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim())
}

/** Text without fenced programs and output, in which brackets are no links. */
const prose = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '')

/** The anchors of a page, as they are made from its headings. */
function anchors(text: string): Set<string> {
  const headings = [...prose(text).matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? '')
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

describe('links', () => {
  test.each(pages)('of %s lead somewhere', (page) => {
    const broken: string[] = []
    for (const [, target = ''] of prose(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path = '', anchor] = target.split('#', 2)
      const file = path === '' ? page : relative(root, resolve(root, dirname(page), path))
      const lost = !existsSync(join(root, file))
      if (lost || (anchor !== undefined && !anchors(read(file)).has(anchor))) broken.push(target)
    }
    expect(broken).toEqual([])
  })

  test('every page of docs can be reached from another one', () => {
    const reached = new Set<string>()
    for (const page of pages) {
      for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s#]+)/g)) {
        const file = relative(root, resolve(root, dirname(page), target))
        if (file !== page) reached.add(file)
      }
    }
    // The first page of all is linked from the README, which is not in docs.
    const start = join('docs', 'getting-started.md')
    expect(inDocs.filter((page) => page !== start && !reached.has(page))).toEqual([])
  })

  test('every code and variable that is named exists', () => {
    const sources = readdirSync(root + '/src', { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => read(join('src', name)))
      .join('\n')
    const unknown = pages.flatMap((page) =>
      [...read(page).matchAll(/\bQUORATE_[A-Z_]*[A-Z]\b/g)]
        .map(([name]) => name)
        .filter((name) => !sources.includes(name))
        .map((name) => `${page}: ${name}`),
    )
    expect(unknown).toEqual([])
  })
})

describe('docs/storage-format.md', () => {
  const page = read('docs/storage-format.md')
  const layout = (name: string): [number, number][] =>
    table(page, `<!-- table: ${name} -->`).map(([offset, size]) => [Number(offset), Number(size)])
  const described = (path: string): [number, number][] =>
    [...read(path).matchAll(/^ \* +(-?\d+) +(\d+) {2}\S/gm)].map(([, offset, size]) => [
      Number(offset),
      Number(size),
    ])

  test.each([
    ['segment header', segmentHeaderBytes],
    ['flush header', flushHeaderBytes],
    ['flush trailer', flushTrailerBytes],
    ['record header', recordHeaderBytes],
    ['vote slot', 512],
  ])('the table of a %s has no gap and ends at byte %d', (name, bytes) => {
    let end = 0
    for (const [offset, size] of layout(name)) {
      expect(offset).toBe(end)
      end += size
    }
    expect(end).toBe(bytes)
  })

  test('the log’s tables are those at the top of format.ts', () => {
    const trailer = layout('flush trailer').map(([offset, size]) => [
      offset - flushTrailerBytes,
      size,
    ])
    expect([
      ...layout('segment header'),
      ...layout('flush header'),
      ...trailer,
      ...layout('record header'),
    ]).toEqual(described('src/wal/format.ts'))
  })

  test('the table of the vote file is that of vote-file.ts', () => {
    expect(layout('vote slot')).toEqual(described('src/wal/vote-file.ts'))
  })

  const rows = table(page, '<!-- table: rows -->')
  const widths = (text: string): number => {
    const sizes = [...text.matchAll(/\(u(\d+)(?: each)?[):]|\((\d+) bytes\)|(?:^)([12]),/g)]
    const bytes = sizes.map(([, bits, whole, code]) =>
      bits === undefined ? Number(code === undefined ? whole : 1) : Number(bits) / 8,
    )
    return bytes.reduce((sum, each) => sum + each, 0)
  }
  const value = (row: string): string => rows.find((each) => each[2] === row)?.[3] ?? ''

  test('keyspaces are those of the state', () => {
    const named = rows.map(([keyspace = '']) => keyspace).filter((each) => each !== '')
    expect(named.map((each) => parseInt(each.slice(1, -1), 16))).toEqual(Object.values(keyspaces))
  })

  test('rows are as long as their fields say', () => {
    const payloadHashed = new Uint8Array(16)
    const recorded = { kind: 'recorded', base: 1, revision: 1, existed: true } as const
    expect(widths(value('applied'))).toBe(encodeApplied(emptyApplied).length)
    expect(widths(value('token that took effect'))).toBe(
      encodeToken({ ...recorded, payloadHash: payloadHashed }).length,
    )
    expect(widths(value('token that was fenced'))).toBe(
      encodeToken({ kind: 'cancelled', base: 1 }).length,
    )
    const settings = [...value('settings').matchAll(/`(\w+)`/g)].map((match) => match[1])
    expect(settings).toEqual(Object.keys(defaultSettings))
    expect(settings.length * 8).toBe(encodeSettings(defaultSettings).length)
  })
})

describe('docs/protocol.md', () => {
  const page = read('docs/protocol.md')
  /** Kind by name, of a table whose first two columns are these. */
  const kinds = (after: string): Map<string, number> =>
    new Map(table(page, after).map(([kind, name = '']) => [name.slice(1, -1), Number(kind)]))
  const fields = (bytes: Uint8Array): readonly unknown[] => unpackFrame(bytes) as unknown[]
  const inner = (bytes: Uint8Array, at: number): number =>
    ((fields(bytes)[at] as unknown[])[0] as number[])[0] ?? -1

  test('kinds of peer messages', () => {
    const said = kinds('Each message is a list')
    const real = new Map<string, number>()
    for (const frame of Object.values(peerSamples)) {
      if (frame.type !== 'messages') continue
      real.set(frame.messages[0]?.type ?? '', inner(encodePeerFrame(frame), 3))
    }
    expect(said).toEqual(real)
  })

  test('kinds of requests', () => {
    const said = kinds('with 0 left it is refused unserved.')
    const real = new Map<string, number>()
    for (const frame of Object.values(clientSamples)) {
      if (frame.type !== 'requests') continue
      real.set(frame.requests[0]?.kind ?? '', inner(encodeClientFrame(frame), 1))
    }
    expect(said).toEqual(real)
  })

  test('kinds of replies', () => {
    const said = kinds('at most 16,384 replies.')
    const real = new Map<string, number>()
    for (const frame of Object.values(nodeSamples)) {
      if (frame.type !== 'replies') continue
      real.set(frame.replies[0]?.kind ?? '', inner(encodeNodeFrame(frame), 1))
    }
    expect(said).toEqual(real)
  })

  test('frames of the handshakes have as many elements as are named', () => {
    const named = (name: string, after: string): number =>
      table(page, after)
        .find((row) => row[0] === `\`${name}\``)?.[1]
        ?.replace(/\([^)]*\)/g, '')
        .split(',').length ?? -1
    const client = (name: string): number => named(name, '### Handshake')
    const peer = (name: string): number => named(name, 'answers to `appendEntries` too.')
    expect(client('hello')).toBe(fields(encodeClientFrame(clientSamples['hello']!)).length)
    expect(client('welcome')).toBe(fields(encodeNodeFrame(nodeSamples['welcome']!)).length)
    expect(peer('hello')).toBe(fields(encodePeerFrame(peerSamples['hello']!)).length)
    expect(peer('welcome')).toBe(fields(encodePeerFrame(peerSamples['welcome']!)).length)
  })

  test('the command that is shown, and its payload hash', () => {
    const [, shown = ''] = /```text\n(01 [\s\S]*?)```/.exec(page) ?? []
    const hex = shown.replace(/ {2,}.*$/gm, '').replace(/\s/g, '')
    const text = (value: string): Uint8Array => new TextEncoder().encode(value)
    const command = encodeCommand({
      kind: 'write',
      call: {
        session: Uint8Array.from({ length: 18 }, (_, i) => i + 1),
        sequence: 7,
        firstOutstanding: 3,
      },
      identity: { kind: 'none' },
      operation: { kind: 'put', key: text('key'), value: text('value'), ifRevision: undefined },
    })
    expect(hex).toBe(Buffer.from(command).toString('hex'))
    const operation = operationSlice(command)
    expect(page).toContain(`taken over the ${operation.length} bytes`)
    expect(page).toContain(`The first ${payloadHash(operation).length} bytes of the SHA-256`)
  })

  test('what the client does with each refusal', () => {
    const [elsewhere, later, busy] = table(page, 'as the client library takes it:').map((row) =>
      [...(row[0] ?? '').matchAll(/QUORATE_[A-Z_]+/g)].map(([code]) => code),
    )
    const of = (kind: string): string[] =>
      Object.keys(errorKinds).filter((code) => refusalKind(code as ErrorCode) === kind)
    expect(elsewhere).toEqual(of('elsewhere'))
    expect([...later!, ...busy!].sort()).toEqual(of('later').sort())
  })
})

describe('docs/operations.md', () => {
  const page = read('docs/operations.md')

  test('names every counter of a node, and none that is not there', () => {
    const named = table(page, '<!-- table: counters -->').map(([name = '']) => name.slice(1, -1))
    const quoted = (path: string, pattern: RegExp): string[] =>
      [...read(path).matchAll(pattern)].map(([, name = '']) => name)
    expect(named.toSorted()).toEqual(
      [
        ...quoted('src/transport/peer-context.ts', /^ {2}\| '(peer\w+)'$/gm),
        ...quoted('src/transport/client-server.ts', /^ {4}\['(client\w+)', 0\],$/gm),
        'clientSessions',
        ...new Set(quoted('src/node/node.ts', /#counters\['(\w+)'\]/g)),
        'repaired',
      ].toSorted(),
    )
  })

  test('settings may have the values that it says, and no others', () => {
    const rows = table(page, '<!-- table: settings -->')
    expect(rows.map(([name = '']) => name.slice(1, -1))).toEqual(Object.keys(defaultSettings))
    const number = (text: string): number => Number(text.replaceAll(',', ''))
    for (const [name = '', standard = '', lowest = '', highest = ''] of rows) {
      const setting = name.slice(1, -1) as keyof typeof defaultSettings
      expect([setting, number(standard)]).toEqual([setting, defaultSettings[setting]])
      expect(settingInRange(setting, number(lowest))).toBe(true)
      expect(settingInRange(setting, number(lowest) - 1)).toBe(false)
      // Of the cluster version it is the build that says it.
      if (!/^[\d,]+$/.test(highest)) continue
      expect(settingInRange(setting, number(highest))).toBe(true)
      expect(settingInRange(setting, number(highest) + 1)).toBe(false)
    }
  })
})

describe('docs/limits.md', () => {
  const declaration =
    /^(?:export )?(?:const )?\s*([a-zA-Z]*(?:Max|Cap|MaxDefault))(?: =|:) ([0-9][0-9a-fx_]*(?:(?: [*+] | \*\* )[0-9_]+)*),?$/gm
  const inSource = new Map<string, number>()
  for (const folder of ['src', 'jepsen-style']) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue
      const file = join(folder, name)
      for (const [, constant = '', text = ''] of read(file).matchAll(declaration)) {
        inSource.set(`${file} ${constant}`, valueOf(text))
      }
    }
  }
  const units: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1_048_576, bytes: 1, ms: 1 }
  const inPage = new Map<string, number>()
  for (const line of read('docs/limits.md').split('\n')) {
    const [file = '', name = '', value = ''] = /^\| `(?:src|jepsen-style)\//.test(line)
      ? cells(line)
      : []
    if (file === '') continue
    const [number = '', unit = ''] = value.split(' ')
    const times = unit === '' ? 1 : (units[unit] ?? NaN)
    inPage.set(
      `${file.slice(1, -1)} ${name.slice(1, -1)}`,
      Number(number.replaceAll(',', '')) * times,
    )
  }

  test('names every cap of the product, with its value, and none that is not there', () => {
    // Of the harness, those that its users can meet are enough.
    const product = [...inSource].filter(([cap]) => cap.startsWith('src/'))
    const missing = product.filter(([cap]) => !inPage.has(cap))
    const wrong = [...inPage].filter(([cap, value]) => inSource.get(cap) !== value)
    expect({ missing, wrong }).toEqual({ missing: [], wrong: [] })
    expect(product.length).toBeGreaterThan(100)
  })
})

/** Sums of products of whole numbers, and powers: what the source writes caps as. */
function valueOf(text: string): number {
  const number = (each: string): number => Number(each.replaceAll('_', ''))
  return text
    .split(' + ')
    .map((sum) => {
      const [base = '', power] = sum.split(' ** ')
      if (power !== undefined) return number(base) ** number(power)
      return sum
        .split(' * ')
        .map(number)
        .reduce((product, each) => product * each, 1)
    })
    .reduce((sum, each) => sum + each, 0)
}
