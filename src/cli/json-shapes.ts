/** Keys and values in JSON: as text where they are UTF-8, as base64 where they are not. */

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text that these bytes are in UTF-8; undefined where they are none. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** `{ key }` or `{ keyBase64 }`. */
export function keyField(key: Uint8Array): { key: string } | { keyBase64: string } {
  const text = textOf(key)
  return text === undefined ? { keyBase64: base64(key) } : { key: text }
}

/** `{ value }` or `{ valueBase64 }`. */
export function valueField(value: Uint8Array): { value: string } | { valueBase64: string } {
  const text = textOf(value)
  return text === undefined ? { valueBase64: base64(value) } : { value: text }
}

/** For people: the text, or the base64 with a mark. */
export function describeBytes(bytes: Uint8Array): string {
  return textOf(bytes) ?? `base64:${base64(bytes)}`
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** What the client hands out under the encoding `buffer`. */
export function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new TypeError('the client was asked for bytes and gave something else')
}
