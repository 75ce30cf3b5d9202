/**
 * Goal: transports and clients work over real sockets as they do over the memory network.
 * Method: two nodes and a client on loopback; every wait is for an event, none for time.
 */
import { expect, test } from 'vitest'
import { silentLogger } from '../../src/logger.ts'
import type { Message } from '../../src/raft/messages.ts'
import { realClock, realNetwork, realRandom } from '../../src/system/index.ts'
import {
  ClientConnection,
  ClientServer,
  defaultClientServerLimits,
  PeerTransport,
  type Reply,
} from '../../src/transport/index.ts'

const shared = { network: realNetwork, clock: realClock, logger: silentLogger }

/** Looks again after each turn of the event loop. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise<void>((resolve) => realClock.timer(1, resolve))
  }
}

test('entries and heartbeats between nodes, and a node that goes and comes back', async () => {
  const received: Message[] = []
  const make = (nodeId: string, listenAddress: string, other: string, peerAddress: string) =>
    new PeerTransport({
      ...shared,
      random: realRandom,
      identity: { clusterId: 'cluster', groupId: 0, nodeId, incarnation: nodeId },
      listenAddress,
      advertised: { clientAddress: '127.0.0.1:1' },
      members: [{ id: other, peerAddress }],
      acceptIncarnation: async () => true,
      onMessages: (messages) => received.push(...messages),
    })
  // n2's port is found out first, so that n1 can be told.
  const first = make('n2', '127.0.0.1:0', 'n1', '127.0.0.1:1')
  const address = await first.start()
  const n1 = make('n1', '127.0.0.1:0', 'n2', address)
  await n1.start()
  await until(() => n1.peer('n2')?.connected === true)
  const data = new Uint8Array(300_000).fill(9)
  const append = (index: number): Message => ({
    type: 'appendEntries',
    from: 'n1',
    to: 'n2',
    term: 1,
    prevLog: { term: 1, index: index - 1 },
    entries: [{ term: 1, index, kind: 'commands', data }],
    leaderCommit: 0,
  })
  for (let index = 2; index < 52; index++) n1.send([append(index)])
  await until(() => received.length === 50)
  const entries = received.flatMap((each) => (each.type === 'appendEntries' ? each.entries : []))
  expect(entries.map(({ index }) => index)).toEqual(Array.from({ length: 50 }, (_, i) => i + 2))
  expect(entries.every((entry) => Buffer.compare(entry.data, data) === 0)).toBe(true)
  await first.close()
  await until(() => n1.peer('n2')?.connected === false)
  const second = make('n2', address, 'n1', '127.0.0.1:1')
  await second.start()
  await until(() => n1.peer('n2')?.connected === true)
  await Promise.all([n1.close(), second.close()])
})

test('a client’s requests and their replies', async () => {
  const server = new ClientServer({
    ...shared,
    listenAddress: '127.0.0.1:0',
    limits: defaultClientServerLimits,
    welcome: () => ({
      clusterId: 'cluster',
      nodeId: 'n1',
      incarnation: 'i',
      leader: undefined,
      members: [],
      clusterTime: 0,
      limits: defaultClientServerLimits,
    }),
    onTurn: (batch) => {
      for (const { session, request } of batch) {
        const rows = request.kind === 'get' ? request.keys : []
        session.reply({
          id: request.id,
          kind: 'rows',
          rows: rows.map((value) => ({ value, revision: 1 })),
          readRevision: 1,
        })
      }
    },
    onSessionClosed: () => {},
  })
  const address = await server.start()
  const replies: Reply[] = []
  const ends: string[] = []
  const client = await ClientConnection.open({
    ...shared,
    address,
    timeoutMs: 10_000,
    onReplies: (batch) => replies.push(...batch),
    onClose: (error) => ends.push(error.code),
  })
  const keys = [new Uint8Array(10_000).fill(1), new Uint8Array([2])]
  for (let id = 0; id < 200; id++) {
    client.send({ id, timeoutMs: 1000, kind: 'get', keys, consistency: 'stale' })
  }
  await until(() => replies.length === 200)
  expect(replies.map(({ id }) => id)).toEqual(Array.from({ length: 200 }, (_, i) => i))
  expect(replies[199]).toMatchObject({ rows: [{ value: keys[0] }, { value: keys[1] }] })
  await server.close()
  await until(() => ends.length > 0)
  expect(ends).toEqual(['QUORATE_STOPPING'])
})
