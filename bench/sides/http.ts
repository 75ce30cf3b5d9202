/** Short questions over HTTP, to nodes of either side. */

const answerMsMax = 2_000

/** Asks; undefined where nothing answers with 200. */
export async function askJson(
  url: string,
  body?: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const signal = AbortSignal.timeout(answerMsMax)
    const response = await fetch(
      url,
      body === undefined ? { signal } : { signal, method: 'POST', body: JSON.stringify(body) },
    )
    const document: unknown = await response.json()
    if (!response.ok || typeof document !== 'object' || document === null) return undefined
    return document as Record<string, unknown>
  } catch {
    // Not up yet, or not any more.
    return undefined
  }
}
