/** Names and addresses of one run: made of the process id, so that no two runs share any. */

/** What every name of this harness in the kernel begins with. */
const prefix = 'quorate'
/** Parties of a run, the clients included: they share 256 addresses, four each. */
export const partiesMax = 16

/** The namespaces and the link of one run of a process. */
export interface RunNames {
  /** Of a node. */
  node(id: string): string
  /** The one through which everything passes. */
  readonly router: string
  /** Where silent cuts lead: nothing comes out of it. */
  readonly sink: string
  /** Where cuts with resets lead: it answers everything with a reset. */
  readonly refuser: string
  /** What is sent there comes back to the router. */
  readonly loop: string
  /** The host's end of its link to the router; 15 characters at most. */
  readonly hostLink: string
}

/** `run` tells the runs of one process apart. */
export function runNames(pid: number, run: number): RunNames {
  const start = `${prefix}-${pid}-${run}`
  return {
    node: (id) => `${start}-node-${id}`,
    router: `${start}-router`,
    sink: `${start}-sink`,
    refuser: `${start}-refuser`,
    loop: `${start}-loop`,
    hostLink: `qr${pid}.${run}`,
  }
}

/** The process whose run this namespace or link was made for; undefined: it is none of ours. */
export function ownerOf(name: string): number | undefined {
  const found = /^quorate-(\d+)-\d+-/.exec(name) ?? /^qr(\d+)\.\d+$/.exec(name)
  return found?.[1] === undefined ? undefined : Number(found[1])
}

/** Four addresses: the router's and the party's among them. */
export interface PartyAddresses {
  readonly router: string
  readonly party: string
}

/** A block of 256 addresses. */
export interface Block {
  /** For example `198.18.7.0/24`. */
  readonly cidr: string
  of(party: number): PartyAddresses
}

/** How many blocks there are: 198.18.0.0/15 is set aside for tests of networks (RFC 2544). */
const blockCount = 512

/**
 * The first block at or after the `preferred` one that no route mentions. `routes` is any text with
 * the routes in it. Throws if all are taken.
 */
export function freeBlock(preferred: number, routes: string): Block {
  for (let i = 0; i < blockCount; i++) {
    const n = (preferred + i) % blockCount
    const start = `198.${18 + (n >> 8)}.${n & 255}`
    if (!routes.includes(`${start}.`)) return block(start)
  }
  throw new Error('every block of 198.18.0.0/15 is in use')
}

function block(start: string): Block {
  return {
    cidr: `${start}.0/24`,
    of: (party) => ({ router: `${start}.${party * 4 + 1}`, party: `${start}.${party * 4 + 2}` }),
  }
}
