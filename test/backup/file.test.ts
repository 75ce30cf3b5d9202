/**
 * Goal: a snapshot file is there whole or not at all, and one that is not what was written is
 * refused, with file and offset.
 *
 * Method: files on a disk in memory. Every bit of one is flipped, every length cut, things appended
 * and changed under the compression; saving is failed and cut off at every change of the disk.
 */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { inspectSnapshot, saveSnapshot, verifySnapshot } from '../../src/backup/index.ts'
import type { SaveProgress, SnapshotHeader } from '../../src/backup/index.ts'
import { QuorateError } from '../../src/errors.ts'
import { SeededRandom } from '../../src/random.ts'
import { Driver, exportFrames, openMachine, put } from '../state/support.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import { MemoryDisk } from '../suites/memory-disk.ts'
import {
  clusterId,
  failureOf,
  headerOf,
  rewritten,
  sampleState,
  sourceFrom,
  sourceOf,
  time,
} from './support.ts'

const file = 'backups/monday'
const random = new SeededRandom(1)

async function newDisk(): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  await disk.makeDirectory('backups')
  await disk.syncDirectory('.')
  return disk
}

/** A disk with a file of the sample state, and the file's bytes. */
async function saved() {
  const disk = await newDisk()
  const { machine } = await sampleState()
  const result = await saveSnapshot({ disk, random, file, source: await sourceOf(machine) })
  return { disk, machine, result, bytes: Uint8Array.from(disk.peek(file)) }
}

async function expectRefused(bytes: Uint8Array, code = 'QUORATE_CORRUPT'): Promise<QuorateError> {
  const disk = await newDisk()
  disk.plant(file, bytes)
  const failure = await failureOf(verifySnapshot({ disk, file }))
  expect(failure.code).toBe(code)
  expect(failure.details.file).toBe(file)
  expect(failure.details.offset).toBeGreaterThanOrEqual(0)
  return failure
}

describe('a snapshot file', () => {
  test('holds what was exported, under its own name alone', async () => {
    const { disk, machine, result, bytes } = await saved()
    expect(disk.paths()).toEqual([file])
    expect(result.fileBytes).toBe(bytes.length)
    const info = await verifySnapshot({ disk, file })
    expect(info).toEqual({ header: result.header, summary: result.summary })
    expect(info.header).toEqual(headerOf(machine))
    expect(info.summary).toMatchObject({ records: 3, tokens: 3, sessions: 1, revision: 3 })
    expect(await inspectSnapshot({ disk, file })).toEqual({ ...info, fileBytes: bytes.length })
    disk.crash({ keepUnsynced: 'none' })
    expect(await verifySnapshot({ disk, file })).toEqual(info)
  })

  test('is the same file for the same state, and takes the place of an older one', async () => {
    const { disk, bytes, machine } = await saved()
    await saveSnapshot({ disk, random, file, source: await sourceOf(machine) })
    expect(Buffer.compare(disk.peek(file), bytes)).toBe(0)
    expect(disk.paths()).toEqual([file])
  })

  test('of megabytes goes through in frames, and tells how far it is', async () => {
    const driver = new Driver(await openMachine(await new MemoryDatabase().open()), time)
    for (let i = 0; i < 20; i++) {
      // Such as gzip makes little of.
      const value = Array.from({ length: 20_000 }, (_, n) => ((n * n * 31 + i) % 9973).toString(36))
      driver.write(put(`k${i}`, value.join('')))
      await driver.machine.drained()
    }
    const disk = await newDisk()
    const written: SaveProgress[] = []
    const read: SaveProgress[] = []
    const source = await sourceOf(driver.machine)
    const result = await saveSnapshot({
      disk,
      random,
      file,
      source,
      onProgress: (progress) => written.push(progress),
    })
    const onProgress = (progress: SaveProgress): unknown => read.push(progress)
    const { summary } = await verifySnapshot({ disk, file, onProgress })
    expect(summary).toEqual(result.summary)
    expect(written.length).toBeGreaterThan(5)
    expect(written.at(-1)!.bytes).toBeGreaterThan(summary.bytes)
    expect(read).toEqual(written)
  })
})

describe('a file that is not what was written is refused', () => {
  test('with one bit flipped anywhere, unless it still unzips to the very same bytes', async () => {
    const { disk, bytes } = await saved()
    const info = await verifySnapshot({ disk, file })
    let harmless = 0
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      disk.flipBit(file, bit)
      const outcome: unknown = await verifySnapshot({ disk, file }).catch((error: unknown) => error)
      disk.flipBit(file, bit)
      if (outcome instanceof QuorateError) {
        expect(['QUORATE_CORRUPT', 'QUORATE_FORMAT_TOO_NEW']).toContain(outcome.code)
        expect(outcome.details.file).toBe(file)
        expect(outcome.details.offset).toBeGreaterThanOrEqual(0)
      } else {
        // A few bits of compressed data mean nothing, such as the padding of its last byte.
        harmless++
        expect(outcome).toEqual(info)
      }
    }
    expect(harmless).toBeLessThan(bytes.length / 8)
  })

  test('cut at any byte', async () => {
    const { bytes } = await saved()
    for (let length = 0; length < bytes.length; length++) {
      await expectRefused(bytes.subarray(0, length))
    }
  })

  test('with anything behind it', async () => {
    const { bytes } = await saved()
    const tails = [Uint8Array.of(0), Uint8Array.of(1), new Uint8Array(100_000), bytes]
    for (const tail of tails) await expectRefused(Buffer.concat([bytes, tail]))
    const failure = await expectRefused(Buffer.concat([bytes, Uint8Array.of(0)]))
    expect(failure.details.offset).toBe(bytes.length)
    // At the end of a chunk that is read at once, too.
    const padded = Buffer.concat([bytes, new Uint8Array(65_536 * 2)])
    await expectRefused(padded)
  })

  test('with frames, lengths or a head that were changed under the compression', async () => {
    const { bytes, machine } = await saved()
    const head = (header: object): Uint8Array =>
      rewritten(bytes, (plain) => {
        const second = plain.indexOf(10, plain.indexOf(10) + 1)
        const line = `quorate snapshot\n${JSON.stringify(header)}`
        return Buffer.concat([Buffer.from(line), plain.subarray(second)])
      })
    const fields = ({ snapshot, ...rest }: SnapshotHeader): object => ({
      clusterId,
      clusterTime: rest.clusterTime,
      format: 1,
      historyId: rest.historyId,
      revision: rest.revision,
      snapshot: { index: snapshot.index, term: snapshot.term },
    })
    const good = headerOf(machine)
    const disk = await newDisk()
    disk.plant(file, head(fields(good)))
    expect((await verifySnapshot({ disk, file })).header).toEqual(good)

    await expectRefused(head({ ...fields(good), format: 2 }), 'QUORATE_FORMAT_TOO_NEW')
    await expectRefused(head({ ...fields(good), more: 1 }))
    await expectRefused(head({ ...fields(good), clusterId: 'x' }))
    await expectRefused(head(good))
    await expectRefused(head([]))
    for (const wrong of [
      { ...good, revision: good.revision + 1 },
      { ...good, clusterTime: 5 },
      { ...good, historyId: '0'.repeat(32) },
      { ...good, snapshot: { ...good.snapshot, term: 2 } },
    ]) {
      await expectRefused(head(fields(wrong)))
    }
    await expectRefused(rewritten(bytes, (plain) => Buffer.concat([plain, Uint8Array.of(0)])))
    await expectRefused(rewritten(bytes, (plain) => plain.subarray(0, -1)))
    await expectRefused(rewritten(bytes, (plain) => plain.subarray(5)))
    await expectRefused(rewritten(bytes, () => Buffer.alloc(100_000, 'x')))
    const second = (plain: Buffer): number => plain.indexOf(10, plain.indexOf(10) + 1) + 1
    await expectRefused(
      rewritten(bytes, (plain) => (plain.writeUInt32BE(1e9, second(plain)), plain)),
    )
  })

  test('or is no snapshot, or is not there', async () => {
    await expectRefused(new Uint8Array(0))
    await expectRefused(Buffer.from('a text'))
    await expectRefused(gzipSync('a text'))
    await expectRefused(rewritten(gzipSync('a\ntext'), (plain) => plain))
    const missing = await failureOf(verifySnapshot({ disk: await newDisk(), file }))
    expect(missing.code).toBe('QUORATE_USAGE')
  })
})

describe('saving', () => {
  test('leaves nothing, and the older file, where the source breaks off or sends something else', async () => {
    const { disk, machine, bytes } = await saved()
    const frames = await exportFrames(machine)
    const header = headerOf(machine)
    const lost = new QuorateError('QUORATE_CONNECTION_LOST', 'the node went')
    const bad = Uint8Array.from(frames[1]!, (byte, i) => byte ^ +(i === 40))
    const attempts = [
      [sourceFrom(header, [...frames.slice(0, 2), lost]), lost.code],
      [sourceFrom(header, frames.slice(0, -1)), 'QUORATE_CORRUPT'],
      [sourceFrom(header, frames.with(1, bad)), 'QUORATE_CORRUPT'],
      [sourceFrom(header, [...frames, frames[0]!]), 'QUORATE_CORRUPT'],
      [sourceFrom({ ...header, revision: 1 }, frames), 'QUORATE_CORRUPT'],
      [sourceFrom({ ...header, historyId: '1'.repeat(32) }, frames), 'QUORATE_CORRUPT'],
      [sourceFrom(header, []), 'QUORATE_CORRUPT'],
    ] as const
    for (const [source, code] of attempts) {
      const failure = await failureOf(saveSnapshot({ disk, random, file, source }))
      expect(failure.code).toBe(code)
      expect(disk.paths()).toEqual([file])
      expect(Buffer.compare(disk.peek(file), bytes)).toBe(0)
    }
  })

  test('leaves the older file where the disk fails, and the older or the newer one after a power cut', async () => {
    const older = await saved()
    const driver = older.machine
    const more = new Driver(driver, time)
    more.write(put('d', 'd'))
    const source = await sourceOf(driver)
    for (const error of ['EIO', 'ENOSPC', 'kill'] as const) {
      let ended = false
      for (let nth = 1; !ended; nth++) {
        const disk = older.disk.clone()
        disk.fail({ operation: 'change', nth, error })
        const outcome = await saveSnapshot({ disk, random, file, source }).then(
          () => 'saved',
          (failure: unknown) => (failure instanceof QuorateError ? failure.code : 'other'),
        )
        ended = outcome === 'saved'
        if (!ended) expect(outcome).toBe('QUORATE_STORAGE')
        disk.crash({ keepUnsynced: 'none' })
        const { header } = await verifySnapshot({ disk, file })
        if (ended) expect(header.revision).toBe(driver.revision)
        else expect([older.result.header.revision, driver.revision]).toContain(header.revision)
        expect(nth).toBeLessThan(50)
      }
    }
  })
})
