/** What can be done to the processes of nodes. */
import type { Nemesis } from '../nemesis.ts'
import { doubleStart } from './double-start.ts'
import { killLoop } from './kill-loop.ts'
import { kill, killAll, killLeader, killMajority } from './kill.ts'
import { leftBehind } from './left-behind.ts'
import { pause, pauseLeader, pauseMajority } from './pause.ts'
import { rollingRestart } from './rolling-restart.ts'

/** All of them. */
export const processNemeses: readonly Nemesis[] = [
  kill,
  killLeader,
  killMajority,
  killAll,
  killLoop,
  pause,
  pauseLeader,
  pauseMajority,
  rollingRestart,
  doubleStart,
  leftBehind,
]
