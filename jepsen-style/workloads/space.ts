/**
 * Where a run keeps its rows. Each run has a prefix of its own: on a cluster that has seen other
 * runs, rows and tokens of an older one with the same seed would look like wonders.
 */

/** A part of the key space, and of the tokens. */
export class Space {
  /** What all of its keys and tokens begin with. */
  readonly prefix: string

  constructor(workload: string) {
    this.prefix = `chaos/${workload}/${Date.now().toString(36)}-${process.pid.toString(36)}/`
  }

  /** The key, or token, by this name. */
  key(name: string): string {
    return this.prefix + name
  }

  /** The name behind a key that the store handed out; undefined: it is none of this space. */
  nameOf(key: unknown): string | undefined {
    if (typeof key !== 'string' || !key.startsWith(this.prefix)) return undefined
    return key.slice(this.prefix.length)
  }
}

const digits = 8

/** A number in keys: the order of the keys is that of the numbers, up to 99,999,999. */
export function padded(number: number): string {
  return String(number).padStart(digits, '0')
}

/** The number that `padded` wrote; undefined: it wrote none such. */
export function unpadded(text: string): number | undefined {
  return /^\d{8,}$/.test(text) ? Number(text) : undefined
}

/** The text of a value as the store holds it; bytes that are no text become another text. */
export function storedText(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
  return String(value)
}
