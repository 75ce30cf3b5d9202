/** What a node that joins has to know of the cluster: asked of its nodes, or told by hand. */
import type { Member } from '../wal/index.ts'
import { QuorateError, usageError } from '../errors.ts'
import type { Run } from './command.ts'
import { statusTimeoutMs } from './view.ts'

/** The cluster that is joined. */
export interface JoinedCluster {
  readonly clusterId: string
  /** Some of its members: the others are learned of once one of these is reached. */
  readonly members: readonly Member[]
}

/** A node's identity has room for as many; any one that answers would be enough. */
const membersKept = 9

/** Asks the nodes at `endpoints`. Refuses where they do not belong together, or know `id`. */
export async function askCluster(
  run: Run,
  endpoints: readonly string[],
  id: string,
): Promise<JoinedCluster> {
  const { viewCluster } = await import('../cluster/index.ts')
  const timeoutMs = run.globals.timeout ?? statusTimeoutMs
  const view = await viewCluster({ endpoints, timeoutMs, discover: true })
  const statuses = view.nodes.flatMap(({ status }) => (status === undefined ? [] : [status]))
  const [first] = statuses
  if (first === undefined) {
    throw new QuorateError('QUORATE_CONNECTION_LOST', `no node answers at ${endpoints.join(',')}`, {
      outcome: 'not-applied',
    })
  }
  const other = statuses.find((status) => status.clusterId !== first.clusterId)
  if (other !== undefined) {
    throw usageError(
      `${first.clientAddress} belongs to cluster ${first.clusterId}, ${other.clientAddress} to ` +
        `${other.clusterId}: name nodes of one cluster`,
    )
  }
  refuseKnown(view.members, id)
  const members = view.members
    .toSorted((a, b) => Number(b.voter) - Number(a.voter))
    .slice(0, membersKept)
    .map(({ id: member, peerAddress, clientAddress }) => ({
      id: member,
      peerAddress,
      ...(clientAddress !== undefined && { clientAddress }),
    }))
  return { clusterId: first.clusterId, members }
}

/** A name that is in use belongs to a node with votes and promises that a new one knows nothing of. */
export function refuseKnown(members: readonly { readonly id: string }[], id: string): void {
  if (!members.some((member) => member.id === id)) return
  throw usageError(
    `${id} is a member of that cluster already. A new node needs a new name; one that lost its ` +
      `directory is replaced: quorate member replace ${id} <newId> <peerAddress>`,
  )
}
