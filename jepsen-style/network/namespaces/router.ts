/** The rules of a run: puts each on all the directions that it is for, and counts what it did. */
import type { ActiveRule, LinkEffect, LinkRule, Party } from '../links.ts'
import type { RunNames } from './names.ts'
import type { Direction } from './detours.ts'
import { Detours } from './detours.ts'
import type { ShapeEffect } from './disciplines.ts'
import { affectedBy, disciplineOf } from './disciplines.ts'
import type { Figures } from './figures.ts'

/** What a router is made of. */
export interface RouterParts {
  readonly names: RunNames
  readonly figures: Figures
  readonly parties: readonly Party[]
  directionOf(from: Party, to: Party): Direction
}

/** One thing that is done to packets of one direction. */
interface Measure {
  /** Devices that its packets pass; a cut that another one makes already has that one's as well. */
  devices(): readonly string[]
  undo(): Promise<void>
}

export class Router {
  readonly #parts: RouterParts
  readonly #detours = new Map<string, Detours>()
  #lastNumber = 0
  /** Rules come and go one after the other: they share the tables. */
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(parts: RouterParts) {
    this.#parts = parts
  }

  add(rule: LinkRule): Promise<ActiveRule> {
    return this.#inTurn(() => this.#add(rule))
  }

  /** Takes no more rules; resolves when those that are being put in place or away are done. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#turn.catch(() => {})
  }

  async #add(rule: LinkRule): Promise<ActiveRule> {
    const { effect } = rule
    if (this.#closed) throw new Error('the links are closed')
    const { figures } = this.#parts
    await figures.read()
    const measures: Measure[] = []
    const undo = async (): Promise<void> => {
      for (let last = measures.at(-1); last !== undefined; last = measures.at(-1)) {
        await last.undo()
        measures.pop()
      }
    }
    try {
      for (const { from, to } of this.#pairs(rule)) {
        measures.push(await measure(this.#detoursOf(from, to), effect))
      }
    } catch (error) {
      await undo()
      throw error
    }
    return this.#activate(effect, measures, undo)
  }

  #activate(
    effect: LinkEffect,
    measures: readonly Measure[],
    undo: () => Promise<void>,
  ): ActiveRule {
    const { figures } = this.#parts
    const count = (): number => {
      const devices = new Set(measures.flatMap((each) => each.devices()))
      let sum = 0
      for (const device of devices) {
        const now = figures.of(device)
        sum += effect.type === 'cut' ? now.packets : affectedBy(effect.type, now)
      }
      return sum
    }
    const before = count()
    let after: number | undefined
    figures.follow()
    const remove = async (): Promise<void> => {
      if (after === undefined) {
        await figures.read()
        after = count() - before
        figures.letGo()
      }
      if (!this.#closed) await undo()
    }
    return {
      counts: () => {
        const packets = after ?? count() - before
        const isReset = effect.type === 'cut' && effect.how === 'reset'
        return isReset ? { affected: 0, refused: packets } : { affected: packets, refused: 0 }
      },
      remove: () => this.#inTurn(remove),
    }
  }

  #pairs(rule: LinkRule): readonly { readonly from: Party; readonly to: Party }[] {
    const { parties } = this.#parts
    return parties.flatMap((from) =>
      parties.flatMap((to) => (from !== to && rule.applies(from, to) ? [{ from, to }] : [])),
    )
  }

  #detoursOf(from: Party, to: Party): Detours {
    const name = `${from}>${to}`
    let detours = this.#detours.get(name)
    if (detours === undefined) {
      const { names } = this.#parts
      detours = new Detours(names, this.#parts.directionOf(from, to), () => ++this.#lastNumber)
      this.#detours.set(name, detours)
    }
    return detours
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work)
    this.#turn = done.catch(() => {})
    return done
  }
}

async function measure(detours: Detours, effect: LinkEffect): Promise<Measure> {
  if (effect.type === 'cut') {
    const { how } = effect
    await detours.cut(how)
    return { devices: () => detours.cutDevices, undo: () => detours.uncut(how) }
  }
  return await shape(detours, effect)
}

async function shape(detours: Detours, effect: ShapeEffect): Promise<Measure> {
  const device = await detours.shape(disciplineOf(effect))
  return { devices: () => [device], undo: () => detours.unshape(device) }
}
