/** Figures and values as people read them. Nothing here depends on the machine's locale or zone. */

const dash = '–'

/** `48210` → `48,210`; fractions keep two decimals. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return dash
  const rounded = Number.isInteger(value) ? value : Math.round(value * 100) / 100
  const [whole = '', fraction] = String(rounded).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}

function digits(value: number): string {
  if (value >= 100) return count(Math.round(value))
  if (value >= 10) return value.toFixed(1)
  return value.toFixed(2)
}

/** Milliseconds in the unit that fits: `0.42 ms`, `38.0 ms`, `1.24 s`, `3 min 05 s`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return dash
  if (ms === 0) return '0 ms'
  if (ms < 1000) return `${digits(ms)} ms`
  if (ms < 120_000) return `${digits(ms / 1000)} s`
  const seconds = Math.round(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  if (minutes < 120) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`
}

/** A moment of the run, in seconds since it began: `12.345 s`. */
export function moment(ms: number): string {
  return Number.isFinite(ms) ? `${(ms / 1000).toFixed(3)} s` : dash
}

/** The label of a round position on the axis of time. */
export function tickTime(ms: number): string {
  if (ms < 120_000) return `${count(ms / 1000)} s`
  return `${count(ms / 60_000)} min`
}

/**
 * A share of 1 in per cent. Never rounded up to 100 %: one lost call in a million must not look
 * like none.
 */
export function share(value: number): string {
  if (!Number.isFinite(value)) return dash
  if (value >= 1) return '100 %'
  const cut = Math.floor(value * 100_000) / 1000
  return `${cut === 0 && value > 0 ? '< 0.001' : String(cut)} %`
}

/** `1 call`, `2 calls`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** Text of at most `max` characters; what is cut off is shown by an ellipsis. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text
  return max <= 1 ? '…' : `${text.slice(0, max - 1)}…`
}

/** Any value of a history in one line of at most `max` characters. */
export function brief(value: unknown, max: number): string {
  if (value === undefined) return ''
  if (value === null) return 'nil'
  if (typeof value === 'string') return cut(value, max)
  if (Array.isArray(value) && value.length > max) {
    // A set of thousands need not be spelled out only to be cut.
    return cut(`[${String(value.length)} values]`, max)
  }
  return cut(JSON.stringify(value), max)
}

/** `2026-01-31T12:00:03.120Z` → `2026-01-31 12:00:03 UTC`; anything else stays as it is. */
export function clock(iso: string): string {
  return iso.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/, '$1 $2 UTC')
}
