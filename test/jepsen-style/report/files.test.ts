/**
 * Goal: a report is written from what lies in a directory, and what is wrong there is named.
 * Method: real files in a directory of the test's own; one fault each.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readRecord, writeReport } from '../../../jepsen-style/report/index.ts'
import { recordOf, staleRead, violated } from './fixtures.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quorate-report-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

const jsonl = staleRead.map((event) => JSON.stringify(event)).join('\n')

async function put(name: string, text: string): Promise<void> {
  await writeFile(join(directory, name), text)
}

describe('writeReport', () => {
  test('writes report.html beside the run, and nothing else', async () => {
    await put('run.json', JSON.stringify(violated()))
    await put('history.jsonl', `${jsonl}\n`)
    const path = await writeReport(directory)

    expect(path).toBe(join(directory, 'report.html'))
    expect((await readdir(directory)).toSorted()).toEqual([
      'history.jsonl',
      'report.html',
      'run.json',
    ])
    const page = await readFile(path, 'utf8')
    expect(page).toContain('read → 1 @11')
    expect(page).toContain('the 9 lines of history.jsonl')
    expect(page).not.toContain('could not be read')
  })

  test('replaces a report that is there', async () => {
    await put('run.json', JSON.stringify(recordOf()))
    await put('report.html', 'old')
    const page = await readFile(await writeReport(directory), 'utf8')

    expect(page).toContain('Every check passed')
  })

  test('draws what can be read of a history that was cut short', async () => {
    await put('run.json', JSON.stringify(violated()))
    await put('history.jsonl', `${jsonl}\n{"i":9,"process":1,"type":"inv`)
    const page = await readFile(await writeReport(directory), 'utf8')

    expect(page).toContain('read → 1 @11')
    expect(page).toContain('1 line could not be read and left out, the first is line 10')
  })

  test('passes over lines that are no events', async () => {
    const bad = ['7', 'null', '[]', '{"i":-1}', '{"i":1,"process":"x","type":"ok","f":"a"}']
    await put('run.json', JSON.stringify(recordOf()))
    await put('history.jsonl', bad.join('\n'))
    const page = await readFile(await writeReport(directory), 'utf8')

    expect(page).toContain('5 lines could not be read and left out, the first is line 1')
  })

  test('says that there was no history', async () => {
    await put('run.json', JSON.stringify(recordOf()))
    const page = await readFile(await writeReport(directory), 'utf8')

    expect(page).toContain('There was no history.jsonl')
  })

  test('names the missing record', async () => {
    await expect(writeReport(directory)).rejects.toMatchObject({
      code: 'QUORATE_USAGE',
      message: expect.stringContaining(join(directory, 'run.json')),
    })
  })

  test('names the file that is no JSON', async () => {
    await put('run.json', '{"schema":1,')

    await expect(writeReport(directory)).rejects.toMatchObject({
      code: 'QUORATE_USAGE',
      message: expect.stringMatching(/run\.json can't be used: .*JSON/),
    })
  })
})

describe('readRecord', () => {
  test('takes what JSON makes of a record, where nothing measured is null', () => {
    const record = violated()
    const rto = { p50: Number.NaN, p99: Number.NaN, max: Number.NaN }
    const unmeasured = { ...record, availability: { ...record.availability, rto } }

    expect(readRecord(JSON.parse(JSON.stringify(unmeasured)))).toEqual(unmeasured)
  })

  test('keeps the explanation of a violation', () => {
    const explanation = {
      line: 8,
      orders: [{ lines: [0], states: ['1'], stuck: [{ line: 6, why: 'no' }] }],
    }
    const checks = [{ ...violated().checks[1]!, explanation }]
    const record = { ...violated(), checks }

    expect(readRecord(JSON.parse(JSON.stringify(record)))).toEqual(record)
  })

  const [fault] = recordOf().faults
  const [check] = recordOf().checks
  test.each<readonly [unknown, string]>([
    [[], 'the document must be an object, but is []'],
    [{ ...recordOf(), schema: 2 }, 'schema is 2; this version reads schema 1'],
    [{ ...recordOf(), seed: '1' }, 'seed must be a number, but is "1"'],
    [{ ...recordOf(), workload: undefined }, 'workload must be a string, but is missing'],
    [{ ...recordOf(), verdict: 'fine' }, 'verdict must be one of ok, violation, unknown, failed'],
    [{ ...recordOf(), interrupted: 0 }, 'interrupted must be true or false, but is 0'],
    [{ ...recordOf(), nemeses: ['kill', 3] }, 'nemeses[1] must be a string, but is 3'],
    [
      { ...recordOf(), faults: [fault, { ...fault, begin: null }] },
      'faults[1].begin must be a number',
    ],
    [{ ...recordOf(), availability: {} }, 'availability.rto must be an object, but is missing'],
    [
      { ...recordOf(), checks: [{ ...check, events: [1.5] }] },
      'checks[0].events[0] must be the number',
    ],
    [
      { ...recordOf(), checks: [{ ...check, figures: { a: 'b' } }] },
      'checks[0].figures.a must be a',
    ],
    [
      { ...recordOf(), checks: [{ ...check, explanation: { orders: [{ lines: [] }] } }] },
      'checks[0].explanation.orders[0].states must be a list',
    ],
  ])('names what is wrong in %#', (value, message) => {
    expect(() => readRecord(value)).toThrow(message)
  })
})
