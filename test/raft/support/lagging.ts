/** Groups in which somebody needs a snapshot. */
import type { PeerStatus } from '../../../src/raft/index.ts'
import type { Group } from './group.ts'
import { beat, led } from './led.ts'

/** n1 leads and has let go of its log up to 4; n3 has nothing. */
export function lagging(): Group {
  const group = led({}, {}, {})
  group.isolate('n3')
  group.propose('n1', 'a', 'b', 'c', 'd')
  group.deliver()
  beat(group)
  group.compact('n1', 4)
  group.heal()
  beat(group)
  return group
}

/** Base and entries on disk. */
export function logOf(group: Group, id: string): string {
  const { base, entries } = group.node(id).disk
  return `(${base.index}) ${entries.map(({ index, term }) => `${index}/${term}`).join(' ')}`
}

/** A follower, as n1 sees it. */
export function peer(group: Group, id: string): PeerStatus | undefined {
  return group.node('n1').status.peers.find((one) => one.id === id)
}

/** A heartbeat interval after the other, with snapshots taken and installed as they are asked for. */
export function help(group: Group, rounds: number): void {
  for (let n = 0; n < rounds; n++) {
    group.tick('n1', 3)
    group.deliver()
    for (const id of group.ids) {
      if (group.node('n1').wanted.delete(id)) group.offer('n1', id)
      if (group.node(id).isUp) group.install(id)
    }
    group.takeTrace()
  }
}
