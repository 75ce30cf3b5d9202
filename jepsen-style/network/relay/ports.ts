/**
 * Ports for a run. They lie below those that Linux gives to outgoing connections (from 32768 on):
 * a node that is down for a while would else find its port taken when it comes back.
 */
import { createServer } from 'node:net'
import { relayHost } from './connection.ts'

const lowestPort = 10_000
const highestPort = 32_000
/** How many blocks are tried. */
const blocksMax = 64
/** Spreads runs that start together: a prime, so that no two processes walk the same blocks. */
const stride = 7919

/** The first of `count` free ports in a row. Throws if there is no such block. */
export async function freePorts(count: number): Promise<number> {
  for (let block = 0; block < blocksMax; block++) {
    const first =
      lowestPort + (((process.pid + block) * stride) % (highestPort - lowestPort - count))
    if (await allFree(first, count)) return first
  }
  throw new Error(`no ${count} free ports in a row between ${lowestPort} and ${highestPort}`)
}

async function allFree(first: number, count: number): Promise<boolean> {
  for (let port = first; port < first + count; port++) {
    if (!(await isFree(port))) return false
  }
  return true
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: relayHost, port }, () => server.close(() => resolve(true)))
  })
}
