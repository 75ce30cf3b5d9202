/**
 * Records as collectors of market data write them: candles, as lines of JSON. Replicas of a
 * collector fetch at different moments, so that of one record there are different versions.
 * All of it is a function of the record's number.
 */
import { SeededChance } from './chance.ts'
import { padded, unpadded } from './space.ts'

/** Markets, each with one record an interval. */
const markets = ['BTC-USDT', 'ETH-USDT', 'SOL-EUR', 'ADA-BTC', 'XRP-USD'] as const
const minuteMs = 60_000
/** The first interval: 2026-01-01. */
const firstMs = Date.UTC(2026, 0, 1)

/** Versions that replicas may fetch of one record. */
export const versions = [0, 1] as const
export type Version = (typeof versions)[number]

/** Its name, which is its identity: records of one interval stand next to each other. */
export function candleName(record: number): string {
  const market = markets[record % markets.length] ?? markets[0]
  return `candle/${padded(Math.floor(record / markets.length))}/${market}`
}

/** The number of a record by its name; undefined: it is none. */
export function candleOf(name: string): number | undefined {
  const [kind, interval = '', market = ''] = name.split('/')
  const place = markets.findIndex((known) => known === market)
  const minute = unpadded(interval)
  if (kind !== 'candle' || place < 0 || minute === undefined) return undefined
  return minute * markets.length + place
}

/** The beginning of the names of all records from this one's interval on, in their order. */
export function candleBound(record: number): string {
  return `candle/${padded(Math.floor(record / markets.length))}/`
}

/** Records of one interval. */
export const candlesPerInterval = markets.length

/** The record as it is stored. */
export function candleText(record: number, version: Version): string {
  const chance = new SeededChance(record)
  const price = chance.between(100_000, 9_000_000)
  const spread = chance.between(0, 5_000)
  const start = firstMs + Math.floor(record / markets.length) * minuteMs
  // What was traded late is only in the later version.
  const volume = chance.between(1, 1_000_000) + version * 17
  // By hand, because decimals are to stay as they were written, `17204.0` for one.
  const fields = [
    `"exchange":"example"`,
    `"market":"${markets[record % markets.length] ?? markets[0]}"`,
    `"type":"candle"`,
    `"intervalStart":${start}`,
    `"intervalEnd":${start + minuteMs}`,
    `"open":${decimal(price)}`,
    `"high":${decimal(price + spread)}`,
    `"low":${decimal(price - spread)}`,
    `"close":${decimal(price + Math.floor(spread / 2))}`,
    `"volume":${decimal(volume)}`,
  ]
  return `{${fields.join(',')}}`
}

function decimal(hundredths: number): string {
  return (hundredths / 100).toFixed(1)
}
