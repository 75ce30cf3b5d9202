/**
 * Values of a lifetime. What is stored is a short tag and padding that follows from it, so the
 * history holds only tags, and a value that was cut, mixed with another or made up is noticed where
 * it is read.
 *
 * | tag               | written by                                                            |
 * | ----------------- | --------------------------------------------------------------------- |
 * | `v<call>.<n>:<l>` | the call with this id alone, as its n-th change                       |
 * | `t<r>#<p>.<n>:<l>`| any call with the token of record r (`tokenOf`) and its payload p     |
 * | `o<k>#<p>.0:<l>`  | any `once` put of key `o/<k>` with payload p                          |
 *
 * `<l>` is the number of padding characters, which follow the tag and one `~`. Only values `v` have
 * one origin: a token's payload is written by whichever of its calls comes first, and once more if
 * the token was forgotten in between; a `once` payload may come back after the key was deleted.
 */
import { Violation } from '../world/observer.ts'

/** Padding is cut from here; a whole number of periods would hide a shift by one. */
const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789-'
const paddingMax = 65_536
const shiftMax = 251
const padding = alphabet.repeat(Math.ceil((paddingMax + shiftMax) / alphabet.length))

/** Where a value comes from. */
export type Origin =
  | { readonly type: 'call'; readonly call: number; readonly change: number }
  | {
      readonly type: 'token'
      readonly token: string
      readonly payload: number
      readonly change: number
    }
  | { readonly type: 'once'; readonly key: string; readonly payload: number }

/** The token of a record. */
export function tokenOf(record: number): string {
  return `tok${record}`
}

/** The tag of a value that one call alone writes. */
export function callTag(call: number, change: number, bytes: number): string {
  return tagged(`v${call}.${change}`, bytes)
}

/** The tag of a value that whoever has the token writes. */
export function tokenTag(record: number, payload: number, change: number, bytes: number): string {
  return tagged(`t${record}#${payload}.${change}`, bytes)
}

/** The tag of a value of key `o/<key>` that every `once` put with this payload writes. */
export function onceTag(key: number, payload: number, bytes: number): string {
  return tagged(`o${key}#${payload}.0`, bytes)
}

/** What is stored for a tag. */
export function storedValue(tag: string): string {
  return `${tag}~${paddingOf(tag)}`
}

/** The tag of a value that was read; a `Violation` if no client can have written it. */
export function readTag(stored: unknown): string {
  if (typeof stored !== 'string') throw new Violation('client', 'a value is not a text')
  const end = stored.indexOf('~')
  const tag = end === -1 ? stored : stored.slice(0, end)
  if (end === -1 || originOf(tag) === undefined || stored.slice(end + 1) !== paddingOf(tag)) {
    const shown = stored.slice(0, 64)
    throw new Violation('client', `no client wrote this value: ${shown} (${stored.length} bytes)`)
  }
  return tag
}

/** Where the value of a tag comes from; undefined where it is no tag. */
export function originOf(tag: string): Origin | undefined {
  const match = /^(?:v(\d+)|([to])(\d+)#(\d+))\.(\d+):\d+$/.exec(tag)
  if (match === null) return undefined
  const [, call, kind, name, payload, change] = match
  if (call !== undefined) return { type: 'call', call: Number(call), change: Number(change) }
  if (kind === 'o') return { type: 'once', key: `o/${name}`, payload: Number(payload) }
  return {
    type: 'token',
    token: tokenOf(Number(name)),
    payload: Number(payload),
    change: Number(change),
  }
}

function tagged(name: string, bytes: number): string {
  return `${name}:${Math.min(paddingMax, Math.max(0, bytes - name.length - 4))}`
}

function paddingOf(tag: string): string {
  const length = Number(tag.slice(tag.indexOf(':') + 1))
  if (!(length <= paddingMax)) return ''
  let sum = 0
  for (let i = 0; i < tag.length; i++) sum = (sum * 31 + tag.charCodeAt(i)) % shiftMax
  return padding.slice(sum, sum + length)
}
