/**
 * Links that are slow or lose messages. The figures are those of Jepsen's packet nemesis: delays of
 * 50 ms ± 10 ms, a fifth of the messages lost, repeated or moved, 1 Mbit/s.
 */
import type { LinkEffect } from '../../network/links.ts'
import type { Nemesis } from '../nemesis.ts'
import { everywhere, missing } from './rules.ts'

function disturbance(name: string, about: string, effect: LinkEffect): Nemesis {
  return {
    name,
    about,
    kind: 'network',
    unavailable: (scene) => missing(scene, effect.type),
    draw: (scene) => Promise.resolve(everywhere(scene, about, effect)),
  }
}

/** All of them. */
export const disturbances: readonly Nemesis[] = [
  disturbance('delay', 'messages between nodes take 50 ± 10 ms longer', {
    type: 'delay',
    ms: 50,
    jitterMs: 10,
  }),
  disturbance('jitter', 'messages between nodes take 0 to 200 ms longer', {
    type: 'delay',
    ms: 100,
    jitterMs: 100,
  }),
  disturbance('loss', '20 % of the messages between nodes are lost', { type: 'loss', share: 0.2 }),
  disturbance('duplicate', '20 % of the messages between nodes come twice', {
    type: 'duplicate',
    share: 0.2,
  }),
  disturbance('reorder', '20 % of the messages between nodes are overtaken by others', {
    type: 'reorder',
    share: 0.2,
  }),
  disturbance('bandwidth', '1 Mbit/s from each node to each other', {
    type: 'bandwidth',
    bytesPerSecond: 125_000,
  }),
  // Each damaged message ends its connection: more of them would be a cut.
  disturbance('corrupt', '1 % of the messages between nodes are damaged', {
    type: 'corrupt',
    share: 0.01,
  }),
]
