/** The choice of ports for a cluster's nodes: each takes one for clients and one for peers. */
import { createServer } from 'node:net'
import { QuorateError, usageError } from '../errors.ts'

/** A node's peer port is this much above its client port. */
export const peerPortOffset = 100

/** Where a local cluster's client ports begin unless told otherwise. */
export const defaultPort = 7101

const portMax = 65_535
/** How many pairs are looked at before giving up: a machine so full has another problem. */
const pairsTriedMax = 2_000

/** The ports of one node. */
export interface PortPair {
  readonly client: number
  readonly peer: number
}

/** What to choose from. */
export interface PortChoice {
  readonly nodes: number
  /** Undefined: from `defaultPort` on, moving on where one is taken. 0: any free ones. */
  readonly port: number | undefined
  readonly probe?: PortProbe
}

/** How to find out about ports; tests give their own. */
export interface PortProbe {
  isFree(port: number): Promise<boolean>
  /** A port that is free now, chosen by the operating system. */
  anyFree(): Promise<number>
}

/**
 * Chooses ports. One that was asked for and is taken is an error, because the caller's other
 * commands will look for the cluster there; a default moves on.
 */
export async function choosePorts(choice: PortChoice): Promise<PortPair[]> {
  const probe = choice.probe ?? realProbe
  if (choice.port === 0) return chooseAny(choice.nodes, probe)
  const chosen: PortPair[] = []
  const used = new Set<number>()
  let client = choice.port ?? defaultPort
  for (let tried = 0; tried < pairsTriedMax && chosen.length < choice.nodes; tried++, client++) {
    const pair = { client, peer: client + peerPortOffset }
    if (pair.peer > portMax) {
      throw usageError(
        `there are no ${choice.nodes} port pairs from ${choice.port} up to ${portMax}`,
      )
    }
    const taken = await firstTaken(pair, used, probe)
    if (taken === undefined) {
      chosen.push(pair)
      used.add(pair.client).add(pair.peer)
    } else if (choice.port !== undefined) {
      throw portInUse(taken)
    }
  }
  if (chosen.length < choice.nodes) throw noneFree()
  return chosen
}

async function chooseAny(nodes: number, probe: PortProbe): Promise<PortPair[]> {
  const chosen: PortPair[] = []
  const used = new Set<number>()
  for (let tried = 0; tried < pairsTriedMax && chosen.length < nodes; tried++) {
    const client = await probe.anyFree()
    const pair = { client, peer: client + peerPortOffset }
    if (pair.peer > portMax || used.has(pair.client)) continue
    if ((await firstTaken(pair, used, probe)) !== undefined) continue
    chosen.push(pair)
    used.add(pair.client).add(pair.peer)
  }
  if (chosen.length < nodes) throw noneFree()
  return chosen
}

async function firstTaken(
  pair: PortPair,
  used: ReadonlySet<number>,
  probe: PortProbe,
): Promise<number | undefined> {
  for (const port of [pair.client, pair.peer]) {
    if (used.has(port) || !(await probe.isFree(port))) return port
  }
  return undefined
}

/** The refusal of a port that something else listens on. */
export function portInUse(port: number): QuorateError {
  return new QuorateError('QUORATE_PORT_IN_USE', `port ${port} of 127.0.0.1 is taken`)
}

function noneFree(): QuorateError {
  return new QuorateError('QUORATE_PORT_IN_USE', 'too few free ports were found on 127.0.0.1')
}

/** Asks the operating system, by binding for a moment. */
export const realProbe: PortProbe = {
  isFree: async (port) => (await bind(port)) !== undefined,
  anyFree: async () => {
    const port = await bind(0)
    if (port === undefined) throw noneFree()
    return port
  },
}

/** Binds and lets go again: the port bound, or undefined where it is taken. */
function bind(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      // A privileged port is as good as taken: the node could not listen there either.
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined)
      else reject(error)
    })
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = server.address()
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  })
}
