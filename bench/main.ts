/**
 * `npm run bench`: load on three nodes of ours on this machine, beside a peer if asked, and a report.
 * It prints and writes what it measured and judges nothing; it fails only where nothing could be
 * measured.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArguments, type BenchOptions } from './command.ts'
import { thisMachine } from './measure/machine.ts'
import { procIsThere } from './measure/proc.ts'
import { runBench } from './run/bench.ts'
import { realSurroundings } from './run/surroundings.ts'
import { etcdSide } from './sides/etcd.ts'
import { coreSide, quorateSide } from './sides/quorate.ts'
import type { SideKind } from './sides/side.ts'
import { tableOf } from './report/table.ts'
import { writeReport } from './report/write.ts'

const interruptedExit = 130

async function bench(options: BenchOptions): Promise<number> {
  const out = resolve(options.out)
  mkdirSync(out, { recursive: true })
  const parent = resolve(options.dataDir ?? tmpdir())
  mkdirSync(parent, { recursive: true })
  const directory = realpathSync(mkdtempSync(join(parent, 'quorate-bench-')))
  // Whatever ends this process, its clusters end with it and their data go.
  process.on('exit', () => {
    // Processes that were just killed may still be writing: then it takes another try.
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  })
  const tell = (line: string): void => void process.stderr.write(`${line}\n`)
  const { peer, notes } = await peerOf(options)
  for (const note of notes) tell(note)
  const command = ['npm run bench --', ...process.argv.slice(2)].join(' ')
  const ours = quorateSide()
  const core = coreSide()
  const record = await runBench(options, {
    ours,
    peer,
    core,
    directory,
    command,
    notes,
    tell,
    keep: (found) => void writeReport(found, out),
    world: realSurroundings,
    machine: thisMachine(directory),
  })
  process.stdout.write(tableOf(record))
  for (const path of writeReport(record, out)) tell(`wrote ${path}`)
  return record.scenarios.length === 0 ? 1 : 0
}

/** The peer that was asked for, and what has to be said of it. */
async function peerOf({
  peer,
}: BenchOptions): Promise<{ peer: SideKind | undefined; notes: readonly string[] }> {
  const notes = procIsThere() ? [] : ['This system has no /proc: CPU time and memory are left out.']
  if (peer === undefined) return { peer: undefined, notes }
  const root = fileURLToPath(new URL('..', import.meta.resolve('quorate')))
  const side = await etcdSide({
    etcd: process.env['QUORATE_BENCH_ETCD'] ?? 'etcd',
    go: 'go',
    sources: join(root, 'bench/etcd'),
    target: join(root, 'build/bench/etcd-load'),
  })
  if (!('missing' in side)) return { peer: side, notes }
  return { peer: undefined, notes: [...notes, `Ours alone: ${side.missing}`] }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(interruptedExit))
}
const parsed = parseArguments(process.argv.slice(2))
if (parsed.kind === 'said') {
  const stream = parsed.exitCode === 0 ? process.stdout : process.stderr
  stream.write(parsed.text)
  process.exitCode = parsed.exitCode
} else {
  process.exitCode = await bench(parsed.options)
}
