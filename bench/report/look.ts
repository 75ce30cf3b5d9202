/**
 * How the drawings of a bench look. The page, its colours and its tables are those of the reports of
 * the partition harness, so that people who know one find their way in the other.
 */
import { style as pageStyle } from '../../jepsen-style/report/style.ts'
import { count } from '../../jepsen-style/report/format.ts'
import { markup, type Content, type Markup } from '../../jepsen-style/report/html.ts'
import type { Measured } from './record.ts'

/** Everything the page needs; colours are named by the page's own style. */
export const style = `${pageStyle}
.key-figures { grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.headline.measured .verdict { background: var(--raised); } .headline.measured .eyebrow { color: var(--soft); }
.side-quorate { fill: var(--h0); stroke: var(--h0); } .side-etcd { fill: var(--h1); stroke: var(--h1); }
.side-core { fill: var(--h2); stroke: var(--h2); }
.part-leader { fill: var(--h0); } .part-follower-1 { fill: var(--h5); } .part-follower-2 { fill: var(--h7); }
.part-client { fill: var(--h4); }
.chart rect.bar { stroke: none; } .chart .whisker { stroke: var(--ink); stroke-opacity: .55; stroke-width: 1.2; }
.chart .curve { fill: none; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
.chart .dot { stroke: var(--ground); stroke-width: .8; fill-opacity: .8; }
.chart .value { font-size: 11px; fill: var(--soft); } .chart .name { font-size: 12px; }
.panels { display: grid; grid-template-columns: repeat(3, 1fr); gap: 28px 26px; }
.panels figure { margin: 0; min-width: 0; } .panels figcaption { font-size: 13px; font-weight: 600; margin-bottom: 4px; }
.panels svg { width: 100%; height: auto; }
.whole svg { width: 100%; height: auto; min-width: 700px; }
.met { color: var(--good); font-weight: 600; } .missed { color: var(--bad); font-weight: 600; } .open { color: var(--soft); }
@media (max-width: 900px) { .panels { grid-template-columns: repeat(2, 1fr); } }
@media (max-width: 560px) { .panels { grid-template-columns: 1fr; } .top, main { padding: 0 16px; } }
`

/** What a side is called on the page. */
export const sideWords: Readonly<Record<Measured, string>> = {
  quorate: 'Quorate',
  etcd: 'etcd',
  core: 'Quorate without its state machine',
}

/** A headed part of the page. */
export function section(id: string, title: string, content: Content, note?: string): Markup {
  return markup`<section id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${title}</h2>
    ${note !== undefined && markup`<p class="note">${note}</p>`} ${content}
  </section>`
}

/** Small squares with their meaning. */
export function legend(entries: readonly (readonly [kind: string, words: string])[]): Markup {
  return markup`<ul class="legend">
    ${entries.map(
      ([kind, words]) =>
        markup`<li><svg viewBox="0 0 20 12" aria-hidden="true"><rect class="${kind}" width="20" height="12" rx="2" /></svg>${words}</li>`,
    )}
  </ul>`
}

/** The sides that occur, for a legend. */
export function sideLegend(sides: readonly Measured[]): Markup {
  return legend([...new Set(sides)].map((side) => [`side-${side}`, sideWords[side]]))
}

/** µs as people read them: `0.42 ms`, `12 ms`, `1.2 s`. */
export function micros(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (value < 1_000) return `${String(Math.round(value))} µs`
  if (value < 1_000_000) return `${figure(value / 1_000)} ms`
  return `${figure(value / 1_000_000)} s`
}

/** A power of ten of µs, for an axis: `10 µs`, `1 ms`. */
export function axisMicros(value: number): string {
  if (value < 1_000) return `${String(value)} µs`
  return value < 1_000_000 ? `${String(value / 1_000)} ms` : `${String(value / 1_000_000)} s`
}

/** Three digits, or whole. */
export function figure(value: number): string {
  if (value >= 100) return count(Math.round(value))
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
