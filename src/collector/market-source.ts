/**
 * Market data from a seed: what collectors of several exchanges would fetch, made up.
 *
 * Candles, tickers, trades and order books in the sizes that real ones have, with prices that walk
 * and decimals that a parse and print would change (`17204.0`). The same options give the same
 * bytes, on every machine and for every replica.
 */
import { assert, present, unreachable } from '../assert.ts'
import { usageError } from '../errors.ts'
import type { Random } from '../ports.ts'
import { randomBetween, SeededRandom } from '../random.ts'
import type { Line, LineSource } from './lines.ts'
import { parseTemplate } from './template.ts'

/** What names a market record. */
export const marketTemplates = {
  key: parseTemplate('{type}/{exchange}/{symbol}/{intervalStart}-{intervalEnd}'),
  token: parseTemplate('{type}/{exchange}/{symbol}/{intervalStart}/{intervalEnd}'),
}

/** Options of `marketSource`. */
export interface MarketSourceOptions {
  readonly seed: number
  /** How many records. */
  readonly count: number
  /** Start of the first interval, ms since 1970. */
  readonly startMs: number
  readonly intervalMs: number
  /**
   * Every record whose number is a multiple of this differs from replica to replica, as records
   * do that were fetched at different moments. Default: none differs.
   */
  readonly mismatchEvery?: number
}

interface Market {
  readonly exchange: string
  readonly symbol: string
  /** Digits behind the point. */
  readonly decimals: number
  /** Price in units of the last digit; it walks. */
  price: number
}

type RecordType = (typeof recordTypes)[number]

const recordTypes = ['candle', 'ticker', 'trade', 'orderBook'] as const
const batchLines = 64
/** One order book in so many is a full one, and one trade record is a busy interval. */
const fullBookEvery = 200
const busyEvery = 20
const levelsUsual = 50
const levelsFull = 2_500

/** The records as lines. */
export function marketSource(options: MarketSourceOptions): LineSource {
  checkOptions(options)
  return {
    kind: options.mismatchEvery === undefined ? 'shared' : 'perReplica',
    open: (replica, signal) => batches(marketRecords(options, replica), signal),
  }
}

/** The records as texts, one after the other. */
export function* marketRecords(options: MarketSourceOptions, replica = 0): Generator<string> {
  checkOptions(options)
  const { count, startMs, intervalMs, mismatchEvery } = options
  const random = new SeededRandom(options.seed)
  const markets = newMarkets()
  const perInterval = markets.length * recordTypes.length
  for (let n = 0; n < count; n++) {
    const start = startMs + Math.floor(n / perInterval) * intervalMs
    const place = n % perInterval
    const market = present(markets[Math.floor(place / recordTypes.length)], 'a market per place')
    const type = present(recordTypes[place % recordTypes.length], 'a type per place')
    const { exchange, symbol } = market
    const head = { exchange, symbol, type, intervalStart: start, intervalEnd: start + intervalMs }
    // All draws come before the replica is looked at: otherwise one that differs here would differ
    // from here on.
    const payload = newPayload(random, market, type, start, intervalMs)
    const differs = mismatchEvery !== undefined && n % mismatchEvery === 0
    const fetched = differs ? `"fetchedAt":${start + intervalMs + replica},` : ''
    yield `${JSON.stringify(head).slice(0, -1)},"payload":{${fetched}${payload}}}`
  }
}

function checkOptions({ count, startMs, intervalMs, mismatchEvery }: MarketSourceOptions): void {
  checkWhole('count', count, 0)
  checkWhole('startMs', startMs, 0)
  checkWhole('intervalMs', intervalMs, 1)
  checkWhole('mismatchEvery', mismatchEvery ?? 1, 1)
}

function checkWhole(name: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw usageError(`${name} must be a whole number, ${min} or more`)
  }
}

async function* batches(
  records: Iterable<string>,
  signal: AbortSignal,
): AsyncGenerator<readonly Line[]> {
  const encoder = new TextEncoder()
  let batch: Line[] = []
  let line = 0
  for (const record of records) {
    line += 1
    batch.push({ line, bytes: encoder.encode(record) })
    if (batch.length < batchLines) continue
    if (signal.aborted) return
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

function newMarkets(): readonly Market[] {
  return [
    { exchange: 'binance', symbol: 'BTC/USDT', decimals: 2, price: 1_720_412 },
    { exchange: 'binance', symbol: 'ETH/USDT', decimals: 2, price: 127_431 },
    { exchange: 'bitstamp', symbol: 'BTC/USD', decimals: 0, price: 17_204 },
    { exchange: 'bybit', symbol: 'BTC/USD', decimals: 1, price: 172_040 },
    { exchange: 'coinbase', symbol: 'SOL/USD', decimals: 3, price: 13_620 },
    { exchange: 'kraken', symbol: 'ADA/EUR', decimals: 6, price: 293_114 },
  ]
}

function newPayload(
  random: Random,
  market: Market,
  type: RecordType,
  start: number,
  intervalMs: number,
): string {
  switch (type) {
    case 'candle':
      return candle(random, market)
    case 'ticker':
      return ticker(random, market)
    case 'trade':
      return trades(random, market, start, intervalMs)
    case 'orderBook':
      return orderBook(random, market)
    default:
      return unreachable(type)
  }
}

function candle(random: Random, market: Market): string {
  const open = market.price
  const close = walk(random, market)
  const high = Math.max(open, close) + randomBetween(random, 0, 20)
  const low = Math.max(1, Math.min(open, close) - randomBetween(random, 0, 20))
  const { decimals } = market
  return [
    `"open":${price(open, decimals)}`,
    `"high":${price(high, decimals)}`,
    `"low":${price(low, decimals)}`,
    `"close":${price(close, decimals)}`,
    `"volume":${amount(random)}`,
    `"trades":${randomBetween(random, 1, 900)}`,
  ].join(',')
}

function ticker(random: Random, market: Market): string {
  const { decimals, price: last } = market
  const change = randomBetween(random, 0, 2_000) - 1_000
  return [
    `"last":${price(last, decimals)}`,
    `"bid":${price(Math.max(1, last - 1), decimals)},"bidVolume":${amount(random)}`,
    `"ask":${price(last + 1, decimals)},"askVolume":${amount(random)}`,
    `"high":${price(last + randomBetween(random, 0, 500), decimals)}`,
    `"baseVolume":${amount(random)},"quoteVolume":${amount(random)}`,
    `"percentage":${change < 0 ? '-' : ''}${decimal(Math.abs(change), 3)}`,
  ].join(',')
}

function trades(random: Random, market: Market, start: number, intervalMs: number): string {
  const isBusy = randomBetween(random, 0, busyEvery) === 0
  const length = isBusy ? randomBetween(random, 180, 400) : randomBetween(random, 20, 180)
  const rows = Array.from({ length }, (_, i) => {
    // Trade numbers beyond 2^53, as some exchanges have them: only their text is exact.
    const id = `90071992547${String(random.uint32()).padStart(10, '0')}`
    const time = start + Math.floor((i * intervalMs) / length)
    const side = random.uint32() % 2 === 0 ? 'buy' : 'sell'
    const at = price(walk(random, market), market.decimals)
    return `{"id":${id},"time":${time},"side":"${side}","price":${at},"amount":${amount(random)}}`
  })
  return `"trades":[${rows.join(',')}]`
}

function orderBook(random: Random, market: Market): string {
  const isFull = randomBetween(random, 0, fullBookEvery) === 0
  const levels = isFull ? levelsFull : levelsUsual
  const side = (direction: number): string => {
    let at = market.price
    const rows = Array.from({ length: levels }, () => {
      at = Math.max(1, at + direction * randomBetween(random, 1, 4))
      const size = amount(random)
      return `[${price(at, market.decimals)},${size},${randomBetween(random, 1, 30)}]`
    })
    return `[${rows.join(',')}]`
  }
  return `"bids":${side(-1)},"asks":${side(1)}`
}

/** Moves the price a little, at most by a thousandth, and never below one. */
function walk(random: Random, market: Market): number {
  const step = Math.max(2, Math.floor(market.price / 1000))
  market.price = Math.max(1, market.price + randomBetween(random, 0, 2 * step + 1) - step)
  return market.price
}

/** Whole prices too are written with a point, as some exchanges do. */
function price(units: number, decimals: number): string {
  return decimals === 0 ? `${units}.0` : decimal(units, decimals)
}

function amount(random: Random): string {
  return decimal(randomBetween(random, 1_000, 4_000_000_000), 8)
}

/** A decimal as exact text: floating-point printing would drop its zeros. */
function decimal(units: number, decimals: number): string {
  assert(Number.isSafeInteger(units) && units >= 0, 'units are whole and not negative')
  const digits = String(units).padStart(decimals + 1, '0')
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}
