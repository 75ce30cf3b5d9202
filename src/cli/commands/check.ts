/** `quorate check`. */
import { basename, dirname, join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { isErrorCode, QuorateError } from '../../errors.ts'
import { addExamples, beginRun, type Run } from '../command.ts'
import { isCheckModule, loadHarness, type CheckedFile, type CheckModule } from '../harness.ts'
import { exitCodes, type Cli } from '../io.ts'
import type { Output, Style } from '../output.ts'
import { parseDuration, parseSize } from '../parsers.ts'
import { printable, renderTable } from '../table.ts'

interface CheckCommandOptions {
  readonly model?: string
  readonly timeLimit?: number
  readonly memoryLimit?: number
}

/** Declares it. */
export function checkCommand(cli: Cli): Command {
  const command = new Command('check')
    .summary('tell whether histories are linearizable')
    .description(
      'Tells of histories of calls (JSON lines, as quorate chaos writes them) whether there is one ' +
        'order in which every answer is right and no call stands before one that had ended when ' +
        'it began. Exits with 7 if one of them has none, else with 6 if time or memory did not ' +
        'suffice for one. The models are cas-register, kv-append and quorate, which is this store.',
    )
    .argument('<paths...>', 'histories, or directories of .jsonl files with a VERDICTS.json or not')
    .option(
      '--model <name>',
      'what was called (default: what VERDICTS.json says, else what the calls look like)',
    )
    .addOption(
      new Option(
        '--time-limit <duration>',
        'give up on a history after this time (default: 5m)',
      ).argParser(parseDuration),
    )
    .addOption(
      new Option(
        '--memory-limit <size>',
        'give up on a history beyond this much memory for the search (default: 1GiB)',
      ).argParser(parseSize),
    )
    .action(async (paths: readonly string[], options: CheckCommandOptions) => {
      const run = beginRun(cli, command)
      const checker = await loadHarness('quorate/check', isCheckModule)
      cli.exitCode = await print(run.out, await check(checker, run, paths, options))
    })
  return addExamples(command, [
    ['what a run of chaos wrote', 'quorate check chaos/history.jsonl'],
    ['a directory of recorded histories', 'quorate check histories/ -o json'],
    ['a history of another store', 'quorate check etcd.jsonl --model cas-register'],
  ])
}

async function check(
  checker: CheckModule,
  run: Run,
  paths: readonly string[],
  options: CheckCommandOptions,
): Promise<readonly CheckedFile[]> {
  const named = new Map(paths.map((path) => [resolve(run.io.cwd, path), path]))
  try {
    const files = await checker.checkFiles([...named.keys()], {
      signal: run.io.signal,
      // Only a person reads why; a program has the verdict.
      explainMsMax: run.out.structured ? 0 : wordsMs,
      ...(options.model !== undefined && { model: options.model }),
      ...(options.timeLimit !== undefined && { timeMsMax: options.timeLimit }),
      ...(options.memoryLimit !== undefined && { memoryBytesMax: options.memoryLimit }),
    })
    return files.map((found) => ({ ...found, file: nameOf(found.file, named) }))
  } catch (error) {
    throw told(error)
  }
}

/** A file by the name that was given to it or to its directory. */
function nameOf(file: string, named: ReadonlyMap<string, string>): string {
  const directory = named.get(dirname(file))
  return named.get(file) ?? (directory === undefined ? file : join(directory, basename(file)))
}

/** For the sentence that says where no order fits. */
const wordsMs = 5_000

/** The harness has errors of its own; they are told apart by their code as well. */
function told(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof QuorateError || !('code' in error)) return error
  const { code, message } = error
  if (typeof code !== 'string' || !isErrorCode(code)) return error
  return new QuorateError(code, message, { cause: error })
}

async function print(out: Output, files: readonly CheckedFile[]): Promise<number> {
  if (out.structured) {
    const shown = files.map(({ file, model, verdict, seconds }) => ({
      file,
      model,
      verdict,
      seconds,
    }))
    await out.json({ schema: 1, files: shown })
  } else {
    await printTable(out, files)
  }
  if (files.some(({ verdict }) => verdict === 'not')) return exitCodes.violation
  return files.some(({ verdict }) => verdict === 'unknown') ? exitCodes.unknown : exitCodes.ok
}

const styles: Readonly<Record<CheckedFile['verdict'], Style>> = {
  linearizable: 'good',
  not: 'bad',
  unknown: 'warning',
}

async function printTable(out: Output, files: readonly CheckedFile[]): Promise<void> {
  const expected = files.filter((file) => file.expected !== undefined)
  const right = expected.filter((file) => file.expected === file.verdict)
  const columns = [
    { title: 'FILE' },
    { title: 'MODEL' },
    { title: 'VERDICT' },
    { title: 'SECONDS', align: 'right' as const },
    ...(expected.length > 0 ? [{ title: 'EXPECTED' }] : []),
  ]
  const rows = files.map(({ file, model, verdict, seconds, expected }) => [
    printable(file),
    printable(model),
    out.paint(styles[verdict], words[verdict]),
    seconds.toFixed(3),
    expectation(out, verdict, expected),
  ])
  const lines = renderTable(columns, rows, (title) => out.paint('faint', title))
  for (const line of lines) await out.line(line)
  for (const { file, verdict, text, expected } of files) {
    // Where it was expected, there is nothing to look for.
    if (text === undefined || expected === verdict) continue
    await out.note(`${printable(file)}: ${printable(text)}`)
  }
  if (expected.length === 0) return
  const style = right.length === expected.length ? 'good' : 'bad'
  const count = `${right.length} of ${expected.length} as expected`
  await out.note(out.paintError(style, count))
}

const words: Readonly<Record<CheckedFile['verdict'], string>> = {
  linearizable: 'linearizable',
  not: 'NOT linearizable',
  unknown: 'unknown',
}

function expectation(
  out: Output,
  verdict: CheckedFile['verdict'],
  expected: CheckedFile['expected'],
): string {
  if (expected === undefined) return ''
  return expected === verdict ? out.paint('good', 'as expected') : out.paint('bad', words[expected])
}
