/**
 * How a report looks: one column, few colours, figures of equal width. Colours are named by what
 * they mean and defined once for light, once for dark. Text meets a contrast of 4.5 to 1 on both.
 */
import { chartStyle } from './chart-style.ts'

const colours = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --raised: #f7f8fa; --line: #e4e7ec; --faint: #eef0f3;
  --ink: #14171f; --soft: #596173; --link: #2f5bd0;
  --good: #16794a; --bad: #c02637; --unsure: #8a5a00; --broken: #b04413;
  --good-wash: #eef8f2; --bad-wash: #fdf0f1; --unsure-wash: #fcf6e6; --broken-wash: #fdf2ec;
  --ok: #3867d6; --ok-soft: #9db7f0; --fail: #d96c00; --unknown: #a33bb5; --band: #6b7280;
  --h0: #4872c0; --h1: #aa6031; --h2: #317f5e; --h3: #a4569b; --h4: #8e6f15; --h5: #447b8c; --h6: #ba5162; --h7: #7169b8;
}
@media (prefers-color-scheme: dark) { :root {
  --ground: #0f1116; --raised: #171a21; --line: #2a2f3a; --faint: #1f232c;
  --ink: #e8eaf0; --soft: #9aa3b5; --link: #8fb0ff;
  --good: #55c98c; --bad: #ff7d88; --unsure: #e5b454; --broken: #ff9a6b;
  --good-wash: #12211a; --bad-wash: #2a1518; --unsure-wash: #252010; --broken-wash: #2a1a12;
  --ok: #7ba2ff; --ok-soft: #3d5590; --fail: #ffa245; --unknown: #d98ae8; --band: #9aa3b5;
  --h0: #7ba2e8; --h1: #e09a68; --h2: #62bb95; --h3: #cc85c4; --h4: #d4b04c; --h5: #7cc1d6; --h6: #e58294; --h7: #a39cea;
} }`

const text = `
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Inter, Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; font-variant-numeric: tabular-nums; }
code, pre, .lane-name { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
code { font-size: .92em; overflow-wrap: anywhere; }
a { color: var(--link); text-underline-offset: 3px; text-decoration-thickness: 1px; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 4px; }
.top, main { max-width: 1144px; margin: 0 auto; padding: 0 32px; }
.top { display: flex; flex-wrap: wrap; gap: 6px; padding-top: 22px; padding-bottom: 22px; color: var(--soft); font-size: 13px; }
.top b { color: var(--ink); font-weight: 650; letter-spacing: -.01em; }
.top span { margin-left: auto; }
section { margin-top: 56px; scroll-margin-top: 20px; }
h1, h2, h3, p, ul, dl, dd { margin: 0; padding: 0; }
ul { list-style: none; }
h1 { font-size: 32px; line-height: 1.2; font-weight: 650; letter-spacing: -.022em; text-wrap: balance; }
h2 { font-size: 19px; font-weight: 620; letter-spacing: -.012em; margin-bottom: 14px; }
h2 + .note { margin-top: -8px; margin-bottom: 16px; }
h3 { font-size: 15px; font-weight: 600; }
.note, .empty { color: var(--soft); font-size: 13px; max-width: 76ch; }
.empty { font-size: 14px; padding: 22px; border: 1px dashed var(--line); border-radius: 10px; max-width: none; }
.text { white-space: pre-line; overflow-wrap: anywhere; max-width: 84ch; }

.text + .legend { margin-top: 16px; }
.label { margin: 22px 0 6px; font-size: 13px; color: var(--soft); }
.icon { flex: none; width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.icon.ok, .word.ok { color: var(--good); } .icon.violation, .word.violation { color: var(--bad); }
.icon.unknown, .word.unknown { color: var(--unsure); } .icon.failed, .word.failed { color: var(--broken); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }`

const parts = `
.verdict { display: flex; gap: 22px; padding: 30px 32px; border-radius: 14px; border: 1px solid var(--line); overflow-wrap: anywhere; }
.verdict .icon { width: 44px; height: 44px; stroke-width: 1.6; margin-top: 6px; }
.verdict > div { min-width: 0; }
.headline.ok .verdict { background: var(--good-wash); } .headline.violation .verdict { background: var(--bad-wash); }
.headline.unknown .verdict { background: var(--unsure-wash); } .headline.failed .verdict { background: var(--broken-wash); }
.eyebrow { font-size: 13px; font-weight: 600; margin-bottom: 4px; }
.headline.ok .eyebrow { color: var(--good); } .headline.violation .eyebrow { color: var(--bad); }
.headline.unknown .eyebrow { color: var(--unsure); } .headline.failed .eyebrow { color: var(--broken); }
.tag { display: inline-block; margin-left: 8px; padding: 0 8px; border: 1px solid currentColor; border-radius: 99px; font-weight: 500; font-size: 12px; }
.lede { margin-top: 8px; max-width: 88ch; color: var(--soft); }
.reasons { margin-top: 14px; padding-left: 14px; border-left: 2px solid currentColor; max-width: 80ch; }
.reasons li + li { margin-top: 4px; }
.jump { display: inline-block; margin-top: 18px; padding: 7px 14px; border-radius: 8px; background: var(--bad); color: var(--ground); font-weight: 600; font-size: 14px; text-decoration: none; }
.key-figures { display: grid; grid-template-columns: repeat(6, 1fr); margin-top: 28px; }
.key-figures > div { padding: 0 14px; border-left: 1px solid var(--line); min-width: 0; }
.key-figures > div:first-child { padding-left: 0; border-left: 0; }
.key-figures dt { font-size: 13px; color: var(--soft); }
.key-figures dd { font-size: 23px; line-height: 1.35; font-weight: 600; letter-spacing: -.02em; white-space: nowrap; }
.key-figures dd span { display: block; font-size: 12px; line-height: 1.4; font-weight: 400; letter-spacing: 0; color: var(--soft); white-space: normal; }
.alarming dd { color: var(--bad); }
.checks { border-top: 1px solid var(--line); }
.checks > li { display: flex; gap: 14px; padding: 16px 0; border-bottom: 1px solid var(--line); }
.checks > li > div { min-width: 0; }
.checks .icon { margin-top: 2px; }
.checks p { margin-top: 3px; color: var(--soft); } .checks .violation p { color: var(--ink); }
.word { margin-left: 6px; font-weight: 500; font-size: 13px; }
.figures { display: flex; flex-wrap: wrap; gap: 4px 22px; margin-top: 8px; font-size: 13px; }
.figures div { display: flex; gap: 7px; } .figures dt { color: var(--soft); } .figures dd { font-weight: 550; }
.facts { display: grid; grid-template-columns: repeat(3, 1fr); gap: 18px 32px; }
.facts dt { font-size: 13px; color: var(--soft); } .facts dd { overflow-wrap: anywhere; }
.command { margin: 0; padding: 12px 16px; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--raised); border: 1px solid var(--line); border-radius: 10px; font-size: 13px; }
.command code { font-size: inherit; overflow-wrap: normal; }
.left-out li { padding: 2px 0; } .left-out b { font-weight: 550; margin-right: 6px; } .left-out { color: var(--soft); font-size: 14px; } .left-out b { color: var(--ink); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; font-weight: 500; } thead th { color: var(--soft); font-size: 12.5px; vertical-align: bottom; white-space: nowrap; }
td, th { padding: 8px 18px 8px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:last-child, th:last-child { padding-right: 0; }
.plain { max-width: 620px; } .plain th { font-weight: 400; }
.wide td { overflow-wrap: anywhere; min-width: 70px; }
.number { text-align: right; white-space: nowrap; min-width: 0; } td.number { overflow-wrap: normal; min-width: 0; } .name { white-space: nowrap; } .soft { color: var(--soft); }
.unseen { color: var(--broken); font-weight: 600; }
tr.named td { background: var(--bad-wash); } tr.named td:first-child { box-shadow: inset 2px 0 var(--bad); }
strong.misfit { color: var(--bad); }
.scroll + h3, .note + h3 { margin: 26px 0 8px; }
details { margin-top: 12px; } summary { cursor: pointer; color: var(--soft); font-size: 13px; width: fit-content; padding: 4px 0; }
footer { margin-top: 64px; padding: 18px 0 40px; border-top: 1px solid var(--line); color: var(--soft); font-size: 13px; }
.tooltip { position: fixed; z-index: 9; top: 0; left: 0; max-width: min(400px, calc(100vw - 16px)); padding: 7px 11px; border-radius: 8px; background: var(--ink); color: var(--ground); font-size: 12.5px; line-height: 1.45; pointer-events: none; overflow-wrap: anywhere; }
.tooltip[hidden] { display: none; }`

const sizes = `
@media (max-width: 860px) {
  .key-figures { grid-template-columns: repeat(3, 1fr); row-gap: 20px; }
  .key-figures > div:nth-child(3n + 1) { padding-left: 0; border-left: 0; }
  .facts { grid-template-columns: repeat(2, 1fr); }
  .wide { min-width: 780px; }
}
@media (max-width: 520px) {
  .top, main { padding-left: 18px; padding-right: 18px; }
  .verdict { flex-direction: column; gap: 12px; padding: 22px 20px; }
  .verdict .icon { margin-top: 0; }
  h1 { font-size: 25px; }
  section { margin-top: 44px; }
  .key-figures { grid-template-columns: repeat(2, 1fr); }
  .key-figures > div:nth-child(n) { padding-left: 14px; border-left: 1px solid var(--line); }
  .key-figures > div:nth-child(2n + 1) { padding-left: 0; border-left: 0; }
  .facts { grid-template-columns: 1fr; gap: 12px; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print {
  body { font-size: 11px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .top, main { max-width: none; padding-left: 0; padding-right: 0; }
  section { margin-top: 28px; break-inside: auto; } h2 { break-after: avoid; }
  .scroll { overflow: visible; } svg.chart { min-width: 0; width: 100%; height: auto; break-inside: avoid; }
  tr, .checks > li { break-inside: avoid; } .jump, .tooltip, summary { display: none; }
  .key-figures { grid-template-columns: repeat(6, 1fr); } .key-figures dd { font-size: 16px; }
}`

/** The whole style sheet. */
export const style = colours + text + parts + chartStyle + sizes
