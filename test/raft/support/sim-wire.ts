/** The network of a simulated group: it drops, repeats, delays and reorders, and links are cut. */
import type { Message } from '../../../src/raft/index.ts'
import type { SeededRandom } from '../../../src/random.ts'
import { randomBetween, randomFraction } from '../../../src/random.ts'
import type { Weather } from './weather.ts'

/** See the head of the file. The order of its draws is part of what a seed means. */
export class SimWire {
  readonly #random: SeededRandom
  readonly #weather: Weather
  readonly #messages: Message[] = []
  readonly #cut = new Set<string>()

  constructor(random: SeededRandom, weather: Weather) {
    this.#random = random
    this.#weather = weather
  }

  send(message: Message): void {
    if (this.#messages.length < 400) this.#messages.push(message)
  }

  /** A message that arrives now; mostly in order, sometimes any that is on its way. */
  take(calm: boolean): Message | undefined {
    if (this.#messages.length === 0) return undefined
    const anywhere = this.#chance(calm ? 0.05 : 0.3)
    const at = anywhere ? randomBetween(this.#random, 0, this.#messages.length) : 0
    const [message] = this.#messages.splice(at, 1)
    if (message === undefined) return undefined
    if (!calm && this.#chance(this.#weather.duplicate)) this.#messages.push(message)
    const isLost = !calm && this.#chance(this.#weather.drop)
    return isLost || this.#cut.has(`${message.from}>${message.to}`) ? undefined : message
  }

  heal(): void {
    this.#cut.clear()
  }

  /** Whether anything but single messages can't go between the two. */
  isCut(a: string, b: string): boolean {
    return this.#cut.has(`${a}>${b}`) || this.#cut.has(`${b}>${a}`)
  }

  /** Heals, cuts the leader off, or cuts links at random. */
  drawPartition(ids: readonly string[], leader: string | undefined): void {
    this.heal()
    if (this.#chance(0.3)) return
    if (leader !== undefined && this.#chance(0.5)) {
      // The old leader does not know yet that it is one no longer: reads are at risk.
      for (const id of ids) this.#cut.add(`${id}>${leader}`).add(`${leader}>${id}`)
      return
    }
    // One-way cuts as well: each direction of each link by itself.
    const shares = [0.15, 0.4, 0.7]
    const share = shares[randomBetween(this.#random, 0, shares.length)] ?? 0
    for (const from of ids) {
      for (const to of ids) if (this.#chance(share)) this.#cut.add(`${from}>${to}`)
    }
  }

  #chance(probability: number): boolean {
    return randomFraction(this.#random) < probability
  }
}
