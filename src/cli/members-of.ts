/** Members as `--peers` and `--clients` name them. */
import { usageError } from '../errors.ts'

type Addresses = Readonly<Record<string, string>>

/** Puts them together. Refuses a client address of one that `--peers` does not name. */
export function membersOf(peers: Addresses, clients: Addresses = {}) {
  const stranger = Object.keys(clients).find((member) => peers[member] === undefined)
  if (stranger !== undefined) throw usageError(`--clients names ${stranger}, --peers does not`)
  return Object.entries(peers).map(([id, peerAddress]) => {
    const clientAddress = clients[id]
    return { id, peerAddress, ...(clientAddress !== undefined && { clientAddress }) }
  })
}
