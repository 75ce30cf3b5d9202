/**
 * Goal: records written by three replicas of a collector are stored exactly once and byte for
 * byte, while the leader is killed again and again.
 * Method: a real cluster; `quorate collect` over a generated file (and over the real collector
 * records, where they are found) with a SIGKILL of the leader every few seconds; then counts,
 * values on every node, digests; then the same file again, and other payloads under old tokens.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LocalCluster, quorateJson, temporaryDirectory, until } from './harness.ts'

/** Of one file: files share exchanges, and so keys and tokens, that must not meet on the cluster. */
const keyTemplateOf = (file: string): string =>
  `${file}/{type}/{exchange}/{symbol}/{intervalStart}-{intervalEnd}`
const tokenTemplateOf = (file: string): string =>
  `${file}|{exchange}|{symbol}|{type}|{intervalStart}|{intervalEnd}`

/** Candles with numbers that a parse and a print would change (`17204.0`). */
function generatedLines(count: number, exchange: string): string[] {
  return Array.from({ length: count }, (_, i) => {
    const start = 1_670_889_600_000 + Math.floor(i / 4) * 60_000
    const symbol = ['BTC/USD', 'ETH/USD', 'ADA/USD', 'SOL/USD'][i % 4]
    return `{"exchange":"${exchange}","symbol":"${symbol}","type":"candle","intervalStart":${start},"intervalEnd":${start + 60_000},"payload":{"open":${17204 + i}.0,"close":${17204 + i}.10,"volume":${i}e-3}}`
  })
}

/**
 * Kills whoever leads, each time once so many records more are stored, and starts it again, until
 * told to stop; resolves with how often.
 */
async function killLeaders(
  cluster: LocalCluster,
  records: number,
  stop: AbortSignal,
): Promise<number> {
  const stored = async (): Promise<number> =>
    Math.max(0, ...(await cluster.reports()).map((report) => report.revision))
  for (let kills = 0; ; kills++) {
    const from = await stored()
    await until('records are stored', async () => {
      return stop.aborted || (await stored()) > from + records
    })
    if (stop.aborted) return kills
    const leader = await cluster.leader()
    cluster.kill(leader)
    expect((await cluster.run('restart', leader)).code).toBe(0)
  }
}

interface Case {
  /** Begins its keys and tokens. */
  readonly name: string
  readonly path: string
  readonly lines: readonly string[]
  readonly identity: 'token' | 'once'
}

/** Everything that must be true of one file, whatever its size. */
async function checkFile(cluster: LocalCluster, file: Case): Promise<void> {
  const { name, path, lines, identity } = file
  const keyTemplate = keyTemplateOf(name)
  const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  const keyOf = (record: Record<string, unknown>): string =>
    keyTemplate.replace(/\{(\w+)\}/g, (_, field: string) => String(record[field]))
  const wanted = new Map(parsed.map((record, i) => [keyOf(record), lines[i]]))
  const identified = identity === 'once' ? ['--once'] : ['--token', tokenTemplateOf(name)]
  const collect = ['collect', path, '--replicas', '3', '-e', cluster.endpoints, ...identified]

  const stop = new AbortController()
  const [report, kills] = await Promise.all([
    quorateJson([...collect, '--key', keyTemplate]).finally(() => stop.abort()),
    killLeaders(cluster, Math.floor(lines.length / 3), stop.signal),
  ])
  expect(kills).toBeGreaterThan(0)
  expect(report).toMatchObject({
    schema: 1,
    records: lines.length,
    replicas: 3,
    applied: lines.length,
    rejected: 0,
  })
  expect(Number(report['duplicate']) + Number(report['mismatch'])).toBe(2 * lines.length)
  await cluster.caughtUp()

  const prefix = `${name}/`
  const scan = ['scan', '--prefix', prefix, '--count', '-e', cluster.endpoints]
  expect(Number((await quorateJson(scan))['count'])).toBe(wanted.size)

  for (const id of cluster.ids()) {
    await using db = await cluster.pinned(id)
    let seen = 0
    for await (const entry of db.scan({ prefix, consistency: 'stale', valueEncoding: 'utf8' })) {
      if (wanted.get(String(entry.key)) !== entry.value) {
        throw new Error(`${id} holds another value under ${String(entry.key)}`)
      }
      seen++
    }
    expect(seen).toBe(wanted.size)
  }

  const digest = await quorateJson(['digest', '-e', cluster.endpoints])
  const nodes = digest['nodes'] as { id: string; effects: string; rows: string }[]
  expect(nodes.map((node) => node.id).sort()).toEqual(cluster.ids())
  expect(new Set(nodes.map((node) => node.effects)).size).toBe(1)
  expect(new Set(nodes.map((node) => node.rows)).size).toBe(1)

  const again = await quorateJson([...collect, '--key', keyTemplate])
  expect(again).toMatchObject({ applied: 0, duplicate: 3 * lines.length, mismatch: 0, rejected: 0 })
}

let cluster: LocalCluster
const scratch = temporaryDirectory()
beforeAll(async () => {
  cluster = await LocalCluster.up()
})
afterAll(async () => {
  await cluster.down()
  scratch.remove()
})

describe('collectors in replicas', () => {
  test.for([
    { name: 'alpha', identity: 'token' },
    { name: 'beta', identity: 'once' },
  ] as const)('a generated file is stored exactly once, by $identity', async (generated) => {
    const lines = generatedLines(3_000, generated.name)
    const path = join(scratch.path, `${generated.name}.ndjson.gz`)
    writeFileSync(path, gzipSync(lines.join('\n') + '\n'))

    await checkFile(cluster, { ...generated, path, lines })
  })

  test('another payload under an old token is a mismatch, and the first one stays', async () => {
    const [line = ''] = generatedLines(1, 'alpha')
    const other = line.replace('17204.0', '1.0')
    const path = join(scratch.path, 'other.ndjson')
    writeFileSync(path, other + '\n')

    const report = await quorateJson([
      'collect', path, '--replicas', '1', '-e', cluster.endpoints,
      '--key', keyTemplateOf('alpha'), '--token', tokenTemplateOf('alpha'),
    ]) // prettier-ignore

    expect(report).toMatchObject({ applied: 0, duplicate: 0, mismatch: 1, rejected: 0 })
    await using db = await cluster.connect()
    const key = 'alpha/candle/alpha/BTC/USD/1670889600000-1670889660000'
    expect(await db.get(key, { valueEncoding: 'utf8' })).toBe(line)
  })
})

const realData = resolve(import.meta.dirname, '../../../shared/data')
const realFiles = existsSync(realData)
  ? readdirSync(realData).filter((name) => name.endsWith('.ndjson.gz'))
  : []
if (realFiles.length === 0) {
  console.info('real collector records were not found beside the checkout: not run over them')
}

describe.runIf(realFiles.length > 0)('real collector records', () => {
  // The smallest file in every run; all of them where time is no matter.
  const chosen = process.env['QUORATE_ALL_DATA'] === '1' ? realFiles : realFiles.slice(-1)
  const identities = ['token', 'once'] as const
  const cases = chosen.flatMap((name) => identities.map((identity) => ({ name, identity })))
  test.for(cases)('$name is stored exactly once, by $identity', async ({ name, identity }) => {
    const path = join(realData, name)
    const lines = gunzipSync(readFileSync(path)).toString('utf8').trimEnd().split('\n')
    await checkFile(cluster, { name: `${name}-${identity}`, path, lines, identity })
  })
})
