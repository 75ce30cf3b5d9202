/** The parts of a report that are drawn, each with a legend and with the same figures as a table. */
import type { Bucket, Series } from './buckets.ts'
import { drawExcerpt, callLabel, outcomeText } from './draw-excerpt.ts'
import { faultsDrawnMax, lanesOf } from './draw-faults.ts'
import { drawTimeline } from './draw-timeline.ts'
import type { DrawnCall, Excerpt } from './excerpt.ts'
import { brief, count, cut, duration, moment, plural } from './format.ts'
import { markup, nothing, type Content, type Markup } from './html.ts'
import type { RunRecord } from './run-record.ts'
import { section } from './sections.ts'

/** Rows of the table behind the timeline; buckets are joined so that it stays readable. */
const timelineRowsMax = 60

/** Latency, throughput and faults over time. */
export function timelineSection(series: Series, record: RunRecord): Markup {
  if (series.buckets.length === 0) {
    const why =
      series.untimed > 0
        ? `The ${plural(series.untimed, 'call')} of this history carry no times.`
        : 'The history holds no calls.'
    return section('timeline', 'Over time', markup`<p class="empty">${why}</p>`)
  }
  const lanes = lanesOf(record.faults)
  const notes = [
    `One step is ${duration(series.widthMs)}. Latency stands where a call began, throughput where it ended; single points are slow calls and calls that did not succeed, those at the upper edge were never answered.`,
    series.untimed > 0 ? `${plural(series.untimed, 'call')} without times left out.` : '',
    record.faults.length > faultsDrawnMax
      ? `The first ${count(faultsDrawnMax)} faults are drawn.`
      : '',
  ]
  return section(
    'timeline',
    'Over time',
    markup`${timelineLegend(record.faults.length > 0)}
      <div
        class="scroll"
        tabindex="0"
        role="region"
        aria-label="Chart of latency, throughput and faults">
        ${drawTimeline(series, record.faults, lanes)}
      </div>
      <details>
        <summary>The same as a table</summary>
        ${timelineTable(series)}
      </details>`,
    notes.filter((note) => note !== '').join(' '),
  )
}

function key(sample: Content, text: string): Markup {
  return markup`<li><svg viewBox="0 0 20 12" aria-hidden="true">${sample}</svg>${text}</li>`
}

function timelineLegend(faults: boolean): Markup {
  return markup`<ul class="legend chart">
    ${key(markup`<path class="p50" d="M1 6h18" />`, 'p50')}
    ${key(markup`<path class="p99" d="M1 6h18" />`, 'p99')}
    ${key(markup`<circle class="point ok" cx="10" cy="6" r="2.4" />`, 'slow, ok')}
    ${key(markup`<path class="point fail" d="M10 2l4 7h-8z" />`, 'failed')}
    ${key(markup`<path class="point unknown" d="M7 3l6 6m0-6l-6 6" />`, 'unknown')}
    ${key(markup`<rect class="area ok" x="1" y="1" width="18" height="10" />`, 'ok/s')}
    ${key(markup`<rect class="area fail" x="1" y="1" width="18" height="10" />`, 'failed/s')}
    ${key(markup`<rect class="area unknown" x="1" y="1" width="18" height="10" />`, 'unknown/s')}
    ${faults ? key(markup`<g class="bands"><rect x="1" y="0" width="18" height="12" /></g>`, 'a fault was about') : nothing}
  </ul>`
}

function timelineTable(series: Series): Markup {
  const every = Math.ceil(series.buckets.length / timelineRowsMax)
  const rows: Markup[] = []
  for (let from = 0; from < series.buckets.length; from += every) {
    rows.push(timelineRow(series.buckets.slice(from, from + every)))
  }
  return markup`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th scope="col" class="number">From</th>
          <th scope="col" class="number">p50, up to</th>
          <th scope="col" class="number">p99, up to</th>
          <th scope="col" class="number">ok</th>
          <th scope="col" class="number">Failed</th>
          <th scope="col" class="number">Unknown</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`
}

function timelineRow(buckets: readonly Bucket[]): Markup {
  const sum = (of: (bucket: Bucket) => number): string =>
    count(buckets.reduce((total, bucket) => total + of(bucket), 0))
  const worst = (of: (bucket: Bucket) => number | undefined): string => {
    const values = buckets.map(of).filter((value) => value !== undefined)
    return values.length === 0 ? '–' : duration(Math.max(...values))
  }
  return markup`<tr>
    <td class="number">${moment(buckets[0]?.begin ?? 0)}</td>
    <td class="number">${worst((bucket) => bucket.p50)}</td>
    <td class="number">${worst((bucket) => bucket.p99)}</td>
    <td class="number">${sum((bucket) => bucket.ok)}</td>
    <td class="number">${sum((bucket) => bucket.failed)}</td>
    <td class="number">${sum((bucket) => bucket.unknown)}</td>
  </tr>`
}

/** The calls around the first violation. */
export function violationSection(excerpt: Excerpt | undefined, record: RunRecord): Markup {
  const found = record.checks.find((check) => check.verdict === 'violation')
  if (excerpt === undefined) {
    if (found === undefined) return nothing
    return section(
      'violation',
      'The first violation',
      markup`<p class="text">${found.text}</p>
        <p class="empty">The check named no lines of the history that could be drawn.</p>`,
    )
  }
  const { check } = excerpt
  const of = check.key === undefined ? '' : ` on key ${brief(check.key, 60)}`
  return section(
    'violation',
    'The first violation',
    markup`<p class="text"><b>${check.name}</b>${of}: ${check.text}</p>
      ${excerptLegend(excerpt)}
      <div
        class="scroll"
        id="excerpt-scroll"
        tabindex="0"
        role="region"
        aria-label="Drawing of the calls around the violation">
        ${drawExcerpt(excerpt, record.faults)}
      </div>
      ${excerpt.leftOut > 0 && markup`<p class="note">${plural(excerpt.leftOut, 'more call')} nearby left out.</p>`}
      ${longestOrder(excerpt)}
      <details>
        <summary>These calls as a table</summary>
        ${excerptTable(excerpt)}
      </details>`,
    'One lane is one process. Calls whose bars overlap may have taken effect in either order; of two that don’t, the left one came first. Left to right is the order of events, spread out where much happens at once.',
  )
}

function excerptLegend(excerpt: Excerpt): Markup {
  const bar = markup`<rect x="1" y="1.5" width="18" height="9" rx="2.5"/>`
  const explained = excerpt.calls.some(({ place }) => place !== undefined)
  const misfits = excerpt.calls.some(({ stuck }) => stuck !== undefined)
  return markup`<ul class="legend chart excerpt">
    ${key(markup`<g class="call ok named">${bar}</g>`, 'named by the check')}
    ${key(markup`<g class="call ok">${bar}</g>`, 'around it')}
    ${key(markup`<g class="call fail">${bar}</g>`, 'failed, no effect')}
    ${key(markup`<g class="call info">${bar}</g>`, 'unknown: may take effect at any later time')}
    ${explained && key(markup`<g class="call ok named">${bar}<text class="place" x="7" y="9.5">7</text></g>`, 'place in the longest order')}
    ${misfits && key(markup`<g class="call ok named misfit">${bar}</g>`, 'can’t come next')}
    ${key(markup`<g class="stuck"><line x1="10" x2="10" y1="0" y2="12"/></g>`, 'no order fits')}
  </ul>`
}

/** How far the longest order goes, call by call, and why it stops there. */
function longestOrder(excerpt: Excerpt): Markup {
  const placed = excerpt.calls
    .flatMap(({ call, place }) => (place === undefined ? [] : [{ call, ...place }]))
    .toSorted((a, b) => a.number - b.number)
  const stuck = excerpt.calls.flatMap(({ call, stuck: why }) =>
    why === undefined ? [] : [{ call, why }],
  )
  if (placed.length === 0 && stuck.length === 0) return nothing
  return markup`<h3 id="order">The longest order, and where it ends</h3>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="order"><table class="wide"><thead><tr>
      <th scope="col" class="number">Place</th><th scope="col" class="number">Process</th><th scope="col">Call</th><th scope="col">State after it</th>
    </tr></thead><tbody>${placed.map(
      ({
        call,
        number,
        state,
      }) => markup`<tr><td class="number soft">${number}</td><td class="number">${call.process}</td>
        <td><code>${callLabel(call)}</code></td><td><code>${cut(state, 200)}</code></td></tr>`,
    )}${stuck.map(
      ({
        call,
        why,
      }) => markup`<tr class="named"><td class="number"><strong class="misfit">can’t be next</strong></td><td class="number">${call.process}</td>
        <td><code>${callLabel(call)}</code></td><td>${cut(why, 200)}</td></tr>`,
    )}</tbody></table></div>`
}

function excerptTable(excerpt: Excerpt): Markup {
  return markup`<div class="scroll"><table class="wide"><thead><tr>
    <th scope="col" class="number">Lines</th><th scope="col" class="number">Process</th><th scope="col">Call</th>
    <th scope="col">Key</th><th scope="col">Outcome</th><th scope="col" class="number">Began</th><th scope="col" class="number">Took</th>
  </tr></thead><tbody>${excerpt.calls.map(excerptRow)}</tbody></table></div>`
}

function excerptRow({ call, named }: DrawnCall): Markup {
  const { invoke, complete } = call
  const lines =
    complete === undefined ? String(invoke.i) : `${String(invoke.i)}–${String(complete.i)}`
  const took =
    invoke.time === undefined || complete?.time === undefined
      ? '–'
      : duration(complete.time - invoke.time)
  return markup`<tr${named && markup` class="named"`}><td class="number soft">${lines}</td><td class="number">${call.process}</td>
    <td><code>${callLabel(call)}</code></td><td>${brief(invoke.key, 60)}</td><td>${outcomeText(call)}</td>
    <td class="number">${invoke.time === undefined ? '–' : moment(invoke.time)}</td><td class="number">${took}</td></tr>`
}
