/**
 * A node joins, gets a vote and is removed, then another one under another id: under load, the
 * quorum changes with each, and the newcomer may lead when it has to go.
 */
import { Background, realPause, type Pause } from '../background.ts'
import type { Nemesis } from '../nemesis.ts'
import { joining } from './joining.ts'

/** How long a node stays, ms. */
const stayMsMin = 200
const stayMsMax = 2_000
/** Drawn ahead, so that the schedule does not depend on how many there are time for. */
const staysDrawn = 16
/** Nodes of one fault at most. */
const joinsMax = 100

/** Makes it; tests give their own pause. */
export function makeGrowShrink(pause: Pause): Nemesis {
  return joining(
    {
      name: 'grow-shrink',
      about: 'a new node joins, gets a vote, and is removed; then another one',
    },
    1,
    ({ chance }, operator) => {
      const stays = Array.from({ length: staysDrawn }, () => chance.between(stayMsMin, stayMsMax))
      let work: Background | undefined
      let seen: string | undefined
      return {
        detail: 'new nodes join and are removed, one after the other',
        begin: async () => {
          const first = await operator.join()
          seen = `${first} had joined as a voter, said the leader`
          work = new Background(async (signal) => {
            for (let i = 0, id = first; i < joinsMax; i++) {
              await pause(stays[i % stays.length] ?? stayMsMin, signal)
              if (signal.aborted) return
              const how = await operator.remove(id)
              seen = `${id} had joined as a voter, said the leader; removed, it ended (${how})`
              if (signal.aborted) return
              id = await operator.join()
            }
          })
        },
        seen: async () => seen,
        heal: async () => {
          try {
            await work?.stop()
          } finally {
            await operator.clear()
          }
        },
      }
    },
  )
}

/** In real time. */
export const growShrink: Nemesis = makeGrowShrink(realPause)
