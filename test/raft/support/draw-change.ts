/** Draws changes of membership for a simulated group: sensible ones, and others too. */
import type { ConfigChange, Configuration } from '../../../src/raft/index.ts'
import type { SeededRandom } from '../../../src/random.ts'
import { randomBetween, randomFraction } from '../../../src/random.ts'
import { bytes } from './disk.ts'
import { members } from './membership-checks.ts'

/** Nodes of one run; each is stepped through, so that many of them leave little time for each. */
const nodesMax = 14

/** A change; `known` are all nodes of the run, `gone` those whose ids are used up. */
export function drawChange(
  random: SeededRandom,
  current: Configuration,
  known: readonly string[],
  gone: ReadonlySet<string>,
): ConfigChange {
  const { voters, learners } = current
  const one = (list: readonly string[], otherwise = 'n1'): string =>
    list[randomBetween(random, 0, Math.max(1, list.length))] ?? otherwise
  const draw = randomFraction(random)
  if (draw < 0.35 && learners.length < 2 && known.length < nodesMax) {
    const fresh = `n${known.length + 1}`
    const idle = known.filter((id) => !gone.has(id) && !members(current).includes(id))
    const id = randomFraction(random) < 0.8 ? one(idle, fresh) : fresh
    return { type: 'addLearner', id, context: bytes(draw < 0.2 ? `at ${id}` : '') }
  }
  // Groups should neither die out, nor grow beyond what a run can bear.
  if (draw < 0.65 && voters.length < 5) return { type: 'promote', id: one(learners) }
  if (draw < 0.8) return { type: 'replace', id: one(voters), by: one(learners) }
  return { type: 'remove', id: one(draw < 0.95 ? voters : learners) }
}
