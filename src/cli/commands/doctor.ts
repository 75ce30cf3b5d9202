/** `quorate doctor`. */
import { Command, Option } from 'commander'
import type { ClusterView } from '../../cluster/index.ts'
import { QuorateError } from '../../errors.ts'
import { addExamples, beginRun, dataDirOption, type ClientOptions, type Run } from '../command.ts'
import type { Diagnosis, Finding, Severity } from '../doctor/finding.ts'
import { parseDuration } from '../parsers.ts'
import { progressTeller } from '../progress.ts'
import { viewOf } from '../view.ts'
import { exitCodes, type Cli } from '../io.ts'
import type { Style } from '../output.ts'

interface DoctorOptions extends ClientOptions {
  /** For how long, in ms; true: as long as a node may take to catch up. */
  readonly wait?: number | true
}

/** How long `--wait` waits unless it says so: a node that was restarted may need a snapshot. */
const waitMsDefault = 600_000
/** Between two looks. */
const lookEveryMs = 250

/** Declares it. */
export function doctorCommand(cli: Cli): Command {
  const command = new Command('doctor')
    .summary('tell what is at risk now')
    .description(
      'Asks every node how it is and tells what is at risk now: how many voters may still fail, ' +
        'members that lag, wait or are damaged, full disks, clocks, versions, and single points ' +
        'of failure; with each finding what it means and what to do next. Exits with 7 if ' +
        'something is critical, with 0 if there are warnings or nothing at all, and with 5 if no ' +
        'node answered. With --wait it first waits until every voter is up, ready and close to ' +
        'the leader, and exits with 5 if that does not come about in time.',
    )
    .addOption(
      new Option(
        '--wait [duration]',
        'wait until no voter is away, unready or behind, as before the next step of an upgrade ' +
          '(for at most 10m)',
      ).argParser(parseDuration),
    )
    .addOption(dataDirOption())
    .action(async (options: DoctorOptions) => {
      const run = beginRun(cli, command)
      const { view, awaited } = await settledView(run, options)
      if (view.nodes.every((node) => node.status === undefined)) {
        throw new QuorateError('QUORATE_CONNECTION_LOST', 'no node answers', {
          outcome: 'not-applied',
        })
      }
      const [{ diagnose }, { wallTime }] = await Promise.all([
        import('../doctor/diagnose.ts'),
        import('../../cluster/index.ts'),
      ])
      const diagnosis = diagnose(view, wallTime())
      await print(run, view, diagnosis)
      const critical = diagnosis.findings.some(({ severity }) => severity === 'critical')
      cli.exitCode = critical ? exitCodes.violation : exitCodes.ok
      if (awaited.length > 0) {
        throw new QuorateError('QUORATE_TIMEOUT', `waited in vain: ${awaited.join('; ')}`, {
          outcome: 'not-applied',
        })
      }
    })
  return addExamples(command, [
    ['before and after work on a cluster', 'quorate doctor'],
    ['for a script: wait until nothing is critical', 'until quorate doctor; do sleep 1; done'],
    [
      'what is critical, for an alert',
      'quorate doctor -o json \\\n' +
        `    | jq -r '.findings[] | select(.severity == "critical") | .check'`,
    ],
  ])
}

/** How the cluster is; with `--wait` once nothing is awaited any more, or when the time is up. */
async function settledView(
  run: Run,
  options: DoctorOptions,
): Promise<{ view: ClusterView; awaited: readonly string[] }> {
  const { wait } = options
  if (wait === undefined) return { view: await viewOf(run, options), awaited: [] }
  const [{ awaitedOf }, { Deadline, sleep }] = await Promise.all([
    import('../doctor/settled.ts'),
    import('../../cluster/index.ts'),
  ])
  const deadline = new Deadline(wait === true ? waitMsDefault : wait)
  const { signal } = run.io
  const teller = progressTeller(run.out)
  try {
    for (;;) {
      const view = await viewOf(run, options)
      const awaited = awaitedOf(view)
      if (awaited.length === 0 || deadline.passed || signal.aborted) return { view, awaited }
      await teller.tell(`waiting: ${awaited.join('; ')}`)
      await sleep(Math.min(lookEveryMs, deadline.left), signal)
    }
  } finally {
    await teller.end()
  }
}

const styles: Readonly<Record<Severity, Style>> = {
  critical: 'bad',
  warning: 'warning',
  note: 'faint',
}

async function print(run: Run, view: ClusterView, diagnosis: Diagnosis): Promise<void> {
  const { out } = run
  const { quorum, findings } = diagnosis
  if (out.format === 'ndjson') {
    for (const finding of findings) await out.json({ schema: 1, ...documentOf(finding) })
    return
  }
  if (out.structured) {
    await out.json({
      schema: 1,
      clusterId: view.clusterId ?? null,
      leader: view.leader ?? null,
      quorum,
      findings: findings.map(documentOf),
    })
    return
  }
  const leader = view.leader === undefined ? 'no leader' : `leader ${view.leader}`
  await out.line(`${leader}; ${quorumText(diagnosis)}`)
  for (const { severity, what, meaning, next } of findings) {
    await out.line(`${out.paint(styles[severity], `${severity}:`.padEnd(9))} ${what}`)
    await out.line(`  ${out.paint('faint', 'means:'.padEnd(7))} ${meaning}`)
    await out.line(`  ${out.paint('faint', 'next:'.padEnd(7))} ${next}`)
  }
  if (findings.length === 0) await out.line(out.paint('good', 'nothing is at risk'))
}

function quorumText({ quorum }: Diagnosis): string {
  const { voters, sound, needed, mayFail } = quorum
  const may = mayFail < 0 ? 'no quorum' : `${mayFail} more may fail`
  return `${sound} of ${voters} voters can be counted on, ${needed} are needed: ${may}`
}

function documentOf({ node, ...finding }: Finding): object {
  return { ...finding, node: node ?? null }
}
