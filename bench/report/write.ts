/** The files that a run leaves: `bench.json` for programs, `bench.html` for people. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawPage } from './page.ts'
import type { BenchRecord } from './record.ts'

/** Writes them into a directory that exists; returns their paths. */
export function writeReport(record: BenchRecord, directory: string): readonly string[] {
  const json = join(directory, 'bench.json')
  writeFileSync(json, `${JSON.stringify(record, undefined, 2)}\n`)
  const html = join(directory, 'bench.html')
  writeFileSync(html, drawPage(record))
  return [json, html]
}
