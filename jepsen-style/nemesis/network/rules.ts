/** Faults made of rules on links: how they begin, are seen and heal. */
import type { ActiveRule, LinkEffect, LinkRule, Links, Party } from '../../network/links.ts'
import { clients } from '../../network/links.ts'
import type { Cut } from '../../network/topology.ts'
import type { Fault, Nemesis, Scene } from '../nemesis.ts'

type CutHow = (LinkEffect & { readonly type: 'cut' })['how']

/** The rules of a fault that are in force; taking them away may be tried again if it failed. */
export class RuleSet {
  readonly #links: Links
  readonly #active = new Set<ActiveRule>()

  constructor(links: Links) {
    this.#links = links
  }

  async add(rule: LinkRule): Promise<ActiveRule> {
    const active = await this.#links.add(rule)
    this.#active.add(active)
    return active
  }

  /** Tries all, also when one fails; then rejects with the first failure. */
  async removeAll(): Promise<void> {
    const failures: unknown[] = []
    for (const rule of this.#active) {
      try {
        await rule.remove()
        this.#active.delete(rule)
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}

/** A rule that cuts one direction. */
export function cutRule({ from, to }: Cut, how: CutHow): LinkRule {
  return { effect: { type: 'cut', how }, applies: (a, b) => a === from && b === to }
}

/** A fault that cuts these directions, each by a rule of its own, so that each can be proven. */
export function cutFault(scene: Scene, detail: string, cuts: readonly Cut[], how: CutHow): Fault {
  const rules = new RuleSet(scene.links)
  const active: { readonly cut: Cut; readonly rule: ActiveRule }[] = []
  return {
    detail: `${detail} (${how})`,
    takes: [],
    async begin() {
      for (const cut of cuts) active.push({ cut, rule: await rules.add(cutRule(cut, how)) })
    },
    seen: () => Promise.resolve(seenCuts(active, scene)),
    heal: () => rules.removeAll(),
  }
}

/**
 * Nodes send to each other all the time, at least a ping a second, so each direction that is cut
 * between two that run must have stopped something. What clients do is their own business, and so
 * is what a node does that another fault has: one that was started without its state, say, knows
 * nobody whom it could call. Of all directions together, one is enough.
 */
function seenCuts(
  active: readonly { readonly cut: Cut; readonly rule: ActiveRule }[],
  scene: Scene,
): string | undefined {
  if (active.length === 0) return undefined
  let messages = 0
  let connections = 0
  for (const { cut, rule } of active) {
    const { affected, refused } = rule.counts()
    messages += affected
    connections += refused
    if (affected + refused === 0 && isDue(cut, scene)) return undefined
  }
  if (messages + connections === 0) return undefined
  return `${messages} messages stopped, ${connections} connections refused or cut`
}

function isDue({ from, to }: Cut, { cluster, isTaken }: Scene): boolean {
  if (from === clients || to === clients) return false
  const calls = (id: Party): boolean => cluster.node(id).state() === 'running' && !isTaken(id)
  return calls(from) && calls(to)
}

/** A fault that does this to all messages between nodes. */
export function everywhere(scene: Scene, detail: string, effect: LinkEffect): Fault {
  const rules = new RuleSet(scene.links)
  let active: ActiveRule | undefined
  return {
    detail,
    takes: [],
    async begin() {
      active = await rules.add({ effect, applies: betweenNodes })
    },
    seen() {
      const affected = active?.counts().affected ?? 0
      return Promise.resolve(affected > 0 ? `${affected} messages affected` : undefined)
    },
    heal: () => rules.removeAll(),
  }
}

function betweenNodes(from: Party, to: Party): boolean {
  return from !== clients && to !== clients
}

/** Why the links or the cluster can't do this; undefined: they can. */
export function missing(
  scene: Parameters<Nemesis['unavailable']>[0],
  effect: LinkEffect['type'],
  nodesMin = 2,
): string | undefined {
  const count = scene.cluster.nodes.length
  if (count < nodesMin) return `it takes ${nodesMin} nodes, and there are ${count}`
  if (scene.links.effects.has(effect)) return undefined
  return `the links (${scene.links.backend}) have no ${effect} here`
}

/** The ids of the nodes in an order drawn at random (Fisher and Yates). */
export function shuffledIds({ cluster, chance }: Pick<Scene, 'cluster' | 'chance'>): Party[] {
  const ids = cluster.nodes.map(({ id }) => id)
  for (let i = ids.length - 1; i > 0; i--) {
    const k = chance.between(0, i + 1)
    const [a, b] = [ids[i], ids[k]]
    if (a !== undefined && b !== undefined) [ids[i], ids[k]] = [b, a]
  }
  return ids
}

/** A cut that is held without a word, or that resets connections: either happens. */
export function drawHow({ chance }: Pick<Scene, 'chance'>): CutHow {
  return chance.pick(['silent', 'reset'] as const)
}
