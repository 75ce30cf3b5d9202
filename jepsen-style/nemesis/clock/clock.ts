/**
 * Wall clocks that are wrong. Sizes are those of Jepsen's clock nemesis (jepsen.nemesis.time): jumps
 * of 1.5^6 to 1.5^31 ms either way, strobes of 2^2 to 2^18 ms. Only what a process takes for the
 * time changes, in that process (`cluster/clock`): it needs no root, and monotonic time stays right.
 */
import type { ClockOrder, ClusterNode, NodeClock } from '../../cluster/cluster.ts'
import { until } from '../../cluster/waiting.ts'
import type { Chance } from '../../workloads/workload.ts'
import type { Fault, Nemesis, Scene } from '../nemesis.ts'
import { freeNodes, listed, sample } from '../targets.ts'

/** Below it, the rounding of clocks to whole ms could feign a difference. */
const differenceMsMin = 2
/** How long a process may take to say that its clock is right again. */
const answerMsMax = 5_000

/** A way of being wrong. */
interface Wrong {
  readonly order: ClockOrder
  readonly detail: string
}

function clockNemesis(
  names: { readonly name: string; readonly about: string },
  draw: (chance: Chance) => Wrong,
): Nemesis {
  return {
    ...names,
    kind: 'clock',
    unavailable: ({ cluster }) => {
      if (cluster.tools === undefined) return 'the nodes were not started by this harness'
      const { clocks } = cluster.tools
      return clocks.type === 'missing' ? clocks.reason : undefined
    },
    draw: async (scene) => {
      const clocks = scene.cluster.tools?.clocks
      const free = freeNodes(scene)
      if (clocks?.type !== 'had' || free.length === 0) return undefined
      // Any of them, one to all: what matters is that they do not agree.
      const nodes = sample(scene.chance, free, scene.chance.between(1, free.length + 1))
      const wrong = draw(scene.chance)
      return clockFault(scene, wrong, nodes, (id) => clocks.of(id))
    },
  }
}

function clockFault(
  { cluster }: Scene,
  { order, detail }: Wrong,
  nodes: readonly ClusterNode[],
  clockOf: (id: string) => NodeClock,
): Fault {
  const ids = nodes.map((node) => node.id)
  return {
    detail: `the clock of ${listed(ids)} ${detail}`,
    takes: ids,
    begin: async () => {
      for (const id of ids) clockOf(id).set(order)
    },
    seen: async () => {
      const differences: string[] = []
      for (const node of nodes) {
        const answer = clockOf(node.id).answer()
        // An answer of a process that ran before says nothing of the one that runs now.
        if (answer === undefined || answer.pid !== node.pid()) return undefined
        if (Math.abs(answer.differenceMs) < differenceMsMin) return undefined
        differences.push(`${node.id} by ${Math.round(answer.differenceMs)} ms`)
      }
      return `${listed(differences)} off, as their processes say`
    },
    heal: async () => {
      for (const id of ids) clockOf(id).set({ type: 'offset', ms: 0 })
      const right = await until(
        () =>
          nodes.every(
            (node) =>
              cluster.node(node.id).state() !== 'running' ||
              clockOf(node.id).answer()?.pid === node.pid(),
          ),
        answerMsMax,
      )
      if (!right) throw new Error(`the clock of ${listed(ids)} could not be set right`)
    },
  }
}

function either(chance: Chance): 1 | -1 {
  return chance.between(0, 2) === 0 ? 1 : -1
}

/** A clock that is set, once. */
export const clockJump: Nemesis = clockNemesis(
  { name: 'clock-jump', about: 'wall clocks jump by 11 ms to 288 s, either way' },
  (chance) => {
    const ms = either(chance) * Math.round(1.5 ** chance.between(6, 32))
    return { order: { type: 'offset', ms }, detail: `jumps by ${ms} ms` }
  },
)

/** A clock that runs at another speed. */
export const clockSkew: Nemesis = clockNemesis(
  { name: 'clock-skew', about: 'wall clocks run up to a tenth too fast or too slow' },
  (chance) => {
    const rate = (either(chance) * chance.between(20, 101)) / 1_000
    const speed = `${Math.abs(rate * 100).toFixed(1)} % too ${rate > 0 ? 'fast' : 'slow'}`
    return { order: { type: 'rate', rate }, detail: `runs ${speed}` }
  },
)

/** A clock that is set to and fro. */
export const clockStrobe: Nemesis = clockNemesis(
  {
    name: 'clock-strobe',
    about: 'wall clocks jump to and fro by up to 262 s, many times a second',
  },
  (chance) => {
    const ms = either(chance) * 2 ** chance.between(2, 19)
    const periodMs = 2 ** chance.between(0, 11)
    const detail = `jumps to and fro by ${ms} ms every ${periodMs} ms`
    return { order: { type: 'strobe', ms, periodMs }, detail }
  },
)
