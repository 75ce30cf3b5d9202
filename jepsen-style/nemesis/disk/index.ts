/** What can be done to the disks of nodes. */
import type { Nemesis } from '../nemesis.ts'
import { damageState } from './damage-state.ts'
import { damageWal } from './damage-wal.ts'
import { fullDisk } from './full-disk.ts'
import { loseState } from './lose-state.ts'

/** All of them. */
export const diskNemeses: readonly Nemesis[] = [damageWal, damageState, loseState, fullDisk]
