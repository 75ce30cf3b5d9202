// Goal: files and directories are found, named, ordered and judged as the command promises.
// Method: small histories in a directory of their own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { checkFiles, type CheckedFile } from '../../../jepsen-style/check/index.ts'

const root = mkdtempSync(join(tmpdir(), 'quorate-check-'))
afterAll(() => rmSync(root, { recursive: true }))

const lines = (f: string, value: unknown): string =>
  `{"process":0,"type":"invoke","f":"${f}"}\n` +
  `{"process":0,"type":"ok","f":"${f}","value":${JSON.stringify(value)}}\n`

let directories = 0
function directory(files: Readonly<Record<string, string>>): string {
  const path = join(root, `${directories++}`)
  mkdirSync(path)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

describe('a directory', () => {
  test('is judged in the order of names, as its VERDICTS.json says', async () => {
    const verdicts = {
      'b.jsonl': { model: 'cas-register', linearizable: true },
      'a.jsonl': { model: 'kv-append', linearizable: false },
    }
    const path = directory({
      'b.jsonl': lines('read', null),
      'a.jsonl': lines('get', 'x'),
      'c.jsonl': lines('read', 4),
      'notes.txt': 'none',
      'VERDICTS.json': JSON.stringify(verdicts),
    })
    const told: CheckedFile[] = []
    const files = await checkFiles([path], { onFile: (file) => told.push(file) })

    expect(told).toEqual(files)
    expect(files).toMatchObject([
      { file: 'a.jsonl', model: 'kv-append', verdict: 'not', expected: 'not' },
      { file: 'b.jsonl', model: 'cas-register', verdict: 'linearizable', expected: 'linearizable' },
      { file: 'c.jsonl', model: 'cas-register', verdict: 'not' },
    ])
    expect(files[2]?.text).toContain('line 1')
    expect(files[2]).not.toHaveProperty('expected')
    for (const { seconds } of files) expect(seconds).toBeGreaterThanOrEqual(0)
  })

  test('beside another one has its name before those of its files', async () => {
    const one = directory({ 'history.jsonl': lines('read', null) })
    const other = directory({ 'history.jsonl': lines('read', 1) })
    const files = await checkFiles([one, other])

    expect(files).toMatchObject([
      { file: join(one, 'history.jsonl'), verdict: 'linearizable' },
      { file: join(other, 'history.jsonl'), verdict: 'not' },
    ])
  })

  test.each<[string, Record<string, string>, string]>([
    ['without a history', { 'a.txt': '' }, 'holds no .jsonl file'],
    ['whose VERDICTS.json is none', { 'VERDICTS.json': '{' }, 'is not JSON'],
    ['whose VERDICTS.json is a list', { 'VERDICTS.json': '[]' }, 'no JSON object'],
    [
      'whose VERDICTS.json lacks a verdict',
      { 'VERDICTS.json': '{"a.jsonl":{"model":"x"}}' },
      'of a.jsonl it must say',
    ],
    [
      'that lacks a file that is judged',
      { 'VERDICTS.json': '{"a.jsonl":{"model":"x","linearizable":true}}', 'b.jsonl': '' },
      'names a.jsonl, which is not there',
    ],
  ])('%s is refused', async (_what, files, why) => {
    await expect(checkFiles([directory(files)])).rejects.toThrow(why)
  })
})

describe('a file', () => {
  test('of nothing is linearizable, and it is said that this shows nothing', async () => {
    const path = directory({ 'a.jsonl': '', 'b.jsonl': lines('read', null) })
    const files = await checkFiles([path])
    expect(files).toMatchObject([{ verdict: 'linearizable' }, { verdict: 'linearizable' }])
    expect(files.map(({ text }) => text)).toEqual([
      'it holds no call that tells anything: any store passes',
      undefined,
    ])
  })

  test('is named as it was given, and finds the verdict beside it', async () => {
    const known = { 'a.jsonl': { model: 'cas-register', linearizable: true } }
    const path = join(
      directory({ 'a.jsonl': lines('read', null), 'VERDICTS.json': JSON.stringify(known) }),
      'a.jsonl',
    )

    expect(await checkFiles([path])).toMatchObject([{ file: path, expected: 'linearizable' }])
  })

  test('takes the model that is asked for', async () => {
    const path = join(directory({ 'a.jsonl': lines('read', null) }), 'a.jsonl')

    expect(await checkFiles([path], { model: 'quorate' })).toMatchObject([{ model: 'quorate' }])
    await expect(checkFiles([path], { model: 'kv-append' })).rejects.toThrow(
      'a.jsonl, line 1: kv-append has get, put and append, not read',
    )
    await expect(checkFiles([path], { model: 'none' })).rejects.toThrow('there is no model none')
  })

  test('of no known model is refused', async () => {
    const path = join(directory({ 'a.jsonl': lines('transfer', null) }), 'a.jsonl')

    await expect(checkFiles([path])).rejects.toMatchObject({ code: 'QUORATE_USAGE' })
  })
})
