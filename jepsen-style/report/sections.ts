/** The parts of a report that are words and tables. */
import type { CheckResult } from '../workloads/workload.ts'
import { clock, count, duration, plural, share } from './format.ts'
import { markup, nothing, type Content, type Markup } from './html.ts'
import { icon, verdictWords, type Verdict } from './icons.ts'
import type { Availability, FaultSpan, RunRecord } from './run-record.ts'

/** Faults that the table lists; `run.json` has them all. */
export const faultRowsMax = 1000

/** A headed part of the page. */
export function section(id: string, title: string, content: Content, note?: string): Markup {
  return markup`<section id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${title}</h2>
    ${note === undefined ? nothing : markup`<p class="note">${note}</p>`} ${content}
  </section>`
}

const headlines: Readonly<Record<Verdict, string>> = {
  ok: 'Every check passed',
  violation: 'A guarantee was broken',
  unknown: 'Undecided: a check could not finish',
  failed: 'The run failed',
}

/** What a verdict does and does not say, for those who read only one line. */
const meanings: Readonly<Record<Verdict, string>> = {
  ok: 'No answer contradicts the promises of the store, and every fault was seen to happen.',
  violation: 'At least one answer contradicts the promises of the store.',
  unknown:
    'Nothing contradicts the promises of the store, but this was not shown for the whole history. It is not a pass.',
  failed:
    'Something kept the run from being what it was meant to be, so it does not count as a pass.',
}

function lede({ verdict, faults, interrupted }: RunRecord): string {
  const untried = verdict === 'ok' && faults.length === 0
  const meaning = untried
    ? 'No answer contradicts the promises of the store. No fault was tried.'
    : meanings[verdict]
  return interrupted ? `${meaning} Only what was done until the interruption was judged.` : meaning
}

/** The verdict, and why. */
export function headline(record: RunRecord, toViolation: boolean): Markup {
  const { verdict, availability, faults } = record
  return markup`<header class="headline ${verdict}">
    <div class="verdict">
      ${icon(verdict)}
      <div>
        <p class="eyebrow">
          Verdict:
          ${verdict}${record.interrupted && markup` <span class="tag">interrupted before its time</span>`}
        </p>
        <h1>${headlines[verdict]}</h1>
        <p class="lede">${lede(record)}</p>
        ${
          record.reasons.length > 0 &&
          markup`<ul class="reasons">
            ${record.reasons.map((reason) => markup`<li>${reason}</li>`)}
          </ul>`
        }
        ${
          toViolation &&
          markup`<p>
            <a class="jump" href="#violation">Jump to the first violation <span aria-hidden="true">↓</span></a>
          </p>`
        }
      </div>
    </div>
    <dl class="key-figures">
      ${keyFigure('Calls', count(availability.calls), plural(record.clients, 'client'))}
      ${keyFigure('Success when calm', share(availability.calmSuccessRate), 'with no fault about')}
      ${keyFigure('Faults', count(faults.length), seenText(record))}
      ${keyFigure('Back after a fault', duration(availability.rto.p99), 'p99 to the first success')}
      ${keyFigure('Acknowledged', count(availability.acknowledged), 'writes')}
      ${keyFigure('Lost', count(availability.lost), 'acknowledged writes', availability.lost > 0)}
    </dl>
  </header>`
}

function seenText({ faults, nemeses }: RunRecord): string {
  if (faults.length === 0) return nemeses.length === 0 ? 'none was asked for' : 'none came about'
  const unseen = faults.filter((fault) => fault.seen === undefined).length
  return unseen === 0 ? 'all seen to happen' : `${count(unseen)} not seen to happen`
}

function keyFigure(name: string, value: string, about: string, alarming = false): Markup {
  return markup`<div${alarming && markup` class="alarming"`}><dt>${name}</dt><dd>${value}<span>${about}</span></dd></div>`
}

/** What ran, and how to run it again. */
export function whatRan(record: RunRecord): Markup {
  const rate =
    record.rate === 0 ? 'as many as they could make' : `${count(record.rate)} calls a second`
  const rows: readonly (readonly [string, Content])[] = [
    ['Workload', record.workload],
    ['Nemeses', record.nemeses.length === 0 ? 'none' : record.nemeses.join(', ')],
    ['Nodes', count(record.nodes)],
    ['Clients', `${count(record.clients)}, ${rate}`],
    ['Load lasted', `${count(record.seconds)} s`],
    ...(record.snapshots === undefined
      ? []
      : [['Snapshots fetched', count(record.snapshots)] as const]),
    ['Seed', markup`<code>${String(record.seed)}</code>`],
    ['Faults by', record.backend],
    ['Started', clock(record.startedAt)],
    ['Version', `Quorate ${record.version}, Node.js ${record.node.replace(/^v/, '')}`],
  ]
  const body = markup`<dl class="facts">
      ${rows.map(
        ([name, value]) =>
          markup`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    <p class="label" id="command-label">Plays the same schedule again</p>
    <pre class="command" aria-labelledby="command-label"><code>${record.command}</code></pre>
    ${
      record.leftOut.length > 0 &&
      markup`<p class="label">Left out, because they can’t be had here</p>
        <ul class="left-out">
          ${record.leftOut.map(({ nemesis, reason }) => markup`<li><b>${nemesis}</b> ${reason}</li>`)}
        </ul>`
    }`
  return section('run', 'What ran', body)
}

/** Each check with what it found. */
export function checksSection(
  checks: readonly CheckResult[],
  drawn: CheckResult | undefined,
): Markup {
  if (checks.length === 0) {
    return section('checks', 'Checks', markup`<p class="empty">No check was made.</p>`)
  }
  return section(
    'checks',
    'Checks',
    markup`<ul class="checks">
      ${checks.map((check) => oneCheck(check, check === drawn))}
    </ul>`,
  )
}

function oneCheck(check: CheckResult, drawn: boolean): Markup {
  const figures = Object.entries(check.figures ?? {})
  return markup`<li class="${check.verdict}">
    ${icon(check.verdict)}
    <div>
      <h3>
        ${check.name} <span class="word ${check.verdict}">${verdictWords[check.verdict]}</span>
      </h3>
      <p class="text">${check.text}</p>
      ${check.key !== undefined && markup`<p class="text">Key <code>${check.key}</code></p>`}
      ${
        figures.length > 0 &&
        markup`<dl class="figures">
          ${figures.map(
            ([name, value]) =>
              markup`<div>
                <dt>${name}</dt>
                <dd>${count(value)}</dd>
              </div>`,
          )}
        </dl>`
      }
      ${drawn && markup`<p><a href="#violation">See the calls around it</a></p>`}
    </div>
  </li>`
}

/** Availability as the clients saw it. */
export function availabilitySection(availability: Availability): Markup {
  const { calls, rto } = availability
  const part = (value: number): string => (calls === 0 ? '–' : share(value / calls))
  const rows: readonly (readonly [string, string, string])[] = [
    ['Calls', count(calls), ''],
    ['Succeeded', count(availability.ok), part(availability.ok)],
    ['Failed, surely without effect', count(availability.failed), part(availability.failed)],
    ['Outcome unknown', count(availability.unknown), part(availability.unknown)],
    [
      'Success while no fault was about, nor for 5 s after',
      share(availability.calmSuccessRate),
      '',
    ],
    ['First success after a fault began: p50', duration(rto.p50), ''],
    ['First success after a fault began: p99', duration(rto.p99), ''],
    ['First success after a fault began: longest', duration(rto.max), ''],
    ['Writes acknowledged', count(availability.acknowledged), ''],
    ['Acknowledged writes lost', count(availability.lost), ''],
  ]
  return section(
    'availability',
    'Availability',
    markup`<div class="scroll" tabindex="0" role="region" aria-labelledby="availability-title">
      <table class="plain">
        <thead class="hidden">
          <tr>
            <th scope="col">Figure</th>
            <th scope="col">Value</th>
            <th scope="col">Share</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ([name, value, portion]) =>
              markup`<tr>
                <th scope="row">${name}</th>
                <td class="number">${value}</td>
                <td class="number soft">${portion}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`,
    'Measured, and judged only against bounds that were given.',
  )
}

/** Every fault with what showed that it worked. */
export function faultsSection(faults: readonly FaultSpan[]): Markup {
  if (faults.length === 0) {
    return section('faults', 'Faults', markup`<p class="empty">The run had no faults.</p>`)
  }
  const more = faults.length - faultRowsMax
  const table = markup`<div class="scroll" tabindex="0" role="region" aria-labelledby="faults-title">
      <table class="wide">
        <thead>
          <tr>
            <th scope="col" class="number">#</th>
            <th scope="col">Nemesis</th>
            <th scope="col">What it did</th>
            <th scope="col" class="number">Began</th>
            <th scope="col" class="number">Lasted</th>
            <th scope="col">What showed that it worked</th>
            <th scope="col" class="number">First success after</th>
          </tr>
        </thead>
        <tbody>
          ${faults.slice(0, faultRowsMax).map(faultRow)}
        </tbody>
      </table>
    </div>
    ${more > 0 && markup`<p class="note">${plural(more, 'more fault is', 'more faults are')} in <code>run.json</code>.</p>`}`
  return section('faults', 'Faults', table)
}

function faultRow(fault: FaultSpan): Markup {
  const lasted = fault.heal === undefined ? 'to the end' : duration(fault.heal - fault.begin)
  const seen = fault.seen ?? markup`<strong class="unseen">nothing did</strong>`
  const success = fault.firstSuccessMs === undefined ? 'none' : duration(fault.firstSuccessMs)
  return markup`<tr>
    <td class="number soft">${fault.fault}</td>
    <td class="name">${fault.nemesis}</td>
    <td>${fault.detail}</td>
    <td class="number">${(fault.begin / 1000).toFixed(2)} s</td>
    <td class="number">${lasted}</td>
    <td>${seen}</td>
    <td class="number">${success}</td>
  </tr>`
}
