/**
 * Latencies of one job. HdrHistogram keeps every one of them to three digits in a few hundred KiB,
 * so nothing is sampled and rounds can be added up afterwards.
 */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js'

/** A minute, in µs: what takes longer counts as a minute. */
const microsMost = 60_000_000

/** An empty histogram of µs, 1 to 60,000,000, to three digits. */
export function emptyHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: microsMost,
    numberOfSignificantValueDigits: 3,
    autoResize: false,
  })
}

/** Counts a latency in ms. */
export function recordMs(histogram: Histogram, ms: number): void {
  const micros = Math.round(ms * 1_000)
  histogram.recordValue(micros < 1 ? 1 : micros > microsMost ? microsMost : micros)
}

/** The form in which histograms travel and are kept: V2, compressed, base64. */
export function encodeHistogram(histogram: Histogram): string {
  return encodeIntoCompressedBase64(histogram)
}

/** Reads that form; throws where it is not one. */
export function decodeHistogram(text: string): Histogram {
  return decodeFromCompressedBase64(text)
}

/** All of them as one; an empty one where there are none. */
export function mergeHistograms(texts: readonly string[]): Histogram {
  const all = emptyHistogram()
  for (const text of texts) all.add(decodeHistogram(text))
  return all
}
