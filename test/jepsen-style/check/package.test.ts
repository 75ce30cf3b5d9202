// Goal: what the command line loads is what it expects, and hard work done by threads gives the
// verdict that one thread gives. Method: the built package is loaded by its public name.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as built from 'quorate/check'
import { isCheckModule } from '../../../src/cli/harness.ts'
import { quorate } from '../../cli/harness.ts'
import type { HistoryEvent } from '../../../jepsen-style/check/index.ts'

test('the package’s own module is the one that the command expects', () => {
  expect(isCheckModule(built)).toBe(true)
  expect(isCheckModule({ modelNames: built.modelNames })).toBe(false)
  expect(built.modelNames()).toEqual(['cas-register', 'kv-append', 'quorate'])
})

/** Concurrent writes, and answers of which the last fits nowhere: all orders must be tried. */
function hard(key: string, process: number, writes: number): HistoryEvent[] {
  const calls = Array.from({ length: writes }, (_, i) => process + i)
  const reader = process + writes
  const of = (process: number, type: 'invoke' | 'ok', f: string, value: unknown): HistoryEvent => {
    return { i: 0, process, type, f, key, value }
  }
  return [
    ...calls.map((call) => of(call, 'invoke', 'write', call)),
    of(reader, 'invoke', 'read', null),
    ...calls.map((call) => of(call, 'ok', 'write', call)),
    of(reader, 'ok', 'read', 'nothing'),
  ]
}

test('threads agree with one', async () => {
  const events = [...hard('a', 0, 13), ...hard('b', 100, 14), ...hard('c', 200, 13)].map(
    (event, i) => ({ ...event, i }),
  )
  const one = await built.checkHistory(events, { threads: 1, explainMsMax: 0 })
  const two = await built.checkHistory(events, { threads: 2, explainMsMax: 0 })

  expect(one.verdict).toBe('not')
  // So much was not settled by the first, short search.
  expect(one.steps).toBeGreaterThan(300_000)
  expect({ verdict: two.verdict, text: two.text }).toEqual({ verdict: one.verdict, text: one.text })
  expect(one.text).toContain('"b"')
})

const fixtures = new URL('fixtures', import.meta.url).pathname

test('the command judges a directory, for programs and for people', async () => {
  const json = await quorate(['check', fixtures, '-o', 'json'])
  const table = await quorate(['check', 'fixtures'], { cwd: import.meta.dirname })

  expect(json.code).toBe(7)
  const document = JSON.parse(json.stdout) as { schema: number; files: Record<string, unknown>[] }
  expect(document.schema).toBe(1)
  expect(document.files).toHaveLength(7)
  expect(Object.keys(document.files[0]!)).toEqual(['file', 'model', 'verdict', 'seconds'])
  expect(document.files[0]).toMatchObject({
    file: 'jepsen_001.jsonl',
    model: 'cas-register',
    verdict: 'not',
  })
  expect(table.code).toBe(7)
  expect(table.stdout).toMatch(
    /jepsen_002\.jsonl +cas-register +linearizable +\d\.\d{3} +as expected/,
  )
  expect(table.stderr).toContain('7 of 7 as expected')
})

test('the command’s exit code is that of the worst verdict', async () => {
  const good = await quorate(['check', `${fixtures}/jepsen_002.jsonl`])
  const unknown = await quorate(
    ['check', 'jepsen_002.jsonl', 'jepsen_057.jsonl', '--memory-limit', '1B'],
    { cwd: fixtures },
  )

  expect(good.code).toBe(0)
  expect(unknown.stdout).toContain('unknown')
  expect(unknown.code).toBe(6)
})

test('of several directories the command names each file as it was given', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'quorate-check-'))
  for (const name of ['one', 'two']) {
    mkdirSync(join(cwd, name))
    copyFileSync(join(fixtures, 'jepsen_002.jsonl'), join(cwd, name, 'history.jsonl'))
  }
  const { stdout } = await quorate(['check', 'one', './two/', '-o', 'json'], { cwd })
  rmSync(cwd, { recursive: true })
  const { files } = JSON.parse(stdout) as { files: readonly { file: string }[] }

  expect(files.map(({ file }) => file)).toEqual(['one/history.jsonl', 'two/history.jsonl'])
})

test('what is no history is refused with file and line', async () => {
  const { code, stderr } = await quorate(['check', 'README.md'], { cwd: fixtures })

  expect(code).toBe(2)
  expect(stderr).toContain('README.md, line 1: not JSON')
})

test('limits that cannot be meant are refused', async () => {
  expect((await quorate(['check', fixtures, '--memory-limit', '0MiB'])).code).toBe(2)
  expect((await quorate(['check', fixtures, '--time-limit', 'soon'])).code).toBe(2)
  expect((await quorate(['check'])).code).toBe(2)
})
