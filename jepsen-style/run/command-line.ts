/** The command line that plays a run's plan and calls again. */
import type { Settled } from './options.ts'

/**
 * Names every option that decides what is drawn. Modules of the user's own appear by the name that
 * they give themselves where they were not given by path.
 */
export function commandOf(settled: Settled, workload: string): string {
  const { bounds, tuning, endpoints } = settled
  const nemeses = settled.nemeses.map((each) => (typeof each === 'string' ? each : each.name))
  const words: (readonly [string, string | number | undefined])[] = [
    endpoints === undefined ? ['--nodes', settled.nodes] : ['--endpoints', endpoints],
    ['--workload', typeof settled.workload === 'string' ? settled.workload : workload],
    ['--nemesis', nemeses.join(',')],
    ['--time', `${settled.seconds}s`],
    ['--rate', settled.rate],
    ['--clients', settled.clients],
    ['--seed', settled.seed],
    ['--every', inMs(settled.everyMs)],
    ['--overlap', settled.overlap],
    ['--backend', endpoints === undefined ? settled.backend : undefined],
    ['--timeout', `${settled.timeoutMs}ms`],
    ['--heartbeat', inMs(tuning.heartbeatMs)],
    ['--election-timeout-min', inMs(tuning.electionTimeoutMinMs)],
    ['--election-timeout-max', inMs(tuning.electionTimeoutMaxMs)],
    ['--success-rate', bounds.successRateMin],
    ['--recovery-time', inMs(bounds.rtoP99MaxMs)],
  ]
  const given = words.flatMap(([flag, value]) =>
    value === undefined ? [] : [`${flag} ${quoted(`${value}`)}`],
  )
  return ['quorate chaos run', ...given].join(' ')
}

/** As a shell takes it. */
function quoted(text: string): string {
  return /^[\w./:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

function inMs(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${ms}ms`
}
