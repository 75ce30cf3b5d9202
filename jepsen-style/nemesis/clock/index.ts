/** What can be done to the clocks of nodes. */
import type { Nemesis } from '../nemesis.ts'
import { clockJump, clockSkew, clockStrobe } from './clock.ts'

/** All of them. */
export const clockNemeses: readonly Nemesis[] = [clockJump, clockSkew, clockStrobe]
