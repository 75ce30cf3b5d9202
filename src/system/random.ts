/** The real source of chance: the operating system's. */
import { randomFillSync } from 'node:crypto'
import type { Random } from '../ports.ts'

/** Words drawn at once: a call into the system for each number would cost a microsecond. */
const poolWords = 256

class SystemRandom implements Random {
  readonly #pool = new Uint32Array(poolWords)
  #used = poolWords

  uint32(): number {
    if (this.#used === poolWords) {
      randomFillSync(this.#pool)
      this.#used = 0
    }
    return this.#pool[this.#used++] ?? 0
  }

  bytes(length: number): Uint8Array {
    return randomFillSync(new Uint8Array(length))
  }
}

/** Entropy for identities, sessions and jitter. */
export const realRandom: Random = new SystemRandom()
