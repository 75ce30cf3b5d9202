/** What is to be reached, and whether it was: printed beside the figures, never an exit code. */
import { median, percentile } from './measure/statistics.ts'
import {
  clientName,
  peakMemory,
  perSecond,
  recordsPerSecond,
  type Finding,
  type GoalRecord,
  type Measured,
  type Round,
  type ScenarioRecord,
} from './report/record.ts'

/** Findings by scenario. */
type Findings = ReadonlyMap<string, Finding>

/** What a goal says of some findings: what was measured, and whether it is enough. */
type Outcome = { readonly measured: string; readonly met: boolean } | undefined

interface Goal {
  readonly scenario: string
  readonly goal: string
  readonly judge: (findings: Findings) => Outcome
}

/** Of these figures of each round the median; undefined where the side was not measured. */
function medianOf(
  findings: Findings,
  scenario: string,
  side: Measured,
  figure: (round: Round) => number,
): number | undefined {
  const rounds = roundsOf(findings, scenario, side)
  return rounds === undefined ? undefined : median(rounds.map(figure))
}

function roundsOf(
  findings: Findings,
  scenario: string,
  side: Measured,
): readonly Round[] | undefined {
  const finding = findings.get(scenario)
  if (finding?.kind !== 'load') return undefined
  const rounds = finding.sides.find((found) => found.side === side)?.rounds
  return rounds === undefined || rounds.length === 0 ? undefined : rounds
}

const ms = (micros: number): string => `${(micros / 1_000).toFixed(2)} ms`
const times = (ratio: number): string => `${ratio.toFixed(2)} ×`

/** Ours against the peer's: at least so many times as many a second, at a lower p99 if asked. */
function faster(scenario: string, ratio: number, lowerP99: boolean): Goal {
  return {
    scenario,
    goal: `at least ${ratio} × etcd’s${lowerP99 ? ', at a lower p99' : ''}`,
    judge: (findings) => {
      const ours = medianOf(findings, scenario, 'quorate', perSecond)
      const theirs = medianOf(findings, scenario, 'etcd', perSecond)
      const ourP99 = medianOf(findings, scenario, 'quorate', ({ p99 }) => p99)
      const theirP99 = medianOf(findings, scenario, 'etcd', ({ p99 }) => p99)
      if (ours === undefined || theirs === undefined) return undefined
      if (ourP99 === undefined || theirP99 === undefined) return undefined
      const lost = lostCalls(findings, scenario)
      const beside = `${lowerP99 ? `, p99 ${ms(ourP99)} to ${ms(theirP99)}` : ''}${lostWords(lost)}`
      return {
        measured: `${times(ours / theirs)}${beside}`,
        met: ours >= ratio * theirs && (!lowerP99 || ourP99 < theirP99) && lost === 0,
      }
    },
  }
}

/** Of ours, over all rounds: what failed, or found no room, has no latency and is no success. */
function lostCalls(findings: Findings, scenario: string): number {
  const rounds = roundsOf(findings, scenario, 'quorate') ?? []
  return rounds.reduce((sum, { failed, dropped }) => sum + failed + dropped, 0)
}

function lostWords(lost: number): string {
  return lost === 0 ? '' : `, ${whole(lost)} calls lost`
}

/** A latency of ours against the peer's: at most so large a share of it. */
function quicker(scenario: string, which: 'p50' | 'p99', share: number): Goal {
  const most = share === 1 ? 'at most etcd’s' : `at most ${share} of etcd’s`
  return {
    scenario,
    goal: `${which} ${most}`,
    judge: (findings) => {
      const ours = medianOf(findings, scenario, 'quorate', (round) => round[which])
      const theirs = medianOf(findings, scenario, 'etcd', (round) => round[which])
      if (ours === undefined || theirs === undefined) return undefined
      const lost = lostCalls(findings, scenario)
      const met = ours <= share * theirs && lost === 0
      return { measured: `${ms(ours)} to ${ms(theirs)}${lostWords(lost)}`, met }
    },
  }
}

const singlePuts = ['put-1', 'put-64', 'put-256', 'put-1000']

const goals: readonly Goal[] = [
  quicker('put-1', 'p50', 1),
  faster('put-64', 4, true),
  faster('put-256', 5, true),
  faster('put-1000', 6, true),
  {
    scenario: 'put-token-256',
    goal: 'at least 0.6 of ours without a token (stretch 0.75)',
    judge: (findings) => {
      const withToken = medianOf(findings, 'put-token-256', 'quorate', perSecond)
      const without = medianOf(findings, 'put-256', 'quorate', perSecond)
      if (withToken === undefined || without === undefined) return undefined
      return { measured: times(withToken / without), met: withToken >= 0.6 * without }
    },
  },
  {
    scenario: 'put-many-100',
    goal: 'at least 10 × etcd’s best single puts, in records a second',
    judge: (findings) => {
      const ours = medianOf(findings, 'put-many-100', 'quorate', recordsPerSecond)
      const theirs = singlePuts.flatMap((name) => medianOf(findings, name, 'etcd', perSecond) ?? [])
      // The best of some of them would be no more than what was asked for.
      if (ours === undefined || theirs.length < singlePuts.length) return undefined
      const best = Math.max(...theirs)
      return { measured: times(ours / best), met: ours >= 10 * best }
    },
  },
  quicker('get-1', 'p50', 1),
  faster('get-64', 6, false),
  faster('get-256', 10, false),
  quicker('open-half', 'p99', 0.5),
  {
    scenario: 'fail-over',
    goal: 'p50 at most half of etcd’s, p99 under 1.5 s',
    judge: (findings) => {
      const ours = gapsOf(findings, 'quorate')
      const theirs = gapsOf(findings, 'etcd')
      if (ours === undefined || theirs === undefined) return undefined
      const p99 = percentile(ours, 0.99)
      const p50 = percentile(ours, 0.5)
      const theirP50 = percentile(theirs, 0.5)
      return {
        measured: `p50 ${seconds(p50)} to ${seconds(theirP50)}, p99 ${seconds(p99)}`,
        met: p50 <= 0.5 * theirP50 && p99 < 1_500,
      }
    },
  },
  {
    scenario: 'growth',
    goal: 'with the most rows at least 0.7 of the puts a second with the fewest',
    judge: (findings) => {
      const steps = stepsOf(findings)
      const first = steps?.at(0)
      const last = steps?.at(-1)
      if (first === undefined || last === undefined || first === last) return undefined
      const ratio = median(last.rounds.map(perSecond)) / median(first.rounds.map(perSecond))
      return { measured: `${times(ratio)} with ${whole(last.rows)} rows`, met: ratio >= 0.7 }
    },
  },
  {
    scenario: 'growth',
    goal: 'restart with the most rows under 5 s',
    judge: (findings) => {
      const last = stepsOf(findings)?.at(-1)
      if (last === undefined || last.restartSeconds.length === 0) return undefined
      const took = median(last.restartSeconds)
      return { measured: `${took.toFixed(2)} s with ${whole(last.rows)} rows`, met: took < 5 }
    },
  },
  {
    scenario: 'put-256',
    goal: 'peak anonymous memory of a node at most etcd’s',
    judge: (findings) => {
      const peak = (side: Measured): number =>
        peakMemory(roundsOf(findings, 'put-256', side) ?? [], (name) => name !== clientName)
      const ours = peak('quorate')
      const theirs = peak('etcd')
      if (Number.isNaN(ours) || Number.isNaN(theirs)) return undefined
      const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MiB`
      return { measured: `${mib(ours)} to ${mib(theirs)}`, met: ours <= theirs }
    },
  },
  {
    scenario: 'core',
    goal: 'the full product reaches at least half of the core without a state machine',
    judge: (findings) => {
      const ours = medianOf(findings, 'core', 'quorate', perSecond)
      const core = medianOf(findings, 'core', 'core', perSecond)
      if (ours === undefined || core === undefined) return undefined
      return { measured: `${(ours / core).toFixed(2)} of it`, met: ours >= 0.5 * core }
    },
  },
]

function gapsOf(findings: Findings, side: Measured): readonly number[] | undefined {
  const finding = findings.get('fail-over')
  if (finding?.kind !== 'fail-over') return undefined
  const gaps = finding.sides.find((found) => found.side === side)?.gapsMs
  return gaps === undefined || gaps.length === 0 ? undefined : gaps
}

function stepsOf(
  findings: Findings,
): Extract<Finding, { kind: 'growth' }>['sides'][number]['steps'] | undefined {
  const finding = findings.get('growth')
  if (finding?.kind !== 'growth') return undefined
  return finding.sides.find(({ side }) => side === 'quorate')?.steps
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`
}

function whole(value: number): string {
  return value.toLocaleString('en')
}

/** The goals of the scenarios that ran, each beside what was measured. */
export function judgeGoals(scenarios: readonly ScenarioRecord[]): readonly GoalRecord[] {
  const findings: Findings = new Map(scenarios.map(({ name, finding }) => [name, finding]))
  return goals
    .filter(({ scenario }) => findings.has(scenario))
    .map(({ scenario, goal, judge }) => {
      const outcome = judge(findings)
      if (outcome === undefined) return { scenario, goal, measured: 'not measured' }
      return { scenario, goal, ...outcome }
    })
}
