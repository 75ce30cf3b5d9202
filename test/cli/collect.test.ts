// Goal: `collect` offers each line of a file as it stands, counts what came of it, and exits as it
// promises. Method: files in a temporary directory against a store that is a Map.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import { bytes, quorate } from './harness.ts'

let cwd = ''

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'quorate-collect-'))
})

afterEach(() => {
  rmSync(cwd, { recursive: true })
})

/** A store that knows tokens, as the cluster does. */
function store(): { rows: Map<string, string>; client: object } {
  const rows = new Map<string, string>()
  const tokens = new Map<string, string>()
  const put = async (key: string, value: Uint8Array, options: { token?: string }) => {
    const text = Buffer.from(value).toString()
    const identity = options.token ?? key
    const before = tokens.get(identity)
    if (before !== undefined) {
      return { verdict: before === text ? 'duplicate' : 'mismatch', revision: 1 }
    }
    tokens.set(identity, text)
    rows.set(key, text)
    return { verdict: 'applied', revision: rows.size }
  }
  return { rows, client: { put, on: () => () => {} } }
}

const lines = ['{"id":1,"price":17204.0}', '{"id":2,"price":1e3}', '{"id":1,"price":17204.00}']

test('in the examples a key names all that the token does: else one record replaces another', () => {
  const root = resolve(import.meta.dirname, '../..')
  const fields = (template: string): string[] => template.match(/\{[\w.]+\}/g) ?? []
  const found = ['README.md', 'docs/cli.md'].flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8')
    return [...text.matchAll(/--key '([^']+)' \\\s+--token '([^']+)'/g)]
  })
  expect(found).toHaveLength(2)
  for (const [, key = '', token = ''] of found) {
    expect(fields(key)).toEqual(expect.arrayContaining(fields(token)))
  }
})

describe('collect', () => {
  test('stores lines as they stand, and counts over all replicas', async () => {
    const { rows, client } = store()
    writeFileSync(join(cwd, 'in.ndjson'), `${lines.join('\r\n')}\n`)

    const ended = await quorate(
      'collect in.ndjson --key r/{id} --token {id} --replicas 3 -o json'.split(' '),
      { client, cwd },
    )

    expect(ended.code).toBe(0)
    const report = JSON.parse(ended.stdout) as Record<string, number>
    expect(report).toMatchObject({ schema: 1, records: 3, replicas: 3, applied: 2, rejected: 0 })
    expect(report['duplicate']! + report['mismatch']!).toBe(7)
    const names = 'schema records replicas applied duplicate mismatch rejected retries'
    const end = 'seconds perSecond undecided ended sourceError'
    expect(Object.keys(report)).toEqual(`${names} ${end}`.split(' '))
    expect(report).toMatchObject({ undecided: 0, ended: 'whole', sourceError: null })
    expect(rows.get('r/2')).toBe(lines[1])
    expect([lines[0], lines[2]]).toContain(rows.get('r/1'))
  })

  test('gzip and stdin are read as well', async () => {
    const packed = store()
    writeFileSync(join(cwd, 'in.ndjson.gz'), gzipSync(`${lines[1]}\n`))
    const flags = ['--key', '{id}', '--once']
    const file = await quorate(['collect', 'in.ndjson.gz', ...flags], { ...packed, cwd })
    expect(file.code).toBe(0)
    expect([...packed.rows]).toEqual([['2', lines[1]]])

    const piped = store()
    const stdin = [bytes(lines[0]!.slice(0, 5)), bytes(lines[0]!.slice(5))]
    expect((await quorate(['collect', '-', ...flags], { ...piped, stdin })).code).toBe(0)
    expect([...piped.rows]).toEqual([['1', lines[0]]])
  })

  test('what can never be stored is told with its line, and exits with 1', async () => {
    const { client } = store()
    const stdin = [bytes('{"id":1}\nno json\n{"name":"x"}\n')]
    const ended = await quorate(['collect', '-', '--key', '{id}', '--once'], { client, stdin })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/line 2 rejected: /)
    expect(ended.stderr).toMatch(/line 3 rejected: /)
    expect(ended.stdout).toMatch(/rejected +2\n/)
  })

  test('a gzip file that was cut exits with 1, with what came before stored', async () => {
    const { rows, client } = store()
    const whole = gzipSync(Buffer.from(`${lines[0]}\n`.repeat(5_000)), { level: 0 })
    writeFileSync(join(cwd, 'cut.gz'), whole.subarray(0, whole.length / 2))
    const flags = ['--key', '{id}', '--token', '{id}']
    const ended = await quorate(['collect', 'cut.gz', ...flags], { client, cwd })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('the source ended early')
    expect(rows.size).toBe(1)

    const told = await quorate(['collect', 'cut.gz', ...flags, '-o', 'json'], { client, cwd })
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('the source ended early')
    expect(JSON.parse(told.stdout)).toMatchObject({
      undecided: 0,
      ended: 'source',
      sourceError: { code: 'QUORATE_CORRUPT', outcome: 'not-applied', retryable: false },
    })
  })

  test('an error in the middle does not hide what was written before', async () => {
    const { rows, client } = store()
    const { put } = client as { put: (...all: unknown[]) => Promise<unknown> }
    const failing = {
      ...client,
      put: async (...all: unknown[]) => {
        if (rows.size === 3) throw new QuorateError('QUORATE_WRONG_CLUSTER', 'another cluster')
        return await put(...all)
      },
    }
    const stdin = [bytes(Array.from({ length: 9 }, (_, id) => `{"id":${id}}\n`).join(''))]
    const flags = '--key {id} --token {id} --in-flight 1'.split(' ')
    const ended = await quorate(['collect', '-', ...flags], { client: failing, stdin })
    expect(ended.code).not.toBe(0)
    expect(ended.stderr).toContain('before it failed: 3 applied')
  })

  test('--timeout bounds an attempt, and tokens are dated in the time of the cluster', async () => {
    const times: unknown[] = []
    const put = async (_key: string, _value: Uint8Array, options: { tokenTime?: number }) => {
      times.push(options.tokenTime)
      return { verdict: 'applied', revision: 1 }
    }
    const client = { put, on: () => () => {}, clusterTime: 12_345 }
    const stdin = [bytes('{"id":1}\n')]

    const ended = await quorate(
      'collect - --key {id} --token {id} --timeout 700ms --replicas 2'.split(' '),
      { client, stdin },
    )

    expect(ended.code).toBe(0)
    expect(ended.connected?.options).toMatchObject({ attemptTimeout: 700 })
    expect(times).toEqual([12_345, 12_345])
  })

  test('retries are told with their reason, while it runs and at the end', async () => {
    const untilAborted = async (signal: AbortSignal): Promise<never> => {
      await new Promise<void>((done) => signal.addEventListener('abort', () => done()))
      throw new QuorateError('QUORATE_ABORTED', 'given up')
    }
    const put = async (_key: string, _value: Uint8Array, options: { signal: AbortSignal }) =>
      await untilAborted(options.signal)
    const on = (_name: string, tell: (event: object) => void) => {
      tell({ type: 'retry', attempt: 1, code: 'QUORATE_TOKENS_FULL' })
      return () => {}
    }
    const flags = '--key {id} --token {id} --give-up-after 50ms'.split(' ')
    const stdin = [bytes('{"id":1}\n')]
    const ended = await quorate(['collect', '-', ...flags], { client: { put, on }, stdin })
    expect(ended.code).toBe(6)
    expect(ended.stderr).toContain('1 retries (last: QUORATE_TOKENS_FULL); 1 records: 0 applied')
    expect(ended.stderr).toContain(
      'the last retry: QUORATE_TOKENS_FULL: the cluster remembers as many tokens as it may\n',
    )

    const refusing = {
      put: () => Promise.reject(new QuorateError('QUORATE_DISK_FULL', 'n1 is full')),
    }
    const full = await quorate(['collect', '-', ...flags], {
      client: { ...refusing, on: () => () => {} },
      stdin,
    })
    expect(full.stderr).toContain('the last retry: QUORATE_DISK_FULL: n1 is full\n')
  })

  test('a file that is not there is told without a cluster', async () => {
    const arguments_ = ['collect', 'none.ndjson', '--key', '{id}', '--once']
    const ended = await quorate(arguments_, { cwd })
    expect(ended).toMatchObject({ code: 2, connected: undefined })
    expect(ended.stderr).toContain('cannot read')
  })

  test('a made-up market has templates of its own', async () => {
    const { rows, client } = store()
    const ended = await quorate(
      ['collect', '--source', 'market', '--count', '50', '--seed', '7', '-o', 'json'],
      { client },
    )
    expect(JSON.parse(ended.stdout)).toMatchObject({ records: 50, applied: 50, rejected: 0 })
    expect(rows.size).toBe(50)
  })

  test.each([
    [['collect'], 'a file'],
    [['collect', 'x', '--source', 'system'], 'not both'],
    [['collect', 'x', '--key', '{id}'], '--token or --once is missing'],
    [['collect', 'x', '--once'], '--key is missing'],
    [['collect', 'x', '--key', '{id', '--once'], '{'],
    [['collect', 'x', '--key', '{id}', '--once', '--token', '{id}'], 'cannot be used with'],
    [['collect', 'x', '--key', '{id}', '--once', '--interval', '1s'], 'belongs to --source system'],
    [['collect', 'x', '--key', 'k', '--once'], 'names no {field}'],
    [['collect', 'none.ndjson', '--key', '{id}', '--once'], 'cannot read'],
  ])('%j is a usage error', async (arguments_, message) => {
    const ended = await quorate(arguments_, { ...store(), cwd })
    expect(ended.stderr).toContain(message)
    expect(ended.code).toBe(2)
  })
})
