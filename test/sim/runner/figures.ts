/** Whether enough happened: a lifetime in which little goes on proves little. */
import type { Figures } from '../lifetime.ts'
import { noFigures } from './job.ts'
import type { Lived } from './campaign.ts'
import type { Request } from './job.ts'

/** What each lifetime with the default options must come to. */
const least: Figures = {
  ...noFigures,
  acked: 200,
  faults: 20,
  elections: 2,
  simulatedMs: 60_000,
}

const names = ['acked', 'faults', 'elections', 'simulatedMs', 'events'] as const
/** What happens in some lifetimes only: it is counted in how many, so that it cannot stop unseen. */
const features = [
  'compactions',
  'snapshotsSent',
  'snapshotsInstalled',
  'handOvers',
  'configurations',
  'diskRefusals',
] as const

/** So many are listed by name. */
const listedMax = 20

function isDefault({ seconds, faults, keep, swarm }: Request): boolean {
  return [seconds, faults, keep, swarm].every((option) => option === undefined)
}

/** The lifetimes that were too thin, with what they came to. */
export function thinOnes(all: readonly Lived[]): readonly string[] {
  return all.flatMap(({ request, figures, failed }) => {
    if (failed !== undefined || !isDefault(request)) return []
    const short = names.filter((name) => figures[name] < least[name])
    const shown = short.map((name) => `${name} ${Math.floor(figures[name])}`)
    return short.length === 0 ? [] : [`seed ${request.seed}: ${shown.join(', ')}`]
  })
}

/** Lines for people: what the lifetimes came to, and which were thin. */
export function figureLines(all: readonly Lived[]): readonly string[] {
  const whole = all.filter(({ failed }) => failed === undefined)
  if (whole.length === 0) return []
  const lines = names.map((name) => {
    const values = whole.map(({ figures }) => Math.floor(figures[name])).sort((a, b) => a - b)
    const at = (share: number): number => values[Math.floor(share * (values.length - 1))] ?? 0
    return `  ${name}: min ${at(0)}, median ${at(0.5)}, max ${at(1)}`
  })
  const seen = features.map((name) => {
    const some = whole.filter(({ figures }) => figures[name] > 0).length
    return `  ${name}: in ${some} of ${whole.length}`
  })
  const thin = thinOnes(all)
  const listed = thin.slice(0, listedMax).map((line) => `  ${line}`)
  const more = thin.length > listedMax ? [`  and ${thin.length - listedMax} more`] : []
  const head = thin.length === 0 ? [] : [`${thin.length} of ${all.length} lifetimes were thin:`]
  return ['a lifetime came to', ...lines, ...seen, ...head, ...listed, ...more]
}
