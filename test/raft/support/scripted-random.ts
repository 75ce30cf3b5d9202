/** A `Random` that always draws the same number: election timeouts become known. */
import type { Random } from '../../../src/ports.ts'

/** With `draw` n, every election timeout is the minimum plus n. */
export class ScriptedRandom implements Random {
  draw: number

  constructor(draw: number) {
    this.draw = draw
  }

  uint32(): number {
    return this.draw
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(length)
  }
}
