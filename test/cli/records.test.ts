// Goal: the commands on records print what they promise, exit as they promise, and ask the client
// for exactly what was meant. Method: each command against a faked client that notes its calls.
import { describe, expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import { bytes, quorate } from './harness.ts'

interface Noted {
  key?: unknown
  value?: unknown
  options?: Record<string, unknown>
}

/** A client whose `name` notes its call and answers. */
function answering(name: string, answer: unknown): { noted: Noted; client: object } {
  const noted: Noted = {}
  const call = async (key: unknown, second: unknown, third?: unknown): Promise<unknown> => {
    noted.key = key
    noted.value = third === undefined ? undefined : second
    const { signal: _, ...options } = (third ?? second ?? {}) as Record<string, unknown>
    noted.options = options
    if (answer instanceof Error) throw answer
    return answer
  }
  return { noted, client: { [name]: call } }
}

describe('put', () => {
  test('applied', async () => {
    const { noted, client } = answering('put', { verdict: 'applied', revision: 12 })

    const ended = await quorate(['put', 'kéy', 'välue'], { client })

    expect(ended).toMatchObject({ code: 0, stdout: 'applied at revision 12\n', stderr: '' })
    expect(noted).toEqual({ key: bytes('kéy'), value: bytes('välue'), options: {} })
    expect(ended.closed).toBe(true)
  })

  test.each([
    ['applied', 0],
    ['duplicate', 0],
    ['mismatch', 4],
  ])('%s exits with %d and prints its JSON', async (verdict, code) => {
    const { client } = answering('put', { verdict, revision: 3 })
    const ended = await quorate(['put', 'k', 'v', '-o', 'json'], { client })
    expect(ended.code).toBe(code)
    expect(JSON.parse(ended.stdout)).toEqual({ schema: 1, verdict, revision: 3 })
  })

  test('an argument that was no UTF-8 is refused, not stored as something else', async () => {
    for (const words of [
      ['put', 'k\uFFFD', 'v'],
      ['put', 'k', '\uFFFD'],
      ['put', 'k', 'v', '--token', '\uFFFD'],
      ['get', '\uFFFD'],
      ['del', '\uFFFD'],
      ['verdict', '\uFFFD'],
      ['scan', '--prefix', '\uFFFD'],
    ]) {
      const ended = await quorate(words, { client: {} })
      expect(ended.stderr).toContain('is not valid UTF-8')
      expect(ended.code).toBe(2)
    }
  })

  test('options reach the client', async () => {
    const { noted, client } = answering('put', { verdict: 'applied', revision: 1 })
    await quorate(
      ['put', 'k', 'v', '--token', 't', '--token-time', '1700000000000', '--if-revision', '0'],
      { client },
    )
    expect(noted.options).toEqual({ token: 't', tokenTime: 1_700_000_000_000, ifRevision: 0 })
    await quorate(['put', 'k', 'v', '--once'], { client })
    expect(noted.options).toEqual({ once: true })
  })

  test('- reads stdin byte for byte', async () => {
    const { noted, client } = answering('put', { verdict: 'applied', revision: 1 })
    const stdin = [new Uint8Array([0, 255]), new Uint8Array([10])]
    await quorate(['put', 'k', '-'], { client, stdin })
    expect([...(noted.value as Uint8Array)]).toEqual([0, 255, 10])
  })

  test('stdin larger than a value is refused before anything is sent', async () => {
    const { noted, client } = answering('put', { verdict: 'applied', revision: 1 })
    const full = new Uint8Array(1_048_576)

    const fits = await quorate(['put', 'k', '-'], { client, stdin: [full] })
    expect(fits.code).toBe(0)
    delete noted.key

    const over = await quorate(['put', 'k', '-'], { client, stdin: [full, new Uint8Array(1)] })
    expect(over.code).toBe(2)
    expect(over.stderr).toContain('larger than 1048576 bytes')
    expect(noted.key).toBeUndefined()
    expect(over.connected).toBeUndefined()
  })

  test.each([
    [['--once', '--token', 't']],
    [['--once', '--if-revision', '1']],
    [['--once', '--token-time', '1']],
    [['--if-revision', '-1']],
    [['--if-revision', 'x']],
  ])('%j is a usage error', async (flags) => {
    const ended = await quorate(['put', 'k', 'v', ...flags])
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('quorate put --help')
    expect(ended.connected).toBeUndefined()
  })

  test('a conflict exits with 4, a write in doubt with 6', async () => {
    const conflict = answering('put', new QuorateError('QUORATE_CONFLICT', 'no', { attempts: 1 }))
    const ended = await quorate(['put', 'k', 'v', '-o', 'json'], conflict)
    expect(ended).toMatchObject({ code: 4, stdout: '' })
    expect(JSON.parse(ended.stderr)).toEqual({
      schema: 1,
      error: {
        code: 'QUORATE_CONFLICT',
        message: 'no',
        outcome: 'not-applied',
        retryable: false,
      },
    })

    const doubt = answering('put', new QuorateError('QUORATE_TIMEOUT', 'no', { attempts: 2 }))
    const inDoubt = await quorate(['put', 'k', 'v'], doubt)
    expect(inDoubt.code).toBe(6)
    expect(inDoubt.stderr).toContain('the write may have happened')
    expect(inDoubt.closed).toBe(true)
  })
})

describe('get', () => {
  const entry = (value: Uint8Array): object =>
    answering('entry', { key: bytes('k'), value, revision: 4, readRevision: 9 }).client

  test('prints the bytes and nothing else', async () => {
    const value = new Uint8Array([0xff, 0x0a, 0x00])
    const ended = await quorate(['get', 'k'], { client: entry(value) })
    expect(ended.code).toBe(0)
    expect(Buffer.compare(ended.stdoutBytes, value)).toBe(0)
  })

  test('adds a line end at a terminal only', async () => {
    const ended = await quorate(['get', 'k'], { client: entry(bytes('v')), tty: true })
    expect(ended.stdout).toBe('v\n')
  })

  test('as JSON, with base64 where it is no text', async () => {
    const text = await quorate(['get', 'k', '-o', 'json'], { client: entry(bytes('v')) })
    expect(JSON.parse(text.stdout)).toEqual({
      schema: 1,
      key: 'k',
      value: 'v',
      revision: 4,
      readRevision: 9,
    })
    const raw = await quorate(['get', 'k', '-o', 'json'], {
      client: entry(new Uint8Array([0xff])),
    })
    expect(JSON.parse(raw.stdout)).toMatchObject({ key: 'k', valueBase64: '/w==' })
  })

  test('exits with 3 where there is none', async () => {
    const { client } = answering('entry', undefined)
    const ended = await quorate(['get', 'nothing'], { client })
    expect(ended).toMatchObject({ code: 3, stdout: '' })
    expect(ended.stderr).toContain('there is no record at nothing')
    const json = await quorate(['get', 'nothing', '-o', 'json'], { client })
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'QUORATE_NOT_FOUND' } })
  })

  test('one endpoint and stale: exactly that node', async () => {
    const flags = ['--consistency', 'stale', '-e', '127.0.0.1:9']
    const pinned = await quorate(['get', 'k', ...flags], { client: entry(bytes('v')) })
    expect(pinned.connected).toMatchObject({
      endpoints: ['127.0.0.1:9'],
      options: { pin: true, consistency: 'stale' },
    })
    const many = await quorate(['get', 'k', '--consistency', 'stale', '-e', 'a:1,b:2'], {
      client: entry(bytes('v')),
    })
    expect(many.connected?.options.pin).toBeUndefined()
    const writing = await quorate(['put', 'k', 'v', ...flags], {
      client: answering('put', { verdict: 'applied', revision: 1 }).client,
    })
    expect(writing.connected?.options.pin).toBeUndefined()
  })
})

test('del tells whether there was a record', async () => {
  const there = answering('delete', { verdict: 'applied', revision: 5, existed: true })
  const ended = await quorate(['del', 'k', '--if-revision', '4', '-o', 'json'], there)
  expect(JSON.parse(ended.stdout)).toEqual({
    schema: 1,
    verdict: 'applied',
    revision: 5,
    existed: true,
  })
  expect(there.noted).toMatchObject({ key: bytes('k'), options: { ifRevision: 4 } })
  const gone = answering('delete', { verdict: 'applied', revision: 6, existed: false })
  expect((await quorate(['delete', 'k'], gone)).stdout).toContain('there was no record')
})

describe('scan', () => {
  function scanning(count: number): { asked: object[]; client: object } {
    const asked: object[] = []
    const entries = async function* () {
      for (let i = 1; i <= count; i++) {
        yield { key: bytes(`k${i}`), value: bytes(`v${i}`), revision: i, readRevision: 77 }
      }
    }
    const scan = (options: object) => {
      asked.push(options)
      return Object.assign(entries(), { revision: 77 })
    }
    return { asked, client: { scan } }
  }

  test('JSON is one document at one revision', async () => {
    const ended = await quorate(['scan', '-o', 'json'], scanning(2))
    expect(ended.code).toBe(0)
    expect(JSON.parse(ended.stdout)).toEqual({
      schema: 1,
      revision: 77,
      entries: [
        { key: 'k1', value: 'v1', revision: 1 },
        { key: 'k2', value: 'v2', revision: 2 },
      ],
    })
  })

  test('an empty one is a document as well', async () => {
    const ended = await quorate(['scan', '-o', 'json'], scanning(0))
    expect(JSON.parse(ended.stdout)).toEqual({ schema: 1, revision: 77, entries: [] })
  })

  test('ndjson is an entry a line, raw a value a line', async () => {
    const lines = await quorate(['scan', '-o', 'ndjson'], scanning(3))
    expect(
      lines.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { key: 'k1', value: 'v1', revision: 1 },
      { key: 'k2', value: 'v2', revision: 2 },
      { key: 'k3', value: 'v3', revision: 3 },
    ])
    expect((await quorate(['scan', '-o', 'raw'], scanning(2))).stdout).toBe('v1\nv2\n')
    const keys = await quorate(['scan', '-o', 'raw', '--keys-only'], scanning(2))
    expect(keys.stdout).toBe('k1\nk2\n')
  })

  test('the table has headings once, however long it is', async () => {
    const ended = await quorate(['scan'], scanning(1_203))
    const lines = ended.stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(1_204)
    expect(lines.filter((line) => line.startsWith('KEY'))).toHaveLength(1)
    expect(lines[1]).toMatch(/^k1 +1 +v1$/)
    expect((await quorate(['scan'], scanning(0))).stderr).toBe('no records\n')
  })

  test('counts without values', async () => {
    const world = scanning(5)
    const ended = await quorate(['scan', '--count', '-o', 'json'], world)
    expect(JSON.parse(ended.stdout)).toEqual({ schema: 1, count: 5 })
    expect(world.asked[0]).toMatchObject({ keysOnly: true })
    expect((await quorate(['scan', '--count'], scanning(5))).stdout).toBe('5\n')
  })

  test('from is inclusive, to exclusive', async () => {
    const world = scanning(0)
    await quorate(['scan', '--from', 'a', '--to', 'b', '--limit', '3', '--reverse'], world)
    expect(world.asked[0]).toMatchObject({
      gte: bytes('a'),
      lt: bytes('b'),
      limit: 3,
      reverse: true,
    })
    expect((await quorate(['scan', '--prefix', 'a', '--from', 'b'])).code).toBe(2)
  })
})

describe('verdict', () => {
  test.each([
    [{ status: 'recorded', verdict: 'applied', revision: 3, payloadHash: 'ab' }, 0],
    [{ status: 'absent', horizon: 1_000, fenced: false }, 3],
    [{ status: 'expired', horizon: 1_000 }, 6],
  ])('%j', async (state, code) => {
    const { client } = answering('verdict', state)
    const ended = await quorate(['verdict', 't', '-o', 'json'], { client })
    expect(ended.code).toBe(code)
    expect(JSON.parse(ended.stdout)).toEqual({ schema: 1, ...state })
    expect((await quorate(['verdict', 't'], { client })).stdout).toContain(state.status)
  })

  test('--fence reaches the client', async () => {
    const { noted, client } = answering('verdict', { status: 'absent', horizon: 1, fenced: true })
    await quorate(['verdict', 't', '--fence', '--token-time', '5'], { client })
    expect(noted).toMatchObject({ key: 't', options: { fence: true, tokenTime: 5 } })
  })
})

describe('digest', () => {
  const node = (id: string, rows: string): object => ({ id, effects: 'e', rows })

  test('alike is 0, different is 7', async () => {
    const alike = { index: 9, nodes: [node('n1', 'r'), node('n2', 'r')] }
    const ended = await quorate(['digest', '-o', 'json'], answering('digest', alike))
    expect(ended.code).toBe(0)
    expect(JSON.parse(ended.stdout)).toEqual({ schema: 1, ...alike })

    const differ = { index: 9, nodes: [node('n1', 'r'), node('n2', 'x')] }
    const wrong = await quorate(['digest'], answering('digest', differ))
    expect(wrong.code).toBe(7)
    expect(wrong.stderr).toContain('DIFFERENT')
  })

  test('a node that gave none is named', async () => {
    const missing = { endpoint: 'a:1', error: new QuorateError('QUORATE_TIMEOUT', 'late') }
    const digest = { index: 9, nodes: [node('n1', 'r'), missing] }
    const ended = await quorate(['digest', '-o', 'json'], answering('digest', digest))
    expect(ended.code).toBe(0)
    expect(JSON.parse(ended.stdout).nodes).toEqual([node('n1', 'r')])
    expect(ended.stderr).toContain('a:1 gave no digest: late')
  })
})

describe('settings', () => {
  const settings = {
    clusterVersion: 1,
    tokenRetentionMs: 86_400_000,
    sessionExpiryMs: 5_400_000,
    tokensMax: 10,
    sessionsMax: 10,
  }

  test('list', async () => {
    const { client } = answering('settings', settings)
    const ended = await quorate(['settings', 'list'], { client })
    expect(ended.stdout).toMatch(/tokenRetentionMs +86400000 \(1d\)/)
    expect(ended.stdout).toMatch(/sessionExpiryMs +5400000 \(90m\)/)
    const json = await quorate(['settings', 'list', '-o', 'json'], { client })
    expect(JSON.parse(json.stdout)).toEqual({ schema: 1, settings })
  })

  test('set takes durations for times', async () => {
    const { noted, client } = answering('setSetting', undefined)
    const ended = await quorate(['settings', 'set', 'tokenRetentionMs', '7d'], { client })
    expect(ended.code).toBe(0)
    expect(noted).toMatchObject({ key: 'tokenRetentionMs', value: 604_800_000 })
    expect((await quorate(['settings', 'set', 'tokensMax', '7d'], { client })).code).toBe(2)
    expect((await quorate(['settings', 'set', 'nothing', '1'], { client })).code).toBe(2)
  })
})
