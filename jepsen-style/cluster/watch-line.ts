/** What the harness tells its watchdog: one JSON array a line. */

/** One piece of news. */
export type WatchLine =
  /** A process was started; `beginning` tells it from later ones with its id. */
  | { readonly type: 'process'; readonly pid: number; readonly beginning: string }
  /** It has ended. */
  | { readonly type: 'gone'; readonly pid: number }
  /** A file system was mounted at a directory. */
  | { readonly type: 'mount'; readonly path: string }
  /** It was unmounted. */
  | { readonly type: 'unmounted'; readonly path: string }

/** The line, with its end. */
export function formatWatchLine(line: WatchLine): string {
  return JSON.stringify(line) + '\n'
}

/** Reads a line; undefined: it is none. */
export function parseWatchLine(text: string): WatchLine | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined
  const pid = 'pid' in value && isPid(value.pid) ? value.pid : undefined
  const path = 'path' in value && typeof value.path === 'string' ? value.path : undefined
  switch (value.type) {
    case 'process': {
      const beginning = 'beginning' in value ? value.beginning : undefined
      if (pid === undefined || typeof beginning !== 'string') return undefined
      return { type: 'process', pid, beginning }
    }
    case 'gone':
      return pid === undefined ? undefined : { type: 'gone', pid }
    case 'mount':
    case 'unmounted':
      return path === undefined || path === '' ? undefined : { type: value.type, path }
    default:
      return undefined
  }
}

/** A signal to 0 or below goes to whole groups of processes, and 1 is init. */
function isPid(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 1
}
