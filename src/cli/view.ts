/** The nodes' own accounts, for the commands that show or judge them. */
import type { ClusterView } from '../cluster/index.ts'
import type { ClientOptions, Run } from './command.ts'
import { findEndpoints } from './endpoints.ts'

/** A node that is up answers at once; one that is paused or cut off never does. */
export const statusTimeoutMs = 2_000

/** Asks all nodes, those that others name included; with one endpoint and `stale`, that one. */
export async function viewOf(
  run: Run,
  options: ClientOptions,
  timeoutMs: number = run.globals.timeout ?? statusTimeoutMs,
): Promise<ClusterView> {
  const { io, globals } = run
  const { viewCluster } = await import('../cluster/index.ts')
  const { endpoints, local } = await findEndpoints(io, {
    endpoints: globals.endpoints,
    dataDir: options.dataDir,
  })
  const exactly = endpoints.length === 1 && globals.consistency === 'stale'
  return await viewCluster({ endpoints, local, timeoutMs, discover: !exactly })
}
