/** Addresses that others are to reach, wherever people or programs give one. */

const pattern = /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):(\d{1,5})$/

/**
 * Whether a text is an address that can be dialled: `host:port`, with IPv6 hosts in brackets. Not
 * all that looks like a host is one to a URL, by which sockets are opened: `256.1.1.1` is none, nor
 * is a name whose last part is a number. What is told to all members has to be asked this before.
 */
export function isDialable(address: string): boolean {
  const port = Number(pattern.exec(address)?.[1])
  return port >= 1 && port <= 65_535 && URL.canParse(`ws://${address}/`)
}
