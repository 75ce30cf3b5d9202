/**
 * Which machines may be damaged, so that what the store promises to survive must be survived: of
 * `n` nodes at most `f = ⌊(n - 1) / 2⌋` ever lose bytes of their log, vote or identity. So every
 * committed entry keeps a good copy, and the machines that were never damaged are a majority by
 * themselves (TigerBeetle's simulator calls this its fault atlas; FAST'18, "Protocol-aware
 * recovery").
 *
 * The state is not counted: it is a cache that any node makes anew from its log.
 */
import type { SeededRandom } from '../../../src/random.ts'
import { randomBetween } from '../../../src/random.ts'

/** One damage that was done. */
export interface DamageRecord {
  readonly machine: string
  /** True time, ms. */
  readonly at: number
  readonly what: string
}

/** More are not remembered. */
const recordsMax = 1_000

export class Atlas {
  /** The machines that may ever be damaged. */
  readonly victims: ReadonlySet<string>
  readonly #records: DamageRecord[] = []

  constructor(options: { readonly ids: readonly string[]; readonly random: SeededRandom }) {
    const left = [...options.ids]
    const victims = new Set<string>()
    const most = Math.floor((left.length - 1) / 2)
    while (victims.size < most) {
      const [victim] = left.splice(randomBetween(options.random, 0, left.length), 1)
      if (victim === undefined) break
      victims.add(victim)
    }
    this.victims = victims
  }

  /** Whether log, vote or identity of this machine may be damaged, or all of it be lost. */
  mayDamage(machine: string): boolean {
    return this.victims.has(machine)
  }

  /** Remembers what was done. */
  record(record: DamageRecord): void {
    if (!this.mayDamage(record.machine)) {
      throw new Error(`${record.machine} must not be damaged`)
    }
    if (this.#records.length < recordsMax) this.#records.push(record)
  }

  /** What was done, in order. */
  get records(): readonly DamageRecord[] {
    return this.#records
  }
}
