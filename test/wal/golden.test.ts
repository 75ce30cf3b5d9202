/**
 * Goal: the formats on disk do not change unnoticed: files written by an older build must be read.
 * Method: each file as hex text in `testdata`; it must be what is written today, and must be read.
 * `UPDATE=1` rewrites them, to be reviewed as a change of the format.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SeededRandom } from '../../src/random.ts'
import {
  initialise,
  LogStore,
  openDataDirectory,
  PeerIncarnations,
  StatePointer,
} from '../../src/wal/index.ts'
import { MemoryDisk } from '../suites/memory-disk.ts'
import { entries, entry, hard, short } from './support.ts'

const path = 'n1'
const group = `${path}/groups/0`

function goldenFile(name: string): URL {
  return new URL(`testdata/${name.replaceAll('/', '.')}.hex`, import.meta.url)
}

/** Offset, then 16 bytes a line; a run of zero lines is left out, as `hexdump` does. */
function toText(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const line = Buffer.from(bytes.subarray(at, at + 16)).toString('hex')
    if (/[^0]/.test(line)) lines.push(`${at.toString(16).padStart(8, '0')} ${line}`)
  }
  return `${bytes.length}\n${lines.join('\n')}\n`
}

function fromText(text: string): Uint8Array {
  const [length, ...lines] = text.trimEnd().split('\n')
  const bytes = new Uint8Array(Number(length))
  for (const line of lines) {
    const [offset = '', hex = ''] = line.split(' ')
    bytes.set(Buffer.from(hex, 'hex'), Number.parseInt(offset, 16))
  }
  return bytes
}

const log = [
  ...entries(1, 2, 1, 20),
  { ...entry(3, 2, 0), kind: 'noop' as const },
  { ...entry(4, 2, 9), kind: 'config' as const },
  entry(5, 3, 1200),
]

const compacted = 'compacted/groups/0'

async function write(): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  await initialise({
    disk,
    path,
    random: new SeededRandom(7),
    nodeId: 'n1',
    clusterName: 'golden',
    segmentBytes: 2048,
    members: [
      { id: 'n1', peerAddress: '127.0.0.1:7201', clientAddress: '127.0.0.1:7101' },
      { id: 'n2', peerAddress: '127.0.0.1:7202' },
    ],
  })
  const data = await openDataDirectory({ disk, path })
  const options = { disk, directory: group, identity: data.logIdentity, segmentBytes: 2048 }
  const { log: store } = await LogStore.open(options)
  await store.persist({ hardState: hard(1, 'n1'), entries: log.slice(0, 2), mustSync: true })
  await store.persist({ hardState: hard(2, 'n2', 2), entries: log.slice(2, 4), mustSync: true })
  await store.persist({ hardState: hard(3, undefined, 4), entries: log.slice(4), mustSync: true })
  await store.close()
  await (await PeerIncarnations.open({ disk, directory: group })).pin('n2', '5a'.repeat(16))
  await new StatePointer({ disk, directory: group }).switchTo(1)
  await data.close()
  return disk
}

test('what is written is what was always written', async () => {
  const disk = await write()
  expect(disk.paths().length).toBe(6)
  for (const file of disk.paths()) {
    const text = toText(disk.peek(file))
    if (process.env['UPDATE'] === '1') writeFileSync(goldenFile(file), text)
    expect(text, file).toBe(readFileSync(goldenFile(file), 'utf8'))
  }
})

test('what was always written is read', async () => {
  const disk = await write()
  for (const file of disk.paths()) {
    disk.plant(file, fromText(readFileSync(goldenFile(file), 'utf8')))
  }
  const data = await openDataDirectory({ disk, path })
  const options = { disk, directory: group, identity: data.logIdentity }
  const { recovered } = await LogStore.open(options)
  expect(short(recovered.tail)).toEqual(short(log))
  expect(recovered.hardState).toEqual(hard(3, undefined, 4))
  expect(data.identity.nodeId).toBe('n1')
  const pins = await PeerIncarnations.open({ disk, directory: group })
  expect(await pins.pin('n2', '5a'.repeat(16))).toBe('same')
  expect(await new StatePointer({ disk, directory: group }).read()).toEqual({
    generation: 1,
    snapshot: undefined,
  })
})

/** A restored node's log, compacted, and reset. */
async function writeOthers(): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  const clusterId = '0123456789abcdef0123456789abcdef'
  await initialise({
    disk,
    path: 'restored',
    random: new SeededRandom(8),
    nodeId: 'n1',
    clusterId,
    segmentBytes: 2048,
    members: [{ id: 'n1', peerAddress: '127.0.0.1:7201' }],
    base: { entry: { index: 1_000_041, term: 7 }, term: 9 },
  })
  await initialise({
    disk,
    path: 'joining',
    random: new SeededRandom(9),
    nodeId: 'n9',
    clusterId,
    joining: true,
    segmentBytes: 2048,
    members: [{ id: 'n1', peerAddress: '127.0.0.1:7201' }],
  })
  await disk.makeDirectory(compacted)
  const identity = { clusterId, groupId: 0, incarnation: '5a'.repeat(16) }
  const options = { disk, directory: compacted, identity, segmentBytes: 2048 }
  await LogStore.create(options)
  const { log: store } = await LogStore.open(options)
  await store.persist({ hardState: hard(1, 'n1'), entries: log.slice(0, 2), mustSync: true })
  await store.persist({ hardState: hard(3, 'n2', 2), entries: log.slice(2, 4), mustSync: true })
  await store.persist({ hardState: hard(3, 'n2', 4), entries: log.slice(4), mustSync: true })
  expect(await store.compact(5)).toEqual({ index: 4, term: 2 })
  await new StatePointer({ disk, directory: compacted }).switchTo(2, { index: 90, term: 3 })
  await store.reset({ index: 90, term: 3 })
  await store.close()
  return disk
}

const others = [
  'compacted/groups/0/current',
  'compacted/groups/0/wal/0000000003.wal',
  'joining/node.json',
  'restored/groups/0/vote',
  'restored/groups/0/wal/0000000001.wal',
  'restored/node.json',
]

test('logs that begin behind a base, and who they belong to, are written as they always were', async () => {
  const disk = await writeOthers()
  for (const file of others) {
    const text = toText(disk.peek(file))
    if (process.env['UPDATE'] === '1') writeFileSync(goldenFile(file), text)
    expect(text, file).toBe(readFileSync(goldenFile(file), 'utf8'))
  }
  expect(disk.paths().filter((name) => name.startsWith('compacted/groups/0/wal'))).toEqual([
    'compacted/groups/0/wal/0000000003.wal',
  ])
  const restored = await openDataDirectory({ disk, path: 'restored' })
  const directory = restored.groupDirectory
  const opened = await LogStore.open({ disk, directory, identity: restored.logIdentity })
  expect(opened.recovered).toMatchObject({
    base: { index: 1_000_041, term: 7 },
    hardState: hard(9, undefined, 1_000_041),
    lastIndex: 1_000_041,
  })
  expect(restored.identity.base).toEqual({ index: 1_000_041, term: 7 })
  expect((await openDataDirectory({ disk, path: 'joining' })).identity.joining).toBe(true)
  const pointer = new StatePointer({ disk, directory: compacted })
  expect(await pointer.read()).toEqual({ generation: 2, snapshot: { index: 90, term: 3 } })
})

test('a log of format version 1 is read, and goes on in version 2', async () => {
  const disk = await write()
  for (const number of [1, 2]) {
    const text = readFileSync(goldenFile(`v1.000000000${number}.wal`), 'utf8')
    disk.plant(`${group}/wal/000000000${number}.wal`, fromText(text))
  }
  const data = await openDataDirectory({ disk, path })
  const options = { disk, directory: group, identity: data.logIdentity, segmentBytes: 2048 }
  const opened = await LogStore.open(options)
  expect(short(opened.recovered.tail)).toEqual(short(log))
  expect(opened.recovered.hardState).toEqual(hard(3, undefined, 4))
  const more = entries(6, 7, 3, 900)
  for (const each of more) await opened.log.persist({ entries: [each], mustSync: true })
  await opened.log.close()

  const again = await LogStore.open(options)
  expect(short(again.recovered.tail)).toEqual(short([...log, ...more]))
  // Segments 3 and 4 say behind which entry they begin; segment 2 does not.
  expect(await again.log.compact(4)).toEqual({ index: 0, term: 0 })
  expect(await again.log.compact(5)).toEqual({ index: 5, term: 3 })
  await again.log.close()
  expect((await LogStore.open(options)).recovered.base).toEqual({ index: 5, term: 3 })
})
