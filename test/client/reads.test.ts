/**
 * Goal: what reads, scans, and questions about tokens and nodes give back, and how they fail.
 * Method: scripted nodes; what was asked and what came back is compared.
 */
import { describe, expect, test } from 'vitest'
import type { ScanEntry } from '../../src/client/index.ts'
import type { ReplyBody, Request } from '../../src/transport/client-protocol.ts'
import { applied, error, answer } from './fake-node.ts'
import type { Reaction } from './fake-node.ts'
import { World } from './world.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

async function world(react: (request: Request) => Reaction, count = 1): Promise<World> {
  const made = new World()
  await made.start(count, react)
  return made
}

/** A node that holds these rows. */
function holding(rows: Record<string, string>, readRevision = 10) {
  return (request: Request): ReplyBody => {
    if (request.kind !== 'get') return error('QUORATE_INTERNAL')
    return {
      kind: 'rows',
      readRevision,
      rows: request.keys.map((key) => {
        const value = rows[Buffer.from(key).toString()]
        return value === undefined ? undefined : { value: bytes(value), revision: 3 }
      }),
    }
  }
}

describe('point reads', () => {
  test('a value, in the encoding asked for', async () => {
    const w = await world(holding({ a: '{"n":1}' }))
    const db = await w.connect()

    expect(await w.end(db.get('a'))).toEqual(Buffer.from('{"n":1}'))
    expect(await w.end(db.get('a', { valueEncoding: 'utf8' }))).toBe('{"n":1}')
    expect(await w.end(db.get('a', { valueEncoding: 'json' }))).toEqual({ n: 1 })
    expect(await w.end(db.get('b'))).toBeUndefined()
  })

  test('an entry has the revision that wrote it and that at which it was read', async () => {
    const w = await world(holding({ a: 'x' }))
    const db = await w.connect({ valueEncoding: 'utf8' })

    expect(await w.end(db.entry('a'))).toEqual({
      key: 'a',
      value: 'x',
      revision: 3,
      readRevision: 10,
    })
    expect(await w.end(db.entry('b'))).toBeUndefined()
  })

  test('many keys: in order, in several requests, and in smaller ones where values are large', async () => {
    const sizes: number[] = []
    const rows = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`k${i}`, `v${i}`]))
    const get = holding(rows)
    const w = await world((request) => {
      if (request.kind !== 'get') return error('QUORATE_INTERNAL')
      sizes.push(request.keys.length)
      return request.keys.length > 100 ? error('QUORATE_TOO_LARGE') : get(request)
    })
    const db = await w.connect({ valueEncoding: 'utf8' })
    const keys = [...Object.keys(rows), 'absent']

    const values = await w.end(db.getMany(keys))

    expect(values).toEqual([...Object.values(rows), undefined])
    expect(Math.max(...sizes)).toBe(256)
  })

  test('bytes that are not what the encoding says are a usage error, not other text', async () => {
    const w = await world(() => ({
      kind: 'rows',
      readRevision: 1,
      rows: [{ value: new Uint8Array([0xff, 0xfe]), revision: 1 }],
    }))
    const db = await w.connect()

    for (const valueEncoding of ['utf8', 'json'] as const) {
      expect(await w.failure(db.get('a', { valueEncoding }))).toMatchObject({
        code: 'QUORATE_USAGE',
      })
    }
  })

  test('a caller may use its key buffer again at once', async () => {
    const w = await world(holding({ a: 'x' }))
    const db = await w.connect({ keyEncoding: 'buffer', valueEncoding: 'utf8' })
    const key = bytes('a')

    const read = db.get(key)
    key[0] = 0x7a

    expect(await w.end(read)).toBe('x')
  })

  test.each([[''], ['x'.repeat(4097)], ['\ud800'], [1], [null], [undefined]])(
    'the key %j is refused before anything is sent',
    async (key) => {
      const w = await world(holding({}))
      const db = await w.connect()

      const calls = [
        () => db.get(key),
        () => db.put(key, 'v'),
        () => db.delete(key),
        () => db.getMany([key]),
      ]
      for (const call of calls) {
        const failure = await w.failure(call())
        expect(['QUORATE_USAGE', 'QUORATE_TOO_LARGE']).toContain(failure.code)
        expect(failure).toMatchObject({ outcome: 'not-applied', attempts: 0 })
      }
      expect(w.nodes[0]!.asked()).toEqual([])
    },
  )
})

describe('encodings of writes', () => {
  test.each([
    ['buffer', new Uint8Array([0, 255]), [0, 255]],
    ['buffer', 'é', [0xc3, 0xa9]],
    ['utf8', 'é', [0xc3, 0xa9]],
    ['json', { a: [1, 'é'] }, [...Buffer.from('{"a":[1,"é"]}')]],
    ['msgpack', [1, 2], [0x92, 1, 2]],
  ] as const)('%s', async (valueEncoding, value, expected) => {
    const w = await world(() => applied(1))
    const db = await w.connect()

    await w.end(db.put('k', value, { valueEncoding }))

    const [command] = w.nodes[0]!.commands()
    const operation = command?.kind === 'write' ? command.operation : undefined
    expect(operation?.kind === 'put' && [...operation.value]).toEqual(expected)
  })

  test.each([
    ['buffer', 1],
    ['utf8', {}],
    ['json', undefined],
    ['json', 1n],
    ['msgpack', undefined],
    ['utf8', 'half \udc00'],
  ] as const)('%s refuses %s', async (valueEncoding, value) => {
    const w = await world(() => applied(1))
    const db = await w.connect()

    expect(await w.failure(db.put('k', value, { valueEncoding }))).toMatchObject({
      code: 'QUORATE_USAGE',
      outcome: 'not-applied',
    })
  })

  test('a caller may use its value buffer again at once', async () => {
    const w = await world(() => applied(1))
    const db = await w.connect()
    const value = new Uint8Array([1, 2, 3])

    const write = db.put('k', value)
    value.fill(9)
    await w.end(write)

    const [command] = w.nodes[0]!.commands()
    const operation = command?.kind === 'write' ? command.operation : undefined
    expect(operation?.kind === 'put' && [...operation.value]).toEqual([1, 2, 3])
  })
})

describe('tokens', () => {
  const hash = new Uint8Array(16).fill(0xcd)

  test('recorded, absent and expired are told apart', async () => {
    const verdicts = [
      { status: 'recorded', revision: 5, payloadHash: hash },
      { status: 'absent', horizon: 100, fenced: false },
      { status: 'expired', horizon: 100 },
    ] as const
    let at = 0
    const w = await world(() => ({ kind: 'verdict', verdict: verdicts[at++]! }))
    const db = await w.connect()

    expect(await w.end(db.verdict('t'))).toEqual({
      status: 'recorded',
      verdict: 'applied',
      revision: 5,
      payloadHash: 'cd'.repeat(16),
    })
    expect(await w.end(db.verdict('t', { tokenTime: 50 }))).toEqual(verdicts[1])
    expect(await w.end(db.verdict('t'))).toEqual(verdicts[2])
    expect(w.nodes[0]!.asked('verdict')).toMatchObject([
      { consistency: 'linearizable' },
      { time: 50 },
      {},
    ])
  })

  test('a fence is a write, and not older than any time this client gave a token', async () => {
    const verdict = { status: 'absent', horizon: 1, fenced: true } as const
    let at = 0
    const w = await world(() => (at++ === 0 ? 'cut' : answer({ status: 'fenced', verdict })))
    const db = await w.connect()
    const write = await w.failure(db.put('k', 'v', { token: 't', timeout: 1 }))

    expect(await w.end(db.verdict(write.token!, { fence: true }))).toEqual(verdict)

    const [put, fence] = w.nodes[0]!.commands()
    const time = put?.kind === 'write' && put.identity.kind === 'token' ? put.identity.time : NaN
    expect(fence).toMatchObject({ kind: 'fence', token: new Uint8Array([116]) })
    expect(fence?.kind === 'fence' && fence.time).toBeGreaterThanOrEqual(time)
  })
})

describe('the cluster', () => {
  test('status tells of every endpoint, also of members that were not given', async () => {
    const w = await world(() => error('QUORATE_INTERNAL'), 3)
    w.network.crash('n3')
    const db = await w.connect({}, 'n1:7101')

    const status = await w.end(db.status())

    expect(status).toMatchObject({ clusterId: 'c1', leader: 'n1', term: 1 })
    expect(
      status.endpoints.map((each) => [each.endpoint, each.node?.id, each.error?.code]),
    ).toEqual([
      ['n1:7101', 'n1', undefined],
      ['n2:7101', 'n2', undefined],
      ['n3:7101', undefined, 'QUORATE_CONNECTION_LOST'],
    ])
  })

  test('a digest is asked of every node, at one mark; a mark in doubt is not written again', async () => {
    const w = await world(() => 'silent', 3)
    const marks: string[] = []
    for (const node of w.nodes) {
      node.react = (request) => {
        if (request.kind === 'digest') {
          marks.push(Buffer.from(request.mark).toString('hex'))
          if (node.id === 'n3') return error('QUORATE_STOPPING')
          return { kind: 'digest', index: 9, effects: 'e', rows: 'r' }
        }
        return node.asked('write').length === 1 ? 'cut' : answer({ status: 'done' })
      }
    }
    const db = await w.connect()

    const digest = await w.end(db.digest())

    expect(digest.index).toBe(9)
    expect(digest.nodes).toMatchObject([
      { id: 'n1', effects: 'e', rows: 'r' },
      { id: 'n2', effects: 'e', rows: 'r' },
      { endpoint: 'n3:7101', error: { code: 'QUORATE_STOPPING' } },
    ])
    const written = w.nodes[0]!.commands()
    expect(written.map((command) => command.kind)).toEqual(['mark', 'mark'])
    const ids = written.map((c) => (c.kind === 'mark' ? Buffer.from(c.id).toString('hex') : ''))
    expect(ids[0]).not.toBe(ids[1])
    expect(new Set(marks)).toEqual(new Set([ids[1]]))
  })

  test('a node that was busy at the mark is asked about another one', async () => {
    const w = await world(() => 'silent', 3)
    const asked: string[][] = []
    for (const node of w.nodes) {
      const marks: string[] = []
      asked.push(marks)
      node.react = (request) => {
        if (request.kind !== 'digest') return answer({ status: 'done' })
        marks.push(Buffer.from(request.mark).toString('hex'))
        const isBusy = node.id === 'n2' && marks.length < 3
        if (isBusy) return error('QUORATE_OVERLOADED', { details: { retryAfter: 100 } })
        return { kind: 'digest', index: marks.length, effects: 'e', rows: 'r' }
      }
    }
    const db = await w.connect()

    const digest = await w.end(db.digest())

    expect(digest.index).toBe(3)
    expect(digest.nodes.map((node) => 'rows' in node)).toEqual([true, true, true])
    // Each mark once to each node: to ask again about the same would be of no use.
    for (const marks of asked) expect(new Set(marks).size).toBe(3)
    expect(asked[1]).toEqual(asked[0])
    expect(asked[2]).toEqual(asked[0])
  })

  test('one that stays busy is told beside the others at the end of the time', async () => {
    const w = await world(() => 'silent', 2)
    for (const node of w.nodes) {
      node.react = (request) => {
        if (request.kind !== 'digest') return answer({ status: 'done' })
        if (node.id === 'n2') return error('QUORATE_OVERLOADED', { details: { retryAfter: 300 } })
        return { kind: 'digest', index: 1, effects: 'e', rows: 'r' }
      }
    }
    const db = await w.connect()

    const digest = await w.end(db.digest({ timeout: 1_000 }))

    expect(digest.nodes).toMatchObject([{ id: 'n1' }, { error: { code: 'QUORATE_OVERLOADED' } }])
  })

  test('what the others told is kept where another mark brings less', async () => {
    for (const later of ['refused', 'silent'] as const) {
      const w = await world(() => 'silent', 3)
      let marks = 0
      for (const node of w.nodes) {
        node.react = (request) => {
          if (request.kind === 'write') {
            marks++
            return marks > 1 && later === 'refused'
              ? error('QUORATE_DISK_FULL')
              : answer({ status: 'done' })
          }
          if (request.kind !== 'digest' || marks > 1) return 'silent'
          if (node.id === 'n2') return error('QUORATE_OVERLOADED', { details: { retryAfter: 100 } })
          return { kind: 'digest', index: 7, effects: 'e', rows: 'r' }
        }
      }
      const db = await w.connect()

      const digest = await w.end(db.digest({ timeout: 3_000 }))

      expect(digest.index).toBe(7)
      expect(digest.nodes).toMatchObject([
        { id: 'n1' },
        { error: { code: 'QUORATE_OVERLOADED' } },
        { id: 'n3' },
      ])
      expect(marks).toBeGreaterThan(1)
      await w.end(db.close())
    }
  })

  test('nobody waits for a busy node once the caller gives up', async () => {
    const w = await world(() => 'silent', 1)
    w.nodes[0]!.react = (request) =>
      request.kind === 'digest'
        ? error('QUORATE_OVERLOADED', { details: { retryAfter: 2_000 } })
        : answer({ status: 'done' })
    const db = await w.connect()
    const controller = new AbortController()

    const digest = db.digest({ signal: controller.signal }).catch((thrown: unknown) => thrown)
    await w.clock.advance(100)
    expect(w.nodes[0]!.asked('digest')).toHaveLength(1)
    controller.abort()

    expect(await w.end(digest)).toMatchObject({ code: 'QUORATE_ABORTED' })
    expect(w.nodes[0]!.asked('write')).toHaveLength(1)
  })

  test('a digest that no node has read in time is late, not out of reach', async () => {
    const w = await world(() => 'silent', 3)
    for (const node of w.nodes) {
      node.react = (request) => {
        if (request.kind === 'digest') return error('QUORATE_TIMEOUT')
        return request.kind === 'write' ? answer({ status: 'done' }) : 'silent'
      }
    }
    w.nodes[2]!.react = () => 'cut'
    const db = await w.connect()

    const late = await w.end(db.digest().catch((thrown: unknown) => thrown))

    expect(late).toMatchObject({ code: 'QUORATE_TIMEOUT', outcome: 'not-applied' })
  })

  test('settings are read, and set one at a time', async () => {
    const settings = {
      clusterVersion: 1,
      tokenRetentionMs: 2,
      sessionExpiryMs: 3,
      tokensMax: 4,
      sessionsMax: 5,
    }
    const w = await world((request) =>
      request.kind === 'settings' ? { kind: 'settings', settings } : answer({ status: 'done' }),
    )
    const db = await w.connect()

    expect(await w.end(db.settings())).toEqual(settings)
    await w.end(db.setSetting('tokensMax', 7))
    expect(w.nodes[0]!.commands()).toMatchObject([{ kind: 'setting', name: 'tokensMax', value: 7 }])
    const wrong = [['tokensMax', 0] as const, ['toString' as 'tokensMax', 1] as const]
    for (const [name, value] of wrong) {
      expect(await w.failure(db.setSetting(name, value))).toMatchObject({ code: 'QUORATE_USAGE' })
    }
  })
})

describe('scans', () => {
  /** Pages of two rows, of all keys. */
  function paging(keys: readonly string[]) {
    const at = new Map<number, number>()
    let nextId = 1
    const page = (scanId: number, from: number): ReplyBody => {
      at.set(scanId, from + 2)
      const rows = keys
        .slice(from, from + 2)
        .map((key) => ({ key: bytes(key), value: bytes(`v-${key}`), revision: 1 }))
      return { kind: 'page', scanId, revision: 42, rows, done: from + 2 >= keys.length }
    }
    return (request: Request): Reaction => {
      if (request.kind === 'scan') return page(nextId++, 0)
      if (request.kind === 'scanNext') return page(request.scanId, at.get(request.scanId) ?? 0)
      return { kind: 'done' }
    }
  }

  const five = ['a', 'b', 'c', 'd', 'e']

  async function collect(w: World, entries: AsyncIterable<ScanEntry>): Promise<unknown[]> {
    const keys: unknown[] = []
    const all = (async () => {
      for await (const entry of entries) keys.push(entry.key)
    })()
    await w.end(all)
    return keys
  }

  test('all pages in order, at the revision of the first', async () => {
    const w = await world(paging(five))
    const db = await w.connect({ valueEncoding: 'utf8' })
    const entries: ScanEntry[] = []

    await w.end(
      (async () => {
        for await (const entry of db.scan()) entries.push(entry)
      })(),
    )

    expect(entries.map((entry) => entry.key)).toEqual(five)
    expect(entries[0]).toEqual({ key: 'a', value: 'v-a', revision: 1, readRevision: 42 })
    expect(w.nodes[0]!.asked('scanClose')).toEqual([])
  })

  test('at most one page is fetched ahead', async () => {
    const w = await world(paging([...five, 'f', 'g', 'h', 'i']))
    const db = await w.connect()
    const scan = db.scan()

    await w.end(scan.next())
    await w.clock.advance(100)

    expect(w.nodes[0]!.asked().map((request) => request.kind)).toEqual(['scan', 'scanNext'])
    await w.end(scan.close())
    await w.clock.run()
    expect(w.nodes[0]!.asked('scanClose')).toHaveLength(1)
    expect(await w.end(scan.next())).toEqual({ value: undefined, done: true })
  })

  test('leaving a loop closes it on the node', async () => {
    const w = await world(paging(five))
    const db = await w.connect()

    await w.end(
      (async () => {
        for await (const entry of db.scan()) if (entry.key === 'a') break
      })(),
    )
    await w.clock.run()

    expect(w.nodes[0]!.asked('scanClose')).toHaveLength(1)
  })

  test('the node goes: a typed end with the last key that was handed out', async () => {
    const w = await world(paging([...five, 'f', 'g', 'h', 'i']))
    const db = await w.connect()
    const scan = db.scan()
    for (let i = 0; i < 3; i++) await w.end(scan.next())
    await w.clock.run()
    w.nodes[0]!.cutAll()
    await w.clock.run()

    // What was fetched already is handed out first.
    for (const key of ['d', 'e', 'f']) {
      expect(await w.end(scan.next())).toMatchObject({ value: { key } })
    }
    const failure = await w.failure(scan.next())

    expect(failure).toMatchObject({ code: 'QUORATE_SCAN_LOST', outcome: 'not-applied' })
    expect(Buffer.from(failure.details.lastKey!, 'base64').toString()).toBe('f')
    expect(await w.end(scan.next())).toEqual({ value: undefined, done: true })
    expect(w.nodes[0]!.asked('scan')).toHaveLength(1)
  })

  test('the node forgot it: the same end; a page is never asked for twice', async () => {
    const pages = paging(five)
    const w = await world((request) =>
      request.kind === 'scanNext' ? error('QUORATE_SCAN_LOST') : pages(request),
    )
    const db = await w.connect()

    const failure = await w.failure(collect(w, db.scan()))

    expect(failure.code).toBe('QUORATE_SCAN_LOST')
    expect(w.nodes[0]!.asked('scanNext')).toHaveLength(1)
  })

  test('a scan that cannot be opened fails as a read does', async () => {
    const w = await world(() => error('QUORATE_SCANS_FULL'))
    const db = await w.connect({ timeout: 300 })

    expect(await w.failure(collect(w, db.scan()))).toMatchObject({
      code: 'QUORATE_SCANS_FULL',
      outcome: 'not-applied',
    })
  })

  test('a page that comes after the scan was given up is closed on the node', async () => {
    const w = await world(() => 'silent')
    const db = await w.connect()
    const scan = db.scan({ timeout: 100 })
    expect(await w.failure(scan.next())).toMatchObject({ code: 'QUORATE_TIMEOUT' })

    w.nodes[0]!.react = () => ({ kind: 'done' })
    w.nodes[0]!.reply(w.nodes[0]!.seen[0]!, {
      kind: 'page',
      scanId: 77,
      revision: 1,
      rows: [],
      done: false,
    })
    await w.clock.run()

    expect(w.nodes[0]!.asked('scanClose')).toMatchObject([{ scanId: 77 }])
  })

  test('several calls of next at once get each entry once, in order', async () => {
    const w = await world(paging(five))
    const db = await w.connect()
    const scan = db.scan()

    const results = await w.end(Promise.all(Array.from({ length: 7 }, () => scan.next())))

    expect(results.map((result) => result.value?.key)).toEqual([...five, undefined, undefined])
  })

  test('a signal gives it up, a closed client ends it', async () => {
    const w = await world(paging(five))
    const db = await w.connect()
    const controller = new AbortController()
    const scan = db.scan({ signal: controller.signal })
    await w.end(scan.next())
    controller.abort()
    expect(await w.failure(scan.next())).toMatchObject({ code: 'QUORATE_ABORTED' })

    const other = db.scan()
    await w.end(db.close())
    expect(await w.failure(other.next())).toMatchObject({ code: 'QUORATE_CLOSED' })
  })

  test.each([
    [{ prefix: 'ab' }, { gte: 'ab', lt: 'ac' }],
    [{ prefix: new Uint8Array([1, 0xff, 0xff]) }, { gte: '\u0001\u00ff\u00ff', lt: '\u0002' }],
    [{ prefix: new Uint8Array([0xff, 0xff]) }, { gte: '\u00ff\u00ff' }],
    [{ prefix: '' }, {}],
    [
      { gt: 'a', lte: 'b' },
      { gt: 'a', lte: 'b' },
    ],
  ] as const)('%j asks for %j', async (options, bounds) => {
    const w = await world(paging([]))
    const db = await w.connect()

    await collect(w, db.scan({ ...options, reverse: true, limit: 3, keysOnly: true }))

    const [request] = w.nodes[0]!.asked('scan')
    const range = request?.kind === 'scan' ? request.range : undefined
    const { gte, gt, lte, lt, ...rest } = range!
    const given = Object.entries({ gte, gt, lte, lt }).filter(([, bound]) => bound !== undefined)
    expect(
      Object.fromEntries(
        given.map(([name, bound]) => [name, Buffer.from(bound!).toString('latin1')]),
      ),
    ).toEqual(bounds)
    expect(rest).toEqual({ reverse: true, limit: 3, keysOnly: true })
  })

  test.each([
    { prefix: 'a', gte: 'b' },
    { gte: 'a', gt: 'b' },
    { lte: 'a', lt: 'b' },
    { limit: -1 },
    { limit: 1.5 },
    { prefix: { a: 1 }, keyEncoding: 'json' as const },
    { gte: 'x'.repeat(5000) },
  ])('%j is refused at once', async (options) => {
    const w = await world(paging([]))
    const db = await w.connect()

    expect(() => db.scan(options)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/USAGE|TOO_LARGE/) }),
    )
  })

  test('a limit of 0 asks nobody', async () => {
    const w = await world(paging(five))
    const db = await w.connect()

    expect(await collect(w, db.scan({ limit: 0 }))).toEqual([])
    expect(w.nodes[0]!.asked()).toEqual([])
  })
})
