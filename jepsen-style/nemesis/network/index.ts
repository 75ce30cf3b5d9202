/** Faults of the network. */
import type { Nemesis } from '../nemesis.ts'
import { disturbances } from './disturbances.ts'
import { flapping } from './flapping.ts'
import { partitions } from './partitions.ts'

/** Every nemesis that acts on links. */
export const networkNemeses: readonly Nemesis[] = [...partitions, flapping, ...disturbances]
