/** The command that starts a node whose directory was just made. */

interface Addresses {
  readonly peerAddress: string
  readonly clientAddress?: string | undefined
}

/**
 * The command line, with the addresses under which the members know the node: without them it
 * would listen on loopback, and no other host would reach it. What is not known is to be filled in.
 */
export function startHint(path: string, node: Addresses | undefined): string {
  const { clientAddress = '<host:port>', peerAddress = '<host:port>' } = node ?? {}
  return (
    `quorate node start --data-dir ${path} --client-listen ${clientAddress} ` +
    `--peer-listen ${peerAddress}`
  )
}
