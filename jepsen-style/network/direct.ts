/**
 * Links that are none: nodes and clients talk straight to each other's ports. For runs in which the
 * network is left in peace, and to compare with.
 */
import { createServer } from 'node:net'
import type { Links } from './links.ts'

/** Below the ports that systems give to outgoing connections, which could take one meanwhile. */
const portMin = 20_000
const portMax = 30_000

/** Opens direct links between these nodes, each on two free ports of 127.0.0.1. */
export async function directLinks(nodes: readonly string[]): Promise<Links> {
  const ports = await freePorts(nodes.length * 2)
  const addresses = new Map<string, { readonly client: string; readonly peer: string }>()
  nodes.forEach((id, i) => {
    addresses.set(id, {
      client: `127.0.0.1:${ports[2 * i]}`,
      peer: `127.0.0.1:${ports[2 * i + 1]}`,
    })
  })
  const addressesOf = (id: string): { readonly client: string; readonly peer: string } => {
    const found = addresses.get(id)
    if (found === undefined) throw new RangeError(`there is no node ${id}`)
    return found
  }
  return {
    backend: 'direct',
    effects: new Set(),
    listenAddresses: addressesOf,
    peerAddress: (_from, to) => addressesOf(to).peer,
    clientAddress: (to) => addressesOf(to).client,
    commandOf: (_node, command) => command,
    add: ({ effect }) =>
      Promise.reject(new Error(`direct links have no effects, and so no ${effect.type}`)),
    close: () => Promise.resolve(),
  }
}

async function freePorts(count: number): Promise<number[]> {
  const found: number[] = []
  // Where several harnesses run, each begins elsewhere.
  let port = portMin + ((process.pid * 37) % (portMax - portMin))
  for (let tried = 0; found.length < count; tried++, port++) {
    if (tried === portMax - portMin) throw new Error(`${count} free ports could not be found`)
    if (port === portMax) port = portMin
    if (await isFree(port)) found.push(port)
  }
  return found
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.close(() => resolve(true))
    })
  })
}
