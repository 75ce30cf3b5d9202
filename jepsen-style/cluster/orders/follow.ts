/**
 * The side of a node's process: follows orders that the harness writes into a file, and answers in
 * another. The file is looked at twenty times a second. A failure in here must not be taken for one
 * of the node, so what cannot be read counts as no order.
 */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'

/** The answer's file has the order's name and this. */
export const answerSuffix = '.answer'

const lookMs = 50
/** An order has some hundred bytes. */
const orderBytesMax = 4_096

/** What a process does about its orders. */
export interface Follower {
  /** The file has changed; undefined: there is none. */
  changed(text: string | undefined): void
  /** Once after each look, changed or not. */
  looked(): void
}

/** Looks at once, and then again and again for as long as the process lives by itself. */
export function follow(path: string, follower: Follower): void {
  let seenAt: string | undefined
  const look = (): void => {
    try {
      const at = signatureOf(path)
      if (at !== seenAt) {
        seenAt = at
        follower.changed(at === undefined ? undefined : readFileSync(path, 'utf8'))
      }
      follower.looked()
    } catch {
      seenAt = undefined
    }
  }
  look()
  setInterval(look, lookMs).unref()
}

/** Answers, in place of what was answered before; nobody reads half of it. */
export function answerOrder(path: string, answer: { readonly number: number }): void {
  const temporary = `${path}${answerSuffix}.${process.pid}.tmp`
  writeFileSync(temporary, JSON.stringify({ pid: process.pid, ...answer }) + '\n')
  renameSync(temporary, `${path}${answerSuffix}`)
}

/** Changes whenever the file is replaced; undefined: there is none, or it is too large to be one. */
function signatureOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined || stat.size > orderBytesMax) return undefined
  return `${stat.ino} ${stat.mtimeMs} ${stat.size}`
}
