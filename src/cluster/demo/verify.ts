/** The demo's last act: does every node hold exactly what was acknowledged? */
import { connect } from '../../client/index.ts'
import { QuorateError } from '../../errors.ts'
import type { ClusterFile } from '../cluster-file.ts'
import { viewLocalCluster } from '../local-cluster.ts'
import { Deadline, sleep } from '../time.ts'
import type { Ledger } from './ledger.ts'

const convergeMsMax = 30_000
const askMs = 1_000

/** What was found on the nodes. */
export interface Findings {
  /** Records on every node. */
  readonly stored: number
  /** Acknowledged, and missing or different on some node. */
  readonly lost: number
  /** On some node, and never acknowledged. */
  readonly strange: number
  /** Effects beyond the first of a record. */
  readonly storedTwice: number
  /** Whether all nodes have the same digests. */
  readonly alike: boolean
  /** The nodes that were compared record by record. */
  readonly nodes: number
}

/** Waits until every node has applied all that is committed, then compares. */
export async function verify(
  file: ClusterFile,
  ledger: Ledger,
  revisionBefore: number,
  signal: AbortSignal,
): Promise<Findings> {
  const revision = await converge(file, signal)
  let lost = 0
  let strange = 0
  let stored = Number.POSITIVE_INFINITY
  for (const node of file.nodes) {
    const found = await compareNode(node.clientAddress, ledger, signal)
    lost = Math.max(lost, found.lost)
    strange = Math.max(strange, found.strange)
    stored = Math.min(stored, found.stored)
  }
  const grown = revision - revisionBefore
  const twice = Math.abs(grown - ledger.applied.size)
  const alike = await digestsAlike(file, signal)
  return {
    stored,
    lost: lost + ledger.disputed().length,
    strange,
    storedTwice: Math.max(twice, ledger.appliedTwice.length),
    alike,
    nodes: file.nodes.length,
  }
}

/** The revision at which all nodes stand. */
async function converge(file: ClusterFile, signal: AbortSignal): Promise<number> {
  const deadline = new Deadline(convergeMsMax)
  for (;;) {
    const view = await viewLocalCluster(file, askMs)
    const statuses = view.nodes.flatMap(({ status }) => (status === undefined ? [] : [status]))
    const revisions = new Set(statuses.map((status) => status.revision))
    const [revision] = revisions
    const all = statuses.length === file.nodes.length
    const level = view.nodes.every((node) => node.lag === 0)
    if (all && level && revisions.size === 1 && revision !== undefined) return revision
    if (deadline.passed || signal.aborted) {
      throw new QuorateError('QUORATE_TIMEOUT', 'the nodes did not come level with each other', {
        outcome: 'not-applied',
      })
    }
    await sleep(100, signal)
  }
}

/** Reads one node's own copy and holds it against the ledger, value by value. */
async function compareNode(
  address: string,
  ledger: Ledger,
  signal: AbortSignal,
): Promise<{ stored: number; lost: number; strange: number }> {
  const client = await connect(address, {
    pin: true,
    consistency: 'stale',
    timeout: 20_000,
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
  })
  try {
    let stored = 0
    let right = 0
    let strange = 0
    for await (const { key, value, revision } of client.scan({ signal })) {
      stored++
      const wanted = ledger.applied.get(String(key))
      if (wanted === undefined) strange++
      else if (isSame(value, wanted.value) && revision === wanted.revision) right++
    }
    return { stored, lost: ledger.applied.size - right, strange }
  } finally {
    await client.close()
  }
}

function isSame(found: unknown, wanted: Uint8Array): boolean {
  return found instanceof Uint8Array && Buffer.compare(found, wanted) === 0
}

async function digestsAlike(file: ClusterFile, signal: AbortSignal): Promise<boolean> {
  const client = await connect(
    file.nodes.map((node) => node.clientAddress),
    { timeout: 20_000 },
  )
  try {
    const { nodes } = await client.digest({ signal })
    const digests = nodes.map((node) => ('id' in node ? `${node.effects} ${node.rows}` : 'none'))
    return nodes.length === file.nodes.length && new Set(digests).size === 1
  } finally {
    await client.close()
  }
}
