/** A whole report: one file that needs nothing else, now or in ten years. */
import { createHash } from 'node:crypto'
import type { HistoryEvent } from '../history/event.ts'
import { Buckets } from './buckets.ts'
import { Pairing, type Call } from './calls.ts'
import { ExcerptCollector, firstViolation } from './excerpt.ts'
import { markup, Markup, type Content } from './html.ts'
import { timelineSection, violationSection } from './pictures.ts'
import type { Unreadable } from './read-history.ts'
import type { RunRecord } from './run-record.ts'
import { script } from './script.ts'
import { availabilitySection, checksSection, faultsSection, headline, whatRan } from './sections.ts'
import { style } from './style.ts'
import { clock, count, plural } from './format.ts'

/** What is known of how the history was read; for the notes at the foot. */
export interface HistoryNotes {
  readonly unreadable?: Unreadable
  /** There was no history to read. */
  readonly missing?: boolean
}

/**
 * Draws a report from a record and the events of its history, which are taken one at a time: the
 * memory it needs does not grow with their number. The same input gives the same text.
 */
export async function drawReport(
  record: RunRecord,
  history: AsyncIterable<HistoryEvent> | Iterable<HistoryEvent>,
  notes: HistoryNotes = {},
): Promise<string> {
  const buckets = new Buckets()
  const pairing = new Pairing()
  const violation = firstViolation(record.checks)
  const collector = violation === undefined ? undefined : new ExcerptCollector(violation)
  const add = (call: Call): void => {
    buckets.add(call)
    collector?.add(call)
  }
  let events = 0
  for await (const event of history) {
    events += 1
    buckets.see(event)
    for (const call of pairing.take(event)) add(call)
  }
  for (const call of pairing.end()) add(call)

  const excerpt = collector?.excerpt()
  const lastFault = record.faults.reduce(
    (last, fault) => Math.max(last, fault.heal ?? fault.begin),
    0,
  )
  const series = buckets.series(lastFault)
  const violated = record.checks.some((check) => check.verdict === 'violation')
  const body = markup` ${headline(record, violated)} ${checksSection(record.checks, excerpt?.check)}
  ${violationSection(excerpt, record)} ${timelineSection(series, record)}
  ${availabilitySection(record.availability)} ${faultsSection(record.faults)} ${whatRan(record)}
  ${footer(events, notes)}`
  return frame(record, body)
}

function footer(events: number, { unreadable, missing }: HistoryNotes): Markup {
  const parts = [
    missing === true
      ? 'There was no history.jsonl, so nothing of it is drawn.'
      : `Drawn from run.json and the ${plural(events, 'line')} of history.jsonl.`,
  ]
  if (unreadable !== undefined && unreadable.lines > 0) {
    parts.push(
      `${plural(unreadable.lines, 'line')} could not be read and left out, the first is line ${count(unreadable.first)}.`,
    )
  }
  return markup`<footer><p>${parts.join(' ')}</p></footer>`
}

/** The policy lets the page's own style and script run and nothing else, whatever a value holds. */
function frame(record: RunRecord, body: Content): string {
  const policy = `default-src 'none'; style-src '${digest(style)}'; script-src '${digest(script)}'; base-uri 'none'; form-action 'none'`
  const title = `${record.verdict}: ${record.workload}, seed ${String(record.seed)} – Quorate chaos report`
  const head = markup`<meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
    <style>${new Markup(style)}</style>`
  const top = markup`<div class="top"><b>Quorate</b> chaos report<span>${clock(record.startedAt)}</span></div>`
  const page = markup`<!doctype html>
    <html lang="en"><head>${head}</head>
    <body>${top}<main>${body}</main><script>${new Markup(script)}</script></body></html>`
  return `${page.text}\n`
}

function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
