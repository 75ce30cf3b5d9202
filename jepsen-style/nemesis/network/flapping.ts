/** A link that comes and goes, each time for 50 ms to 2 s. */
import type { ActiveRule, Party } from '../../network/links.ts'
import { isolated } from '../../network/topology.ts'
import type { Fault, Nemesis, Scene } from '../nemesis.ts'
import { cutRule, drawHow, missing, RuleSet, shuffledIds } from './rules.ts'

const phaseMsMin = 50
const phaseMsMax = 2000

/** A node, the leader half of the time, loses all others and finds them again, over and over. */
export const flapping: Nemesis = {
  name: 'flapping',
  about: 'a node loses the others and finds them again, each for 50 ms to 2 s',
  kind: 'network',
  unavailable: (scene) => missing(scene, 'cut'),
  async draw(scene) {
    const nodes = shuffledIds(scene)
    const leader = scene.chance.fraction() < 0.5 ? await scene.cluster.leader() : undefined
    const node = leader ?? nodes[0]
    return node === undefined ? undefined : new Flapping(scene, node, nodes)
  },
}

class Flapping implements Fault {
  readonly detail: string
  readonly takes: readonly string[] = []
  readonly #scene: Scene
  readonly #node: Party
  readonly #nodes: readonly Party[]
  readonly #how: 'silent' | 'reset'
  readonly #rules: RuleSet
  /** Of cuts that are over or under way. */
  #stopped = 0
  #flaps = 0
  readonly #stop = new AbortController()
  #loop: Promise<void> | undefined
  #failure: unknown

  constructor(scene: Scene, node: Party, nodes: readonly Party[]) {
    this.#scene = scene
    this.#node = node
    this.#nodes = nodes
    this.#how = drawHow(scene)
    this.#rules = new RuleSet(scene.links)
    this.detail = `${node} loses the others and finds them again (${this.#how})`
  }

  begin(): Promise<void> {
    this.#loop = this.#flap().catch((error: unknown) => {
      this.#failure = error
    })
    return Promise.resolve()
  }

  seen(): Promise<string | undefined> {
    if (this.#failure !== undefined) return Promise.reject(asError(this.#failure))
    // Once is an interruption; it flaps when it has come back and gone again.
    if (this.#flaps < 2 || this.#stopped === 0) return Promise.resolve(undefined)
    return Promise.resolve(`cut ${this.#flaps} times, ${this.#stopped} messages or connections`)
  }

  async heal(): Promise<void> {
    this.#stop.abort()
    await this.#loop
    await this.#rules.removeAll()
  }

  async #flap(): Promise<void> {
    const cuts = isolated(this.#node, this.#nodes)
    while (!this.#stop.signal.aborted) {
      const active: ActiveRule[] = []
      for (const cut of cuts) active.push(await this.#rules.add(cutRule(cut, this.#how)))
      this.#flaps++
      await this.#pause()
      await this.#rules.removeAll()
      for (const rule of active) this.#stopped += stoppedBy(rule)
      await this.#pause()
    }
  }

  /** Until the phase is over, or all is healed. */
  #pause(): Promise<void> {
    const { signal } = this.#stop
    if (signal.aborted) return Promise.resolve()
    const ms = this.#scene.chance.between(phaseMsMin, phaseMsMax)
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done)
    })
  }
}

function stoppedBy(rule: ActiveRule): number {
  const { affected, refused } = rule.counts()
  return affected + refused
}

function asError(failure: unknown): Error {
  return failure instanceof Error ? failure : new Error(String(failure))
}
