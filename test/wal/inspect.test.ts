/**
 * Goal: whoever looks at a log sees what a start would see, the first damage with file and offset
 * included, and changes nothing.
 * Method: a log with everything in it, whole, cut short in every way that a crash can, and with
 * every sector and many bits damaged; what is told is held against what `LogStore.open` says.
 */
import { describe, expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import type { Entry } from '../../src/raft/types.ts'
import { inspectLog, LogStore, type LogItem } from '../../src/wal/index.ts'
import type { MemoryDisk } from '../suites/memory-disk.ts'
import { diskWith, entry, hard, identity, otherIncarnation, refusal } from './support.ts'

const group = 'data/groups/0'
const segment = (n: number): string => `${group}/wal/${String(n).padStart(10, '0')}.wal`

function options(disk: MemoryDisk) {
  return { disk, directory: group, identity, segmentBytes: 3072 }
}

const large = (index: number, term: number): Entry => entry(index, term, 1300)

/** Four segments, the first of which is compacted away; segment 4 was overwritten into. */
async function filled(): Promise<MemoryDisk> {
  const disk = await diskWith(group)
  await LogStore.create(options(disk))
  const { log: store } = await LogStore.open(options(disk))
  const config: Entry = { ...entry(2, 1, 9), kind: 'config' }
  await store.persist({ hardState: hard(1, 'n1'), entries: [large(1, 1)], mustSync: true })
  await store.persist({ entries: [config, large(3, 1)], mustSync: true })
  await store.persist({ hardState: hard(2, 'n2', 2), entries: [large(3, 2)], mustSync: true })
  await store.persist({ entries: [large(4, 2)], mustSync: true })
  await store.compact(1)
  await store.close()
  return disk
}

async function inspect(disk: MemoryDisk, owner?: typeof identity): Promise<LogItem[]> {
  const items: LogItem[] = []
  const before = disk.changes
  for await (const item of inspectLog({ disk, directory: group, identity: owner })) items.push(item)
  expect(disk.changes - before).toBe(countOpens(disk))
  return items
}

/** Opening for reading is counted as a change, since opening may create. */
let opens = 0
function countOpens(disk: MemoryDisk): number {
  const now = disk.counts.get('open') ?? 0
  const since = now - opens
  opens = now
  return since
}

async function fresh(disk: MemoryDisk): Promise<MemoryDisk> {
  const copy = disk.clone()
  opens = 0
  return copy
}

describe('inspect', () => {
  test('tells all that is in a log, in order', async () => {
    const disk = await fresh(await filled())
    const items = await inspect(disk, identity)
    const told = items.map((item) =>
      item.type === 'record' ? `${item.kind} ${item.index}/${item.term}` : item.type,
    )
    expect(told).toEqual([
      'segment',
      'flush',
      'config 2/1',
      'commands 3/1',
      'flush',
      'seal 3/0',
      'segment',
      'flush',
      'hardState 2/2',
      'commands 3/2',
      'flush',
      'seal 4/0',
      'segment',
      'flush',
      'commands 4/2',
    ])
    expect(items[0]).toEqual({
      type: 'segment',
      file: segment(2),
      segmentNumber: 2,
      base: { index: 1, term: 1 },
      bytes: 3072,
      sealed: true,
    })
    expect(items[1]).toMatchObject({ offset: 512, bytes: 1536, flushNumber: 3 })
    expect(items.findLast((item) => item.type === 'segment')).toMatchObject({
      segmentNumber: 4,
      base: { index: 3, term: 2 },
      sealed: false,
    })
    expect(items.find((item) => item.type === 'record' && item.kind === 'hardState')).toMatchObject(
      { votedFor: 'n2', file: segment(3), offset: 512 + 64 },
    )
  })

  test('tells whose log it must be, if asked', async () => {
    const disk = await fresh(await filled())
    const other = { ...identity, incarnation: otherIncarnation }
    const { length } = await inspect(disk)
    expect(length).toBe(15)
    expect(await inspect(disk, other)).toEqual([
      {
        type: 'damage',
        file: segment(4),
        offset: 72,
        what: 'the segment belongs to another incarnation of the node',
      },
    ])
  })

  test('ends with the very damage that a start refuses', async () => {
    const disk = await filled()
    const paths = disk.paths().filter((path) => path.endsWith('.wal'))
    let damaged = 0
    for (const path of paths) {
      for (let sector = 0; sector < 6; sector++) {
        const copy = await fresh(disk)
        // Half a sector: not what power leaves, but for the last flush.
        copy.damage(path, new Uint8Array(256).fill(0x5a), sector * 512)
        const items = await inspect(copy)
        const started = await LogStore.open(options(copy)).then(
          ({ log }) => log.close(),
          (error: unknown) => error,
        )
        const last = items.at(-1)
        if (last?.type !== 'damage') {
          expect(started).toBeUndefined()
          continue
        }
        damaged++
        expect(items.filter((item) => item.type === 'damage').length).toBe(1)
        if (!(started instanceof QuorateError)) throw new Error('the start found no damage')
        const { file, offset, what } = last
        expect(started.message).toBe(`${file} is damaged at byte ${offset}: ${what}`)
        expect(started.details).toEqual({ file, offset })
      }
    }
    expect(damaged).toBeGreaterThan(12)
  })

  test('tells a torn flush, and what the next start removes', async () => {
    const whole = await filled()
    const torn = await fresh(whole)
    torn.zeroSector(segment(4), 3)
    torn.plant(`${group}/wal/0000000005.wal.tmp`, new Uint8Array(9))
    const items = await inspect(torn)
    expect(items[0]).toEqual({ type: 'leftover', file: `${group}/wal/0000000005.wal.tmp` })
    expect(items.at(-1)).toEqual({ type: 'torn', file: segment(4), offset: 512, bytes: 1536 })
  })

  test('tells what a cut compaction, rotation or reset left', async () => {
    const passedOver = await fresh(await filled())
    // Behind segment 3 stands an entry 3 that was overwritten there: the log begins later.
    passedOver.unplant(segment(2))
    expect((await inspect(passedOver)).map((item) => item.type)).toEqual([
      'leftover',
      'segment',
      'flush',
      'record',
    ])
    const disk = await filled()
    const { log: store } = await LogStore.open(options(disk))
    disk.fail({ operation: 'write', nth: 2, error: 'kill' })
    await refusal(store.persist({ entries: [large(5, 2)], mustSync: true }))
    disk.crash({ keepUnsynced: 'none' })
    const unused = await fresh(disk)
    expect((await inspect(unused)).at(-1)).toEqual({ type: 'leftover', file: segment(5) })

    const old = disk.peek(segment(2))
    const { log: again } = await LogStore.open(options(disk))
    await again.reset({ index: 9, term: 2 })
    await again.close()
    disk.plant(segment(2), old)
    const reset = await fresh(disk)
    expect((await inspect(reset)).map((item) => item.type)).toEqual(['leftover', 'segment'])
  })

  test('tells where log and vote file contradict each other', async () => {
    const disk = await filled()
    const vote = disk.peek(`${group}/vote`)
    const { log: store } = await LogStore.open(options(disk))
    for (const term of [3, 4]) {
      await store.persist({ hardState: hard(term, 'n1', 2), entries: [], mustSync: true })
    }
    await store.close()
    const newer = disk.peek(`${group}/vote`)
    disk.plant(`${group}/vote`, vote)
    expect((await inspect(await fresh(disk))).at(-1)?.type).toBe('record')
    const older = await fresh(await filled())
    older.plant(`${group}/vote`, newer)
    // The vote was saved when a flush was durable that this log does not have.
    expect((await inspect(older)).at(-1)).toMatchObject({ type: 'damage', file: segment(4) })
  })

  test('of a directory without a log is damage, of a newer format a refusal', async () => {
    const disk = await diskWith(`${group}/wal`)
    opens = 0
    expect(await inspect(disk)).toEqual([
      {
        type: 'damage',
        file: segment(1),
        offset: 0,
        what: 'the segment is missing: the log is gone',
      },
    ])
    const newer = await fresh(await filled())
    const { crc32 } = await import('node:zlib')
    const bytes = newer.peek(segment(4))
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    view.setUint32(12, 3, true)
    view.setUint32(8, crc32(bytes.subarray(12, 512)), true)
    newer.plant(segment(4), bytes)
    const refused = await refusal(inspect(newer))
    expect(refused.code).toBe('QUORATE_FORMAT_TOO_NEW')
    expect(refused.message).toContain('start the newer version')
  })
})
