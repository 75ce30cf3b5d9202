/** Calm groups to begin with: n1 leads. */
import type { NodeStart } from './group.ts'
import { Group, heartbeatTicks } from './group.ts'

/** Nothing is told of a newcomer. */
export const context = new Uint8Array(0)
/** A node that is to be added. */
export const newcomer: NodeStart = { newcomer: true }

/** n1 leads, everybody has heard of it, nothing is on the wire. */
export function led(...starts: NodeStart[]): Group {
  const group = new Group(starts)
  group.elect('n1')
  beat(group)
  return group
}

/** Two heartbeats, delivered. */
export function beat(group: Group, leader = 'n1'): void {
  for (let n = 0; n < 2; n++) {
    group.tick(leader, heartbeatTicks)
    group.deliver()
  }
  group.takeTrace()
}

/** n4 is a learner that keeps up. */
export function withLearner(): Group {
  const group = led({}, {}, {}, newcomer)
  group.change('n1', { type: 'addLearner', id: 'n4', context })
  group.deliver()
  beat(group)
  return group
}
