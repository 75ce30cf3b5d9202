/**
 * SIGKILL again and again, at moments that lie within the start of the process: while the log is
 * read, while the state is made anew, while links are made, and a little later.
 */
import { Background, realPause, type Pause } from '../background.ts'
import type { Nemesis } from '../nemesis.ts'
import { bringBack, freeNodes, sample } from '../targets.ts'

/** The shortest and the longest life of a process, ms: a start takes some hundred. */
const lifeMsMin = 10
const lifeMsMax = 1_500
/** Lives are drawn ahead, so that the schedule does not depend on how many there are time for. */
const livesDrawn = 64
/** Kills of one fault at most. */
const killsMax = 1_000

/** Makes it; tests give their own pause. */
export function makeKillLoop(pause: Pause): Nemesis {
  return {
    name: 'kill-loop',
    about: 'SIGKILL of one node again and again while it starts',
    kind: 'process',
    unavailable: () => undefined,
    draw: async (scene) => {
      const { cluster, chance } = scene
      const [node] = sample(chance, freeNodes(scene), 1)
      if (node === undefined) return undefined
      const { id } = node
      const lives = Array.from({ length: livesDrawn }, () => chance.between(lifeMsMin, lifeMsMax))
      let kills = 0
      let work: Background | undefined
      return {
        detail: `${id} killed again and again, each time ${lifeMsMin} to ${lifeMsMax} ms after its start`,
        takes: [id],
        begin: async () => {
          work = new Background(async (signal) => {
            while (!signal.aborted && kills < killsMax) {
              await cluster.kill(id)
              kills++
              await cluster.start(id)
              await pause(lives[kills % lives.length] ?? lifeMsMin, signal)
            }
          })
        },
        seen: async () => {
          const { last } = node.endings()
          return kills >= 2 && last === 'SIGKILL' ? `${id} was killed ${kills} times` : undefined
        },
        heal: async () => {
          try {
            await work?.stop()
          } finally {
            await bringBack(cluster, [id])
          }
        },
      }
    },
  }
}

/** In real time. */
export const killLoop: Nemesis = makeKillLoop(realPause)
