/**
 * The leadership moved again and again, as an operator does before work on a host: what is under way
 * goes on under the next leader, and no read is served by one that leads no more.
 */
import { QuorateError } from 'quorate'
import { Background, realPause, type Pause } from '../background.ts'
import type { Nemesis } from '../nemesis.ts'
import { listed } from '../targets.ts'

/** Between two of them, ms: from within an election time-out to several. */
const restMsMin = 50
const restMsMax = 1_000
/** Drawn ahead, so that the schedule does not depend on how many there are time for. */
const stepsDrawn = 64
/** Transfers of one fault at most. */
const transfersMax = 1_000
/** Of those who led, so many are told of. */
const namesMax = 8

/** Makes it; tests give their own pause. */
export function makeTransfer(pause: Pause): Nemesis {
  return {
    name: 'transfer',
    about: 'the leadership moved again and again, to a node drawn or to the fittest',
    kind: 'members',
    unavailable: ({ cluster }) => {
      if (cluster.tools === undefined) return 'the nodes were not started by this harness'
      return cluster.nodes.length < 2 ? 'it needs 2 nodes' : undefined
    },
    draw: async ({ cluster, chance }) => {
      const operator = cluster.tools?.operator
      if (operator === undefined) return undefined
      const steps = Array.from({ length: stepsDrawn }, () => ({
        to: chance.between(0, 2) === 0 ? undefined : chance.pick(cluster.nodes).id,
        restMs: chance.between(restMsMin, restMsMax),
      }))
      const led: string[] = []
      let work: Background | undefined
      return {
        detail: 'the leadership moved again and again',
        takes: [],
        begin: async () => {
          work = new Background(async (signal) => {
            for (let i = 0; i < transfersMax && !signal.aborted; i++) {
              const step = steps[i % steps.length]
              try {
                led.push(await operator.transfer(step?.to))
              } catch (error) {
                // Nobody led, or the one that was to lead was away: other faults may be about.
                if (!(error instanceof QuorateError)) throw error
              }
              await pause(step?.restMs ?? restMsMin, signal)
            }
          })
        },
        seen: async () =>
          led.length === 0
            ? undefined
            : `handed over ${timesOf(led.length)}, to ${listed(led.slice(0, namesMax))}`,
        heal: async () => {
          await work?.stop()
        },
      }
    },
  }
}

function timesOf(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

/** In real time. */
export const transfer: Nemesis = makeTransfer(realPause)
