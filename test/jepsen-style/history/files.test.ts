// Goal: what is written is what is read, and what cannot be read is told with its place. Method:
// files in a directory of their own.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { checkHistory } from '../../../jepsen-style/check/index.ts'
import {
  HistoryWriter,
  operationsOf,
  readHistory,
  type NewEvent,
} from '../../../jepsen-style/history/index.ts'

const directory = mkdtempSync(join(tmpdir(), 'quorate-history-'))
afterAll(() => rmSync(directory, { recursive: true }))

describe('a history in a file', () => {
  test('is read as it was written, with numbers', async () => {
    const path = join(directory, 'written.jsonl')
    const events = Array.from({ length: 5_000 }, (_, i): NewEvent => {
      return { process: i, type: 'invoke', f: 'write', value: 'ä€😀'.repeat(i % 50), time: i / 7 }
    })
    const writer = new HistoryWriter(path)
    for (const event of events) {
      writer.write(event)
      await writer.flushed()
    }
    await writer.close()

    expect(writer.length).toBe(5_000)
    expect(await readHistory(path)).toEqual(events.map((event, i) => ({ i, ...event })))
  })

  test('is never written over', async () => {
    const path = join(directory, 'kept.jsonl')
    writeFileSync(path, 'kept')
    const writer = new HistoryWriter(path)

    await expect(writer.close()).rejects.toThrow('EEXIST')
    expect(readFileSync(path, 'utf8')).toBe('kept')
  })

  test('may hold empty lines, and lack the last line end', async () => {
    const path = join(directory, 'gaps.jsonl')
    writeFileSync(
      path,
      '\n{"process":0,"type":"invoke","f":"read"}\n\n{"process":0,"type":"ok","f":"read"}',
    )

    expect((await readHistory(path)).map(({ i }) => i)).toEqual([1, 3])
  })

  test('is refused with the line of the file, past empty lines and whatever its numbers say', async () => {
    const path = join(directory, 'shifted.jsonl')
    const call = (f: string): string => `{"i":700,"process":0,"type":"invoke","f":"${f}"}\n`
    writeFileSync(path, `\n\n\n${call('read')}${call('read')}`)
    const twice = await readHistory(path)
    writeFileSync(path, `\n\n\n${call('transfer')}`)
    const strange = await readHistory(path)

    expect(() => operationsOf(twice, 'h')).toThrow('h, line 5: process 0: a second call')
    await expect(checkHistory(strange, { model: 'quorate', name: 'h' })).rejects.toThrow(
      'h, line 4: quorate has read',
    )
  })

  test.each([
    ['bytes.jsonl', Buffer.from([0x7b, 0xff, 0x7d]), 'x, line 1: not UTF-8'],
    [
      'cut.jsonl',
      Buffer.from('{"process":0,"type":"invoke","f":"read"}\n{"pro'),
      'x, line 2: not JSON',
    ],
    ['half.jsonl', Buffer.from([0x20, 0xe2, 0x82]), 'x, line 1: not UTF-8'],
  ])('%s is refused', async (name, bytes, why) => {
    const path = join(directory, name)
    writeFileSync(path, bytes)

    await expect(readHistory(path, 'x')).rejects.toThrow(why)
  })

  test('that is not there is told by its name', async () => {
    await expect(readHistory(join(directory, 'none'), 'none')).rejects.toMatchObject({
      code: 'QUORATE_USAGE',
      message: expect.stringContaining('none cannot be read'),
    })
  })
})
