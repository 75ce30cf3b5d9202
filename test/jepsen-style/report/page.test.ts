/**
 * Goal: a report holds every part that its verdict calls for, is well-formed, and lets nothing that
 * a value holds become markup.
 * Method: draw small histories; take the page apart with a strict reader of tags, and look for what
 * must and must not be there.
 */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { drawReport, type RunRecord } from '../../../jepsen-style/report/index.ts'
import { historyOf, recordOf, staleRead, violated } from './fixtures.ts'

interface Tag {
  readonly name: string
  readonly attributes: string
}

/** All opening tags; fails where tags are not properly nested. */
function tagsOf(page: string): readonly Tag[] {
  const body = page.replace(/(<(style|script)>)[\s\S]*?(<\/\2>)/g, '$1$3')
  const open: string[] = []
  const tags: Tag[] = []
  for (const [, closes, name = '', attributes = '', empty] of body.matchAll(
    /<(\/?)([a-z][a-z0-9]*)\b([^<>]*?)(\/?)>/gi,
  )) {
    if (closes === '/') expect(name).toBe(open.pop())
    else {
      tags.push({ name, attributes })
      if (empty !== '/' && name !== 'meta') open.push(name)
    }
  }
  expect(open).toEqual([])
  return tags
}

function attribute(tags: readonly Tag[], name: string): string[] {
  return tags.flatMap(({ attributes }) => {
    const found = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1]
    return found === undefined ? [] : [found]
  })
}

const verdicts: readonly (readonly [string, RunRecord, string])[] = [
  ['ok', recordOf(), 'Every check passed'],
  ['violation', violated(), 'A guarantee was broken'],
  ['unknown', recordOf({ verdict: 'unknown', reasons: ['out of time'] }), 'Undecided'],
  ['failed', recordOf({ verdict: 'failed', reasons: ['n4 stayed away'] }), 'The run failed'],
]

describe('a report', () => {
  test.each(verdicts)(
    'of verdict %s has all its parts, well-formed',
    async (name, record, words) => {
      const page = await drawReport(record, staleRead)

      const tags = tagsOf(page)
      expect(page.startsWith('<!doctype html>')).toBe(true)
      expect(page).toContain(words)
      expect(page).toContain(`class="icon ${name}"`)
      for (const reason of record.reasons) expect(page).toContain(`<li>${reason}</li>`)
      const ids = attribute(tags, 'id')
      expect(new Set(ids).size).toBe(ids.length)
      for (const part of ['checks', 'timeline', 'availability', 'faults', 'run']) {
        expect(ids).toContain(part)
      }
      expect(ids.includes('violation')).toBe(name === 'violation')
      expect(page.includes('Jump to the first violation')).toBe(name === 'violation')
      const named = attribute(tags, 'aria-labelledby').flatMap((value) => value.split(' '))
      for (const reference of named) expect(ids).toContain(reference)
    },
  )

  test('tells what ran, what was left out, and each fault', async () => {
    const page = await drawReport(recordOf({ interrupted: true }), staleRead)

    for (const text of [
      'quorate chaos run --seed 4711',
      '<code>4711</code>',
      '2026-01-31 12:00:03 UTC',
      '<b>disk-full</b> needs root',
      'SIGKILL of n3',
      'the process ended',
      '321 ms',
      'to the end',
      '99.999 %',
      'interrupted before its time',
      'Only what was done until the interruption was judged.',
    ]) {
      expect(page).toContain(text)
    }
  })

  test('says of a fault that nothing showed it', async () => {
    const [fault] = recordOf().faults
    const { seen, ...unseen } = fault!
    const page = await drawReport(recordOf({ faults: [unseen] }), staleRead)

    expect(seen).toBeDefined()
    expect(page).toContain('1 not seen to happen')
    expect(page).toContain('nothing did')
    expect(page).toContain('class="fault tip unseen"')
  })

  test('of a run without faults, calls, checks and figures is a report all the same', async () => {
    const rto = { p50: Number.NaN, p99: Number.NaN, max: Number.NaN }
    const availability = { ...recordOf().availability, calls: 0, calmSuccessRate: Number.NaN, rto }
    const bare = recordOf({ faults: [], nemeses: [], checks: [], leftOut: [], availability })
    const page = await drawReport(bare, [])

    tagsOf(page)
    expect(page).not.toMatch(/NaN|Infinity|undefined/)
    expect(page).toContain('The history holds no calls.')
    expect(page).toContain('No check was made.')
    expect(page).toContain('No fault was tried.')
    expect(page).toContain('The run had no faults.')
  })

  test('of a history without times draws the violation by the order of lines', async () => {
    const untimed = historyOf(
      staleRead.map(({ process, type, f, value, key }) => ({ process, type, f, value, key: key! })),
    )
    const page = await drawReport(violated(), untimed)

    tagsOf(page)
    expect(page).not.toMatch(/NaN|Infinity/)
    expect(page).toContain('carry no times')
    expect(page).toContain('line 8')
  })

  test('is the same text for the same run', async () => {
    const first = await drawReport(violated(), staleRead)
    const second = await drawReport(violated(), staleRead)

    expect(second).toBe(first)
  })

  test('needs nothing from elsewhere, and allows nothing but its own style and script', async () => {
    const page = await drawReport(violated(), staleRead)

    expect(page).not.toMatch(/https?:|url\(|@import|\bsrc=/)
    const tags = tagsOf(page)
    expect(attribute(tags, 'href').every((target) => target.startsWith('#'))).toBe(true)
    expect(attribute(tags, 'style')).toEqual([])
    const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(page) ?? []
    const [, script = ''] = /<script>([\s\S]*)<\/script>/.exec(page) ?? []
    const policy = attribute(tags, 'content').find((value) => value.includes('default-src'))
    for (const text of [style, script]) {
      expect(text.length).toBeGreaterThan(500)
      const digest = createHash('sha256').update(text).digest('base64')
      expect(policy).toContain(`sha256-${digest}`)
    }
  })
})

describe('text from outside', () => {
  const evil = `</title></text></script><script>alert(1)</script><img src=x onerror="alert(2)">'"&`

  test('stays text wherever it stands', async () => {
    const reference = await drawReport(violated(), staleRead)
    const [fault] = recordOf().faults
    const record: RunRecord = {
      ...violated(),
      version: evil,
      node: evil,
      startedAt: evil,
      workload: evil,
      backend: evil,
      command: evil,
      nemeses: [evil, evil],
      leftOut: [{ nemesis: evil, reason: evil }],
      reasons: [evil],
      faults: [
        { ...fault!, nemesis: evil, detail: evil, seen: evil },
        { ...recordOf().faults[1]!, nemesis: `${evil}2`, detail: evil, seen: evil },
      ],
      checks: [
        { name: evil, verdict: 'ok', text: evil, figures: { [evil]: 1 } },
        { ...violated().checks[1]!, name: evil, text: evil, key: evil },
      ],
    }
    const events = staleRead.map((event) => ({
      ...event,
      f: evil,
      key: evil,
      value: { [evil]: evil },
      ...(event.type === 'invoke' ? {} : { error: evil }),
    }))
    const page = await drawReport(record, events)

    const count = (text: string): number =>
      tagsOf(text).filter(({ name }) => name === 'script').length
    expect(count(page)).toBe(1)
    expect(count(reference)).toBe(1)
    expect(tagsOf(page).some(({ name }) => name === 'img')).toBe(false)
    expect(tagsOf(page).some(({ attributes }) => /\son\w+=/.test(attributes))).toBe(false)
    expect(page).toContain('&lt;script&gt;alert(1)')
  })

  test('can not hide behind marks that nobody sees', async () => {
    const page = await drawReport(recordOf({ reasons: ['a\u202eb\u0000c\u200fd'] }), [])

    expect(page).toContain('<li>a\\u202eb\\u0000c\\u200fd</li>')
  })
})
