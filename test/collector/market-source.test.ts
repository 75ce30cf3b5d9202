/**
 * Goal: made-up market data is the same for every replica, has the sizes and odd numbers of real
 * data, and each record has an identity of its own.
 * Method: several thousand records, looked at as JSON; the counts of a run with replicas.
 */
import { describe, expect, test } from 'vitest'
import {
  marketRecords,
  marketSource,
  marketTemplates,
  parseLine,
  renderTemplate,
  templateFields,
} from '../../src/collector/index.ts'
import { bytesOf, FakeStore, runCollect } from './fakes.ts'

const options = { seed: 7, count: 4_000, startMs: 1_670_889_600_000, intervalMs: 60_000 }
const usage = expect.objectContaining({ code: 'QUORATE_USAGE' })

interface MarketRecord {
  readonly type: string
  readonly intervalStart: number
  readonly intervalEnd: number
}

describe('marketRecords', () => {
  const records = [...marketRecords(options)]

  test('makes the same bytes from the same seed, for every replica', () => {
    expect(records).toHaveLength(4_000)
    expect([...marketRecords(options, 2)]).toEqual(records)
    expect([...marketRecords({ ...options, count: 100 })]).toEqual(records.slice(0, 100))
    expect([...marketRecords({ ...options, seed: 8 })]).not.toEqual(records)
  })

  test('gives each record an identity of its own, in the order of time', () => {
    const wanted = templateFields([marketTemplates.key, marketTemplates.token])
    const names = new Set<string>()
    for (const record of records) {
      const line = parseLine(bytesOf(record), wanted)
      if (typeof line === 'string') throw new Error(line)
      for (const template of [marketTemplates.key, marketTemplates.token]) {
        const name = renderTemplate(template, line)
        if (!name.ok) throw new Error(name.problem)
        names.add(name.text)
      }
    }
    const starts = records.map((record) => (JSON.parse(record) as MarketRecord).intervalStart)

    expect(names.size).toBe(2 * records.length)
    expect(starts).toEqual(starts.toSorted((a, b) => a - b))
    expect(starts[0]).toBe(options.startMs)
  })

  test('has the sizes of real records', () => {
    const sizes = new Map<string, number[]>()
    for (const record of records) {
      const { type } = JSON.parse(record) as MarketRecord
      sizes.set(type, [...(sizes.get(type) ?? []), record.length])
    }
    const middle = (type: string): number => {
      const sorted = (sizes.get(type) ?? []).toSorted((a, b) => a - b)
      return sorted[sorted.length >> 1] ?? 0
    }
    const largest = (type: string): number => Math.max(...(sizes.get(type) ?? []))

    expect([...sizes.keys()].sort()).toEqual(['candle', 'orderBook', 'ticker', 'trade'])
    expect(middle('candle')).toBeGreaterThan(200)
    expect(largest('candle')).toBeLessThan(800)
    expect(middle('ticker')).toBeGreaterThan(280)
    expect(largest('ticker')).toBeLessThan(600)
    expect(middle('trade')).toBeGreaterThan(2_000)
    expect(largest('trade')).toBeLessThan(50_000)
    expect(middle('orderBook')).toBeGreaterThan(2_500)
    expect(largest('orderBook')).toBeGreaterThan(100_000)
    expect(largest('orderBook')).toBeLessThan(250_000)
  })

  test('has numbers that a parse and a print would change', () => {
    const changed = records.filter((record) => JSON.stringify(JSON.parse(record)) !== record)

    expect(changed.length).toBeGreaterThan(records.length / 2)
    expect(records.some((record) => /"open":\d+\.0,/.test(record))).toBe(true)
  })

  test('prices make sense: the low is lowest, and the high highest', () => {
    for (const record of records) {
      const parsed = JSON.parse(record) as { type: string; payload: Record<string, number> }
      if (parsed.type !== 'candle') continue
      const { open = 0, high = 0, low = 0, close = 0 } = parsed.payload
      expect(low).toBeGreaterThan(0)
      expect(low).toBeLessThanOrEqual(Math.min(open, close))
      expect(high).toBeGreaterThanOrEqual(Math.max(open, close))
    }
  })

  test('with mismatchEvery, just these records differ from replica to replica', () => {
    const one = [...marketRecords({ ...options, count: 100, mismatchEvery: 10 }, 0)]
    const two = [...marketRecords({ ...options, count: 100, mismatchEvery: 10 }, 1)]
    const differing = one.flatMap((record, i) => (record === two[i] ? [] : [i]))

    expect(differing).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90])
  })

  test('options that cannot be right', () => {
    for (const wrong of [
      { count: -1 },
      { count: 1.5 },
      { startMs: -1 },
      { intervalMs: 0 },
      { mismatchEvery: 0 },
    ]) {
      expect(() => marketSource({ ...options, ...wrong })).toThrow(usage)
    }
  })
})

describe('marketSource', () => {
  test('collected by replicas: stored once, and what differs is a mismatch', async () => {
    const store = new FakeStore()
    const source = marketSource({ ...options, count: 300, mismatchEvery: 3 })

    const report = await runCollect(store, source, {
      keyTemplate: marketTemplates.key,
      tokenTemplate: marketTemplates.token,
    })

    expect(report).toMatchObject({
      records: 300,
      applied: 300,
      duplicate: 400,
      mismatch: 200,
      rejected: 0,
    })
  })

  test('the same bytes for all are read once, and end with the run', async () => {
    const source = marketSource({ ...options, count: 200 })
    const abort = new AbortController()
    let lines = 0

    for await (const batch of source.open(0, abort.signal)) {
      lines += batch.length
      abort.abort()
    }

    expect(source.kind).toBe('shared')
    expect(lines).toBe(64)
  })
})
