/** Signs of a verdict. Each has a shape of its own: colour alone tells nothing in print. */
import { markup, type Markup } from './html.ts'
import type { RunRecord } from './run-record.ts'

/** How a run or a check ended. */
export type Verdict = RunRecord['verdict']

const strokes: Readonly<Record<Verdict, Markup>> = {
  ok: markup`<circle cx="12" cy="12" r="10"/><path d="M7.5 12.5l3 3l6-6.5"/>`,
  violation: markup`<path d="M8 2h8l6 6v8l-6 6H8l-6-6V8z"/><path d="M8.5 8.5l7 7m0-7l-7 7"/>`,
  unknown: markup`<circle cx="12" cy="12" r="10" stroke-dasharray="4.2 2.1"/>
    <path d="M9 9.3a3 3 0 1 1 4.2 2.8c-.8.4-1.2 1-1.2 1.9M12 17.2v.1"/>`,
  failed: markup`<path d="M12 2.5L22.5 21h-21z"/><path d="M12 9.5v5M12 17.6v.1"/>`,
}

/** The sign of a verdict, beside words that say the same. */
export function icon(verdict: Verdict): Markup {
  return markup`<svg class="icon ${verdict}" viewBox="0 0 24 24" width="20" height="20" fill="none" aria-hidden="true">${strokes[verdict]}</svg>`
}

/** The verdict of a check in a word. */
export const verdictWords: Readonly<Record<Verdict, string>> = {
  ok: 'passed',
  violation: 'violated',
  unknown: 'unknown',
  failed: 'failed',
}
