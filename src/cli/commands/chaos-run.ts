/** `quorate chaos run`. */
import { resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { chaosTeller, printResult } from '../chaos-output.ts'
import { isChaosModule, type ChaosOptions } from '../chaos-module.ts'
import { addExamples, beginRun, type Run } from '../command.ts'
import { loadHarness } from '../harness.ts'
import { exitCodes, type Cli } from '../io.ts'
import { parseCount, parseDuration, parsePositive } from '../parsers.ts'

interface ChaosRunOptions {
  readonly nodes?: number
  readonly workload?: string
  readonly nemesis?: string
  readonly time?: number
  readonly rate?: number
  readonly clients?: number
  readonly seed?: number
  readonly out?: string
  readonly backend?: 'relay' | 'namespaces' | 'auto'
  readonly every?: number
  readonly overlap?: number
  readonly successRate?: number
  readonly recoveryTime?: number
  readonly heartbeat?: number
  readonly electionTimeoutMin?: number
  readonly electionTimeoutMax?: number
}

/** Declares it. */
export function chaosRunCommand(cli: Cli): Command {
  const command = new Command('run')
    .summary('load a cluster, break it, and check it')
    .description(
      'Starts a cluster of its own, makes calls, and meanwhile breaks what the nemeses name. At ' +
        'the end all is healed, and the whole history of calls is checked. The directory then ' +
        'holds report.html, history.jsonl, run.json, the logs, and, unless all was well, the data ' +
        "of the nodes. With -e a cluster of one's own is loaded instead, and broken by nemeses of " +
        "one's own alone. The seed decides what is called and which faults come when; how long " +
        'each takes is up to the machine. Exits with 0 only if every check passed and every ' +
        'fault was seen to work, 7 on a violation, 6 if a check could not tell, else 1.',
    )
  addSceneOptions(command)
  addFaultOptions(command)
  addTuningOptions(command).action(async (options: ChaosRunOptions) => {
    cli.exitCode = await runChaos(beginRun(cli, command), options)
  })
  return addExamples(command, [
    ['a minute of the usual trouble', 'quorate chaos run'],
    [
      'everything there is, two at once, for an hour',
      'quorate chaos run --nemesis all --overlap 2 --time 1h --out chaos-all',
    ],
    [
      'two kinds of faults, several workloads side by side',
      'quorate chaos run --nemesis kill-leader,isolate-leader --workload register,bank --seed 7',
    ],
    [
      'a cluster and a workload of your own',
      'quorate chaos run -e 10.0.0.1:7101,10.0.0.2:7101 --workload ./orders.mjs --nemesis none',
    ],
  ])
}

function addSceneOptions(command: Command): void {
  command
    .addOption(
      new Option('--nodes <n>', 'how many nodes, 1 to 9 (default: 5)').argParser(parsePositive),
    )
    .option(
      '--workload <names>',
      'what is called and checked: a name, the path of a module of your own, or several with ' +
        'commas, which then run side by side (default: register)',
    )
    .addOption(
      new Option(
        '--time <duration>',
        'how long; a bare number is seconds (default: 60s)',
      ).argParser(parseSeconds),
    )
    .addOption(
      new Option(
        '--rate <n>',
        'calls a second in all; 0: as many as can be made (default: 200)',
      ).argParser(parseCount),
    )
    .addOption(
      new Option('--clients <n>', 'how many call at once (default: 10)').argParser(parsePositive),
    )
    .addOption(
      new Option('--seed <n>', 'plays a run again (default: drawn, and told)').argParser(
        parseCount,
      ),
    )
    .option(
      '--out <dir>',
      'where the report goes: a new directory or an empty one (default: ./chaos-<date>-<time>)',
    )
}

function addFaultOptions(command: Command): void {
  command
    .option(
      '--nemesis <names>',
      'what is broken: names or paths of modules of your own with commas, all, or none (default: ' +
        'kill,pause,partition-halves,isolate-leader)',
    )
    .addOption(
      new Option(
        '--every <duration>',
        'pause between faults, about (default: 3s, or less in a short run)',
      ).argParser(parseDuration),
    )
    .addOption(
      new Option('--overlap <n>', 'how many faults at once (default: 1)').argParser(parsePositive),
    )
    .addOption(
      new Option(
        '--backend <name>',
        'how the network is cut: relay, in user space; namespaces, in the kernel, as root; auto, ' +
          'what can be had (default: relay)',
      ).choices(['relay', 'namespaces', 'auto']),
    )
    .addOption(
      new Option(
        '--success-rate <share>',
        'least share of the calls away from faults that must succeed, 0 to 1 (default: not judged)',
      ).argParser(parseShare),
    )
    .addOption(
      new Option(
        '--recovery-time <duration>',
        'most time until a call succeeds, of 99 in 100 faults (default: not judged)',
      ).argParser(parseDuration),
    )
}

function addTuningOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--heartbeat <duration>', "the nodes' heartbeat (default: 50ms)").argParser(
        parseDuration,
      ),
    )
    .addOption(
      new Option(
        '--election-timeout-min <duration>',
        "the nodes' least election time-out (default: 300ms)",
      ).argParser(parseDuration),
    )
    .addOption(
      new Option(
        '--election-timeout-max <duration>',
        "the nodes' longest election time-out (default: twice the least)",
      ).argParser(parseDuration),
    )
}

async function runChaos(run: Run, options: ChaosRunOptions): Promise<number> {
  const { out, io } = run
  const harness = await loadHarness('quorate/chaos', isChaosModule)
  const teller = chaosTeller(run)
  try {
    const result = await harness.runChaos(chaosOptions(run, options), {
      onBegin: teller.begin,
      onProgress: teller.tell,
      signal: io.signal,
    })
    await teller.end()
    if (out.structured) await out.json(result.record)
    else await printResult(out, result)
    const interrupted = result.record.interrupted && result.exitCode !== exitCodes.violation
    // The signal's own exit code takes the place of this one.
    return interrupted ? exitCodes.unexpected : result.exitCode
  } finally {
    await teller.end()
  }
}

/** What the harness is told: only what was given, for the defaults are the harness's own. */
function chaosOptions({ globals, io }: Run, options: ChaosRunOptions): ChaosOptions {
  const { nodes, workload, nemesis, time, rate, clients, seed, out, backend } = options
  const { every, overlap, successRate, recoveryTime } = options
  const { heartbeat, electionTimeoutMin, electionTimeoutMax } = options
  return {
    ...(nodes !== undefined && { nodes }),
    ...(workload !== undefined && { workload }),
    ...(nemesis !== undefined && { nemeses: [nemesis] }),
    ...(time !== undefined && { seconds: time / 1000 }),
    ...(rate !== undefined && { rate }),
    ...(clients !== undefined && { clients }),
    ...(seed !== undefined && { seed }),
    ...(out !== undefined && { directory: resolve(io.cwd, out) }),
    ...(backend !== undefined && { backend }),
    ...(every !== undefined && { everyMs: every }),
    ...(overlap !== undefined && { overlap }),
    ...(globals.timeout !== undefined && { timeoutMs: globals.timeout }),
    ...(globals.endpoints !== undefined && { endpoints: globals.endpoints.join(',') }),
    bounds: {
      ...(successRate !== undefined && { successRateMin: successRate }),
      ...(recoveryTime !== undefined && { rtoP99MaxMs: recoveryTime }),
    },
    tuning: {
      ...(heartbeat !== undefined && { heartbeatMs: heartbeat }),
      ...(electionTimeoutMin !== undefined && { electionTimeoutMinMs: electionTimeoutMin }),
      ...(electionTimeoutMax !== undefined && { electionTimeoutMaxMs: electionTimeoutMax }),
    },
  }
}

/** A duration in ms in which a bare number is seconds: `60`, `90s`, `1h`. */
function parseSeconds(text: string): number {
  return parseDuration(/^\d+(\.\d+)?$/.test(text) ? `${text}s` : text)
}

function parseShare(text: string): number {
  const share = /^\d(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (!(share <= 1)) throw new InvalidArgumentError('A share is from 0 to 1, like 0.99.')
  return share
}
