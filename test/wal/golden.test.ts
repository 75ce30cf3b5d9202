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
  expect(await new StatePointer({ disk, directory: group }).read()).toBe(1)
})
