// Goal: a log is shown as it is, by its own rules, without touching it; damage ends with 7 and names
// file and offset. Method: real data directories with small logs, whole, torn and damaged.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { summarise } from '../../src/cli/wal-summary.ts'
import { realDisk, realRandom } from '../../src/system/index.ts'
import { initialise, LogStore, openDataDirectory, type LogItem } from '../../src/wal/index.ts'
import { entries, hard } from '../wal/support.ts'
import { quorate } from './harness.ts'

let cwd = ''
const path = (): string => join(cwd, 'n1')
const segment = (number: number): string =>
  join(path(), 'groups', '0', 'wal', `${String(number).padStart(10, '0')}.wal`)

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'quorate-wal-'))
})

afterEach(() => {
  rmSync(cwd, { recursive: true })
})

/** A data directory with 60 entries in segments of 4 KiB. */
async function makeLog(): Promise<void> {
  const segmentBytes = 4 * 1024
  await initialise({
    disk: realDisk,
    random: realRandom,
    path: path(),
    nodeId: 'n1',
    clusterName: 'c',
    members: [{ id: 'n1', peerAddress: '127.0.0.1:7201' }],
    segmentBytes,
  })
  const directory = await openDataDirectory({ disk: realDisk, path: path() })
  const { log } = await LogStore.open({
    disk: realDisk,
    directory: directory.groupDirectory,
    identity: directory.logIdentity,
    segmentBytes,
  })
  for (let from = 1; from < 60; from += 10) {
    const commitIndex = from - 1
    await log.persist({
      entries: entries(from, from + 9, 3, 200),
      hardState: hard(3, 'n1', commitIndex),
      mustSync: true,
    })
  }
  await log.close()
  await directory.close()
}

/** All files of the directory with their bytes' number and time of change. */
function snapshotOfFiles(): string[] {
  return readdirSync(path(), { recursive: true, encoding: 'utf8' })
    .map((name) => ({ name, stats: statSync(join(path(), name)) }))
    .map(({ name, stats }) => `${name} ${stats.size} ${stats.mtimeMs}`)
    .sort()
}

describe('a whole log', () => {
  test('is verified, and nothing is touched', async () => {
    await makeLog()
    const before = snapshotOfFiles()
    const ended = await quorate(['wal', 'verify', 'n1'], { cwd })
    expect(ended.code).toBe(0)
    expect(ended.stdout).toMatch(
      /^whole: entries 1 to 60, committed up to 50, term 3; \d segments, \d+\.\d KiB\n$/,
    )
    expect(snapshotOfFiles()).toEqual(before)
  })

  test('is shown by segment, and as a document', async () => {
    await makeLog()
    const ended = await quorate(['wal', 'inspect', 'n1'], { cwd })
    expect(ended.code).toBe(0)
    const lines = ended.stdout.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^SEGMENT +SIZE +FLUSHES +ENTRIES +FIRST +LAST +BASE$/)
    expect(lines[1]).toMatch(/^0000000001\.wal +4\.0 KiB +2 +10 +1 +10 +0 +sealed$/)
    expect(lines.at(-1)).toMatch(/ 60 .*open$/)
    expect(ended.stderr).toContain('voted for n1')

    const json = await quorate(['wal', 'inspect', 'n1', '-o', 'json'], { cwd })
    const document: unknown = JSON.parse(json.stdout)
    expect(document).toMatchObject({
      schema: 1,
      verdict: 'whole',
      baseIndex: 0,
      lastIndex: 60,
      lastTerm: 3,
      term: 3,
      votedFor: 'n1',
      commitIndex: 50,
      damage: null,
      torn: null,
      leftovers: [],
    })
  })

  test('is shown record by record', async () => {
    await makeLog()
    const ended = await quorate(['wal', 'inspect', 'n1', '--records'], { cwd })
    expect(ended.stdout).toMatch(/^ +\d+ commands entry 1, term 3, \d+ bytes$/m)
    expect(ended.stdout).toMatch(/^ +\d+ hard state: term 3, vote n1, commit 50, \d+ bytes$/m)
    const lines = await quorate(['wal', 'inspect', 'n1', '-o', 'ndjson'], { cwd })
    const items = lines.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as LogItem)
    expect(items.filter((item) => item.type === 'record' && item.kind === 'commands')).toHaveLength(
      60,
    )
  })

  test('that a node runs on says so', async () => {
    await makeLog()
    const directory = await openDataDirectory({ disk: realDisk, path: path() })
    const ended = await quorate(['wal', 'verify', 'n1', '-o', 'json'], { cwd })
    await directory.close()
    const { inUse } = JSON.parse(ended.stdout) as { inUse: boolean | null }
    expect([true, null]).toContain(inUse)
    const after = await quorate(['wal', 'verify', 'n1', '-o', 'json'], { cwd })
    expect(JSON.parse(after.stdout)).not.toMatchObject({ inUse: true })
  })
})

describe('a damaged log', () => {
  /** Changes one byte in the first segment's records. */
  function flip(): void {
    const bytes = readFileSync(segment(1))
    bytes[1_500] = (bytes[1_500] ?? 0) ^ 1
    writeFileSync(segment(1), bytes)
  }

  test('ends verify with 7, with file and offset', async () => {
    await makeLog()
    flip()
    const ended = await quorate(['wal', 'verify', 'n1'], { cwd })
    expect(ended).toMatchObject({ code: 7, stdout: '' })
    expect(ended.stderr).toMatch(/^error: \S+0000000001\.wal is damaged at byte \d+: /)
    expect(ended.stderr).toContain('docs/operations.md, corruption')
  })

  test('is told as a document too, with 7', async () => {
    await makeLog()
    flip()
    for (const words of ['verify', 'inspect']) {
      const ended = await quorate(['wal', words, 'n1', '-o', 'json'], { cwd })
      expect(ended.code).toBe(7)
      expect(JSON.parse(ended.stdout)).toMatchObject({
        verdict: 'damaged',
        damage: { file: expect.stringContaining('0000000001.wal'), offset: expect.any(Number) },
      })
    }
    const shown = await quorate(['wal', 'inspect', 'n1'], { cwd })
    expect(shown.code).toBe(7)
    expect(shown.stdout).toContain('0000000001.wal')
  })
})

describe('where there is no log', () => {
  test('it says so, and names the nodes of a local cluster', async () => {
    const ended = await quorate(['wal', 'verify', 'nowhere'], { cwd })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain(`there is no log of a node in ${join(cwd, 'nowhere')}`)
  })
})

describe('the summary', () => {
  async function* items(...all: LogItem[]): AsyncGenerator<LogItem> {
    yield* all
  }
  const record = (index: number, term: number): LogItem => ({
    type: 'record',
    kind: 'commands',
    index,
    term,
    file: 'f',
    offset: 0,
    bytes: 1,
  })
  const begin = (segmentNumber: number, index: number): LogItem => ({
    type: 'segment',
    file: `f${segmentNumber}`,
    segmentNumber,
    base: { term: 2, index },
    bytes: 100,
    sealed: false,
  })

  test('an entry that is written again replaces what came behind it', async () => {
    const found = await summarise(items(begin(4, 70), record(71, 2), record(72, 2), record(71, 3)))
    expect(found).toMatchObject({ baseIndex: 70, lastIndex: 71, lastTerm: 3 })
    expect(found.segments[0]).toMatchObject({ entries: 3, firstIndex: 71, lastIndex: 71 })
  })

  test('a log that is all behind its base ends there', async () => {
    const found = await summarise(items(begin(4, 70), begin(5, 90)))
    expect(found).toMatchObject({ baseIndex: 70, lastIndex: 70, lastTerm: 2, bytes: 200 })
  })

  test('what is committed is behind the base, and no more than there is', async () => {
    const knows = (index: number): LogItem => ({
      type: 'record',
      kind: 'hardState',
      index,
      term: 2,
      votedFor: undefined,
      file: 'f',
      offset: 0,
      bytes: 1,
    })
    const ahead = await summarise(items(begin(4, 70), knows(99), record(71, 2)))
    expect(ahead).toMatchObject({ lastIndex: 71, commitIndex: 71 })
    const within = await summarise(items(begin(4, 70), knows(71), record(71, 2), record(72, 2)))
    expect(within).toMatchObject({ lastIndex: 72, commitIndex: 71 })
    expect(await summarise(items(begin(4, 70)))).toMatchObject({ commitIndex: 70 })
  })
})
