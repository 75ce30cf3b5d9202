/** What a node says of itself over HTTP, past all links. */
import { get } from 'node:http'
import type { NodeReport } from './cluster.ts'

/** A status is some KiB; more than this is none. */
const bodyBytesMax = 1_048_576

/**
 * Asks a node at the address that it listens on. Undefined: no answer within the time, or one that
 * is none.
 */
export async function fetchReport(
  address: string,
  withinMs: number,
): Promise<NodeReport | undefined> {
  const body = await fetchText(`http://${address}/status`, withinMs)
  return body === undefined ? undefined : parseReport(body)
}

function fetchText(url: string, withinMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const none = (): void => resolve(undefined)
    const signal = AbortSignal.timeout(Math.max(1, Math.ceil(withinMs)))
    const request = get(url, { signal, agent: false }, (response) => {
      const chunks: Buffer[] = []
      let length = 0
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > bodyBytesMax) request.destroy()
        else chunks.push(chunk)
      })
      response.on('error', none)
      response.on('close', none)
      response.on('end', () => {
        resolve(response.statusCode === 200 ? Buffer.concat(chunks).toString('utf8') : undefined)
      })
    })
    request.on('error', none)
  })
}

/** Validates a status document; undefined: it is none. */
export function parseReport(body: string): NodeReport | undefined {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const fields = new Map<string, unknown>(Object.entries(value))
  const id = fields.get('id')
  const role = fields.get('role')
  const ready = fields.get('ready')
  const leader = fields.get('leader')
  const term = countOf(fields.get('term'))
  const commitIndex = countOf(fields.get('commitIndex'))
  const appliedIndex = countOf(fields.get('appliedIndex'))
  const revision = countOf(fields.get('revision'))
  if (typeof id !== 'string' || typeof role !== 'string' || typeof ready !== 'boolean') {
    return undefined
  }
  if (term === undefined || commitIndex === undefined) return undefined
  if (appliedIndex === undefined || revision === undefined) return undefined
  const lastIndex = countOf(fields.get('lastIndex')) ?? commitIndex
  const baseIndex = countOf(fields.get('baseIndex')) ?? 0
  const awaited = fields.get('waitsFor')
  const waitsFor = typeof awaited === 'string' ? awaited : undefined
  const leads = typeof leader === 'string' && leader !== '' ? leader : undefined
  const diskFull = fields.get('diskFull') === true
  const indexes = { commitIndex, lastIndex, appliedIndex, revision, baseIndex }
  return { id, role, term, leader: leads, ...indexes, ready, diskFull, waitsFor }
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/**
 * The leader that reports tell of: the node that says itself that it leads, in the highest term that
 * any of them names. Followers go on naming one that has just gone, so their word does not count.
 */
export function leaderOf(reports: readonly NodeReport[]): string | undefined {
  const term = Math.max(0, ...reports.map((report) => report.term))
  return reports.find((report) => report.role === 'leader' && report.term === term)?.id
}
