// Goal: verdicts on recorded histories are those that are known. Method: the fixtures beside this
// file, and the whole collection where it lies beside the checkout, are checked as the command does.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkFiles, type CheckedFile } from '../../../jepsen-style/check/index.ts'

const fixtures = resolve(import.meta.dirname, 'fixtures')
const collection = resolve(import.meta.dirname, '../../../../shared/histories')

function judged(directory: string): Promise<readonly CheckedFile[]> {
  return checkFiles([directory], { explainMsMax: 0 })
}

describe('recorded histories', () => {
  test('of the fixtures get the verdicts that are known', async () => {
    const files = await judged(fixtures)

    expect(files.map(({ file }) => file)).toEqual([
      'jepsen_001.jsonl',
      'jepsen_002.jsonl',
      'jepsen_005.jsonl',
      'jepsen_057.jsonl',
      'jepsen_102.jsonl',
      'kv_c01-bad.jsonl',
      'kv_c01-ok.jsonl',
    ])
    for (const { file, verdict, expected } of files) expect(verdict, file).toBe(expected)
    expect(new Set(files.map(({ verdict }) => verdict))).toEqual(new Set(['linearizable', 'not']))
  })

  test.skipIf(!existsSync(collection))('of the whole collection, too', async () => {
    const files = await judged(collection)

    expect(files).toHaveLength(55)
    for (const { file, verdict, expected } of files) expect(verdict, file).toBe(expected)
  })

  if (!existsSync(collection)) console.log(`not there, so not tested: ${collection}`)
})
