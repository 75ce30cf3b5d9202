// Goal: a backup is one whole file or none, is checked before it is trusted, and becomes a cluster
// of its own; the last resort says what it costs before it does anything. Method: the commands on
// real files, with an export of a small state in the place of a node's.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import { realDisk, realRandom, openStateDatabase } from '../../src/system/index.ts'
import {
  initialise,
  LogStore,
  openDataDirectory,
  Recovering,
  stateDirectoryName,
  StatePointer,
} from '../../src/wal/index.ts'
import { clusterId, headerOf, sampleState } from '../backup/support.ts'
import { exportFrames } from '../state/support.ts'
import { entries, hard } from '../wal/support.ts'
import { quorate, type Ended } from './harness.ts'

let cwd = ''

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'quorate-snapshot-'))
})

afterEach(() => {
  rmSync(cwd, { recursive: true })
})

/** A client that exports the sample state; after `failAt` frames the node is gone. */
async function exporting(failAt = Number.POSITIVE_INFINITY): Promise<object> {
  const { machine } = await sampleState()
  const frames = await exportFrames(machine)
  const header = { ...headerOf(machine), nodeId: 'n2' }
  return {
    exportSnapshot: async () => ({
      header,
      async *[Symbol.asyncIterator]() {
        for (const [at, bytes] of frames.entries()) {
          if (at >= failAt) throw new QuorateError('QUORATE_EXPORT_LOST', 'n2 is gone')
          yield bytes
        }
      },
    }),
  }
}

const run = (words: string, world: object = {}): Promise<Ended> =>
  quorate(words.split(' '), { cwd, ...world })

async function save(): Promise<Ended> {
  return await run('snapshot save b.snap -e a:1', { client: await exporting() })
}

describe('save', () => {
  test('writes one file, and says what is in it', async () => {
    const ended = await save()
    expect(ended.code).toBe(0)
    expect(ended.stdout).toMatch(
      /^b\.snap: 3 records and 3 tokens at revision 3, index \d+ \(\d+(\.\d KiB| B)\)\n$/,
    )
    expect(readdirSync(cwd)).toEqual(['b.snap'])
    expect(ended.closed).toBe(true)
    // One endpoint that is named is the node that is read.
    expect(ended.connected?.options.pin).toBe(true)
    const several = await run('snapshot save c.snap -e a:1,b:1', { client: await exporting() })
    expect(several.connected?.options.pin).toBeUndefined()
  })

  test('of a node that goes leaves nothing, and what was there stays', async () => {
    const failed = await run('snapshot save b.snap -e a:1', { client: await exporting(1) })
    expect(failed.code).toBe(5)
    expect(failed.stderr).toContain('n2 is gone')
    expect(readdirSync(cwd)).toEqual([])
    await save()
    const before = readFileSync(join(cwd, 'b.snap'))
    await run('snapshot save b.snap -e a:1', { client: await exporting(1) })
    expect(readFileSync(join(cwd, 'b.snap'))).toEqual(before)
    expect(readdirSync(cwd)).toEqual(['b.snap'])
  })
})

describe('verify and inspect', () => {
  test('of a whole file', async () => {
    await save()
    const verified = await run('snapshot verify b.snap')
    expect(verified).toMatchObject({ code: 0, stderr: '' })
    expect(verified.stdout).toMatch(/^whole: 3 records and 3 tokens at revision 3, index \d+\n$/)
    const inspected = await run('snapshot inspect b.snap -o json')
    const { fileBytes: _, ...document } = JSON.parse(inspected.stdout) as Record<string, unknown>
    expect(document).toMatchObject({
      schema: 1,
      file: 'b.snap',
      clusterId,
      historyId: clusterId,
      revision: 3,
      records: 3,
      tokens: 3,
      sessions: 1,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    const shown = await run('snapshot inspect b.snap')
    expect(shown.stdout).toContain(`cluster       ${clusterId}\n`)
  })

  test('of a damaged one end with 7, naming file and offset', async () => {
    await save()
    const bytes = readFileSync(join(cwd, 'b.snap'))
    for (const [name, damaged] of [
      ['flipped', Buffer.from(bytes).fill((bytes[60] ?? 0) ^ 1, 60, 61)],
      ['short', bytes.subarray(0, bytes.length - 9)],
      ['long', Buffer.concat([bytes, Buffer.from('x')])],
    ] as const) {
      writeFileSync(join(cwd, name), damaged)
      for (const command of ['verify', 'inspect']) {
        const ended = await run(`snapshot ${command} ${name}`)
        expect(ended).toMatchObject({ code: 7, stdout: '' })
        expect(ended.stderr).toMatch(
          new RegExp(`^error: ${join(cwd, name)} is damaged at byte \\d+`),
        )
        expect(ended.stderr).toContain('use another snapshot file')
      }
    }
  })

  test('of what is not there is a usage error', async () => {
    const ended = await run('snapshot verify b.snap')
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('there is no snapshot file')
  })
})

describe('restore', () => {
  const peers = '--peers n1=10.0.0.1:7201,n2=10.0.0.2:7201'

  test('makes the nodes of one new cluster', async () => {
    await save()
    const ids = new Set<unknown>()
    for (const id of ['n1', 'n2']) {
      const ended = await run(
        `snapshot restore b.snap --id ${id} --data-dir ${id} --cluster second ${peers} -o json`,
      )
      expect(ended.stderr).toBe('')
      expect(ended.code).toBe(0)
      const document = JSON.parse(ended.stdout) as Record<string, unknown>
      expect(document).toMatchObject({ schema: 1, id, revision: 1_000_003 })
      expect(document['clusterId']).not.toBe(clusterId)
      expect(document['historyId']).not.toBe(clusterId)
      ids.add(`${String(document['clusterId'])} ${String(document['historyId'])}`)
      const directory = await openDataDirectory({ disk: realDisk, path: join(cwd, id) })
      expect(directory.identity).toMatchObject({ nodeId: id, clusterName: 'second' })
      await directory.close()
    }
    expect(ids.size).toBe(1)
  })

  test('into a directory that was in use does not blame the file', async () => {
    await save()
    const words = `snapshot restore b.snap --id n1 --data-dir d --cluster second ${peers}`
    expect((await run(words)).code).toBe(0)
    rmSync(join(cwd, 'd/node.json'))
    const ended = await run(words)
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('node.json')
    expect(ended.stderr).not.toContain('snapshot file')
  })

  test('tells the next command', async () => {
    await save()
    const ended = await run(
      `snapshot restore b.snap --id n1 --data-dir d --cluster second ${peers}`,
    )
    expect(ended.stdout).toContain('it goes on at revision 1,000,003, in a new history')
    const { 1: own = '' } = /n1=([^,]+)/.exec(peers) ?? []
    expect(own).not.toBe('')
    expect(ended.stderr).toContain(
      `quorate node start --data-dir ${join(cwd, 'd')} --client-listen <host:port> ` +
        `--peer-listen ${own}\n`,
    )
    const again = await run(
      `snapshot restore b.snap --id n1 --data-dir d --cluster second ${peers}`,
    )
    expect(again.code).toBe(1)
    expect(again.stderr).toContain('QUORATE_ALREADY_INITIALISED')
  })

  test('of a damaged file makes nothing', async () => {
    await save()
    const bytes = readFileSync(join(cwd, 'b.snap'))
    writeFileSync(join(cwd, 'b.snap'), bytes.subarray(0, bytes.length - 1))
    const ended = await run(
      `snapshot restore b.snap --id n1 --data-dir d --cluster second ${peers}`,
    )
    expect(ended.code).toBe(7)
    expect(existsSync(join(cwd, 'd'))).toBe(false)
  })

  test.each([
    `snapshot restore b.snap --data-dir d --cluster c ${peers}`,
    `snapshot restore b.snap --id n1 --cluster c ${peers}`,
    `snapshot restore b.snap --id n1 --data-dir d ${peers}`,
    'snapshot restore b.snap --id n1 --data-dir d --cluster c',
    `snapshot restore b.snap --id n3 --data-dir d --cluster c ${peers}`,
    `snapshot restore b.snap --id n1 --data-dir d --cluster c ${peers} --clients n9=a:1`,
    `snapshot restore --id n1 --data-dir d --cluster c ${peers}`,
    `snapshot restore b.snap --from x --id n1 --data-dir d --cluster c ${peers}`,
    'snapshot restore --force-new-cluster --data-dir d --yes',
    'snapshot restore --force-new-cluster --from x --yes',
    'snapshot restore --force-new-cluster --from x --data-dir d --yes --clients n1=a:1',
    'snapshot restore b.snap --force-new-cluster --from x --data-dir d --yes',
    `snapshot restore --force-new-cluster --from x --data-dir d --yes ${peers}`,
  ])('%s is a usage error', async (words) => {
    const ended = await run(words)
    expect(ended.code).toBe(2)
    expect(readdirSync(cwd)).toEqual([])
  })
})

describe('the last resort', () => {
  /** A survivor whose log has entries 1 to 20, of which it knows 12 to be committed. */
  async function survivor(): Promise<void> {
    const path = join(cwd, 'old')
    await initialise({
      disk: realDisk,
      random: realRandom,
      path,
      nodeId: 'n3',
      clusterName: 'first',
      members: ['n1', 'n2', 'n3'].map((id, i) => ({ id, peerAddress: `10.0.0.${i + 1}:7201` })),
      segmentBytes: 64 * 1024,
    })
    const opened = await openDataDirectory({ disk: realDisk, path })
    const { groupDirectory: directory, logIdentity } = opened
    const { log } = await LogStore.open({
      disk: realDisk,
      directory,
      identity: logIdentity,
      segmentBytes: 64 * 1024,
    })
    const made = entries(1, 20, 3, 0).map((entry) => ({ ...entry, kind: 'noop' as const }))
    await log.persist({ entries: made, hardState: hard(3, 'n1', 12), mustSync: true })
    await log.close()
    const database = await openStateDatabase(`${directory}/${stateDirectoryName(1)}`)
    await database.close()
    await new StatePointer({ disk: realDisk, directory }).switchTo(1)
    await opened.close()
  }

  const words = 'snapshot restore --force-new-cluster --from old --data-dir new --cluster second'

  test('says what may be lost, and does nothing without --yes', async () => {
    await survivor()
    const ended = await run(words)
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('ends at entry 20, of which it knows 12 to be committed')
    expect(ended.stderr).toContain('what it has not applied of the 8 behind that is left out')
    expect(ended.stderr).toContain('needs --yes')
    expect(existsSync(join(cwd, 'new'))).toBe(false)
  })

  test('makes a cluster of one, of what was certain', async () => {
    await survivor()
    const ended = await run(`${words} --yes -o json`)
    expect(ended.code).toBe(0)
    expect(JSON.parse(ended.stdout)).toMatchObject({
      schema: 1,
      id: 'n3',
      appliedIndex: 12,
      commitIndex: 12,
      logLastIndex: 20,
      unappliedEntries: 8,
      index: 1_000_012,
    })
    const directory = await openDataDirectory({ disk: realDisk, path: join(cwd, 'new') })
    expect(directory.identity.members).toEqual([{ id: 'n3', peerAddress: '10.0.0.3:7201' }])
    await directory.close()
  })

  test('says of a survivor that has lost what it acknowledged', async () => {
    await survivor()
    const directory = join(cwd, 'old/groups/0')
    await new Recovering({ disk: realDisk, directory }).mark(3)
    const told = await run(words)
    expect(told.stderr).toContain('it has not got back what it had acknowledged')
    const ended = await run(`${words} --yes`)
    expect(ended.stdout).toContain('it had lost acknowledged entries with a damaged log')
    expect(ended.stdout).not.toContain('are left out')
  })

  test('says how far a damaged log can be read, and that nothing is left to go on from', async () => {
    await survivor()
    const file = join(cwd, 'old/groups/0/wal/0000000001.wal')
    const bytes = readFileSync(file)
    bytes[600] = (bytes[600] ?? 0) ^ 1
    writeFileSync(file, bytes)
    const told = await run(words)
    expect(told.stderr).toContain('its log can be read up to entry 0, of which it knows 0')
    expect(told.stderr).toContain(`${file} is damaged`)
    const ended = await run(`${words} --yes`)
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('QUORATE_CORRUPT')
    expect(ended.stderr).toContain('is known to be committed, and its log is damaged')
    expect(existsSync(join(cwd, 'new'))).toBe(false)
  })

  test('refuses while the survivor runs', async () => {
    await survivor()
    const held = await openDataDirectory({ disk: realDisk, path: join(cwd, 'old') })
    const ended = await run(`${words} --yes`)
    await held.close()
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain('QUORATE_LOCKED')
  })

  test('is not begun once it was interrupted', async () => {
    await survivor()
    const ended = await run(`${words} --yes`, { signal: AbortSignal.abort() })
    expect(ended).toMatchObject({ stdout: '', stderr: '' })
    expect(existsSync(join(cwd, 'new'))).toBe(false)
    expect((await run(`${words} --yes`)).code).toBe(0)
  })
})

test.each([
  'snapshot verify b.snap',
  'snapshot inspect b.snap',
  'snapshot restore b.snap --id n1 --data-dir d --cluster c --peers n1=10.0.0.1:7201',
])('%s ends when it is interrupted', async (words) => {
  await save()
  const ended = await run(words, { signal: AbortSignal.abort() })
  expect(ended).toMatchObject({ stdout: '', stderr: '' })
  expect(ended.code).not.toBe(0)
  expect(readdirSync(cwd)).toEqual(['b.snap'])
  expect((await run(words)).code).toBe(0)
})
