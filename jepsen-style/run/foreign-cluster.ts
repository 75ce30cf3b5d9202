/**
 * A cluster that the run did not make: it is loaded and checked through its client addresses, and
 * nothing here can stop or start its nodes. Nemeses of the user's own break it by their own means.
 */
import type { Client } from 'quorate'
import type { Cluster } from '../cluster/cluster.ts'
import type { Links } from '../network/links.ts'
import type { RunClock } from './clock.ts'

/** How often the cluster is asked whether it is ready, ms. */
const askMs = 200
/** How long one such question may take, ms. */
const statusMsMax = 2_000

/** The cluster behind a client. Closing it leaves it as it is. */
export function foreignCluster(client: Client, endpoints: string, clock: RunClock): Cluster {
  const status = async (): ReturnType<Client['status']> =>
    await client.status({ timeout: statusMsMax })
  const refuse = (): never => {
    throw new Error('the nodes of a cluster of your own are not in the hands of the harness')
  }
  return {
    nodes: [],
    node: refuse,
    endpoints,
    start: async () => refuse(),
    kill: async () => refuse(),
    stop: async () => refuse(),
    pause: refuse,
    resume: refuse,
    report: async (id, withinMs = statusMsMax) => {
      const { endpoints: told } = await client.status({ timeout: withinMs })
      const node = told.find((each) => each.node?.id === id)?.node
      return node
    },
    leader: async () => (await status()).leader,
    ready: async (_ids, withinMs) => {
      const deadline = clock.now() + withinMs
      for (;;) {
        const { leader, endpoints: told } = await status()
        if (leader !== undefined && told.every(({ node }) => node?.ready === true)) return true
        if (clock.now() >= deadline) return false
        await clock.sleep(askMs)
      }
    },
    close: async () => {},
  }
}

/** The links of such a cluster: none that the harness could touch. */
export function foreignLinks(): Links {
  const refuse = (): never => {
    throw new Error('the network of a cluster of your own is not in the hands of the harness')
  }
  return {
    backend: 'direct',
    effects: new Set(),
    listenAddresses: refuse,
    peerAddress: refuse,
    clientAddress: refuse,
    commandOf: (_node, command) => command,
    add: async () => refuse(),
    close: async () => {},
  }
}
