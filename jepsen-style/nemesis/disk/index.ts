/** What can be done to the disks of nodes. */
import type { Nemesis } from '../nemesis.ts'
import { damageState } from './damage-state.ts'
import { damageVote } from './damage-vote.ts'
import { damageWal } from './damage-wal.ts'
import { fullDisk } from './full-disk.ts'
import { loseState } from './lose-state.ts'
import { slowDisk } from './slow-disk.ts'

/** All of them. */
export const diskNemeses: readonly Nemesis[] = [
  damageWal,
  damageVote,
  damageState,
  loseState,
  fullDisk,
  slowDisk,
]
