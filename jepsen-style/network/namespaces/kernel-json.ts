/** What `ip -j` and `tc -j` print, checked before it is used. */

/** What a device has counted. */
export interface DeviceFigures {
  /** Packets that went into it. */
  readonly packets: number
  /** Packets that its queueing discipline dropped. */
  readonly drops: number
}

/** The names of `ip -j link show`. */
export function namesOfLinks(json: string): readonly string[] {
  return rows(json).flatMap((row) => (typeof row['ifname'] === 'string' ? [row['ifname']] : []))
}

/** Packets sent by each device, of `ip -s -j link show`. */
export function packetsByLink(json: string): ReadonlyMap<string, number> {
  const packets = new Map<string, number>()
  for (const row of rows(json)) {
    const sent = record(record(row['stats64'])?.['tx'])
    const name = row['ifname']
    if (typeof name === 'string') packets.set(name, count(sent?.['packets']))
  }
  return packets
}

/** Disciplines that this harness sets up. Others, such as `noqueue`, may count nothing at all. */
const ours: ReadonlySet<unknown> = new Set(['tbf', 'netem'])

/** The figures of the disciplines that were set up here, of `tc -s -j qdisc show`. */
export function figuresByDevice(json: string): ReadonlyMap<string, DeviceFigures> {
  const figures = new Map<string, DeviceFigures>()
  for (const row of rows(json)) {
    const name = row['dev']
    if (typeof name !== 'string' || row['root'] !== true || !ours.has(row['kind'])) continue
    figures.set(name, {
      packets: count(row['packets']),
      drops: count(row['drops']),
    })
  }
  return figures
}

function rows(json: string): readonly Readonly<Record<string, unknown>>[] {
  const parsed: unknown = json.trim() === '' ? [] : JSON.parse(json)
  if (!Array.isArray(parsed)) throw new Error('ip or tc printed JSON that is no list')
  return parsed.flatMap((row: unknown) => {
    const found = record(row)
    return found === undefined ? [] : [found]
  })
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? { ...value } : undefined
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0
}
