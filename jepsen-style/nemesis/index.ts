/** Every kind of fault that there is. */
import { clockNemeses } from './clock/index.ts'
import { diskNemeses } from './disk/index.ts'
import { memberNemeses } from './members/index.ts'
import type { Nemesis } from './nemesis.ts'
import { networkNemeses } from './network/index.ts'
import { processNemeses } from './process/index.ts'

export type { Fault, Nemesis, Scene } from './nemesis.ts'

/** All of them, in the order in which they are listed. */
export const nemeses: readonly Nemesis[] = [
  ...networkNemeses,
  ...processNemeses,
  ...memberNemeses,
  ...diskNemeses,
  ...clockNemeses,
]

/** The one of this name; undefined: there is none. */
export function nemesisOf(name: string): Nemesis | undefined {
  return nemeses.find((nemesis) => nemesis.name === name)
}
