/** `quorate cluster up`. */
import { Option, type Command } from 'commander'
import type { ClusterFile, ClusterView } from '../../cluster/index.ts'
import { QuorateError, usageError } from '../../errors.ts'
import { dataDirFlag, localCommand, type ClusterOptions } from '../cluster-command.ts'
import { addExamples, beginRun, type Run } from '../command.ts'
import { dataDirectory } from '../endpoints.ts'
import type { Cli } from '../io.ts'
import { parsePort, parsePositive } from '../parsers.ts'
import { showLiveStatus } from '../live-status.ts'
import { statusDocument, statusLines } from '../status-output.ts'
import { addTuningOptions, tuningOf, type TuningOptions } from '../node-tuning.ts'

interface UpOptions extends ClusterOptions, TuningOptions {
  readonly nodes?: number
  readonly port?: number
  readonly detach?: boolean
}

const nodesDefault = 3
/** How long telling the members' new addresses may take. */
const tellMs = 10_000

/** Declares it. */
export function clusterUpCommand(cli: Cli): Command {
  const command = localCommand(
    'up',
    'start a cluster',
    'Starts a cluster, or starts one again that was stopped, and waits until it has a leader. In ' +
      "the foreground it then shows the nodes' status until Ctrl-C, which stops them.",
  )
    .addOption(
      new Option('-n, --nodes <n>', `how many nodes (default: ${nodesDefault})`).argParser(
        parsePositive,
      ),
    )
    .addOption(
      new Option(
        '--port <port>',
        'first client port; peer ports are 100 above; 0: any free ones (default: 7101, or the ' +
          'next that is free)',
      ).argParser(parsePort),
    )
    .option('-d, --detach', 'return once there is a leader, and leave the nodes running')
  addTuningOptions(command).action(async (options: UpOptions) => {
    const run = beginRun(cli, command)
    const directory = dataDirectory(run.io, options.dataDir)
    const { withClusterLock } = await import('../../cluster/index.ts')
    const prepared = await withClusterLock(directory, () => prepare(run, directory, options))
    await bringUp(run, prepared, options.detach === true)
  })
  return addExamples(command, [
    ['three nodes, until Ctrl-C', 'quorate cluster up'],
    ['five nodes in the background, elsewhere', 'quorate cluster up -n 5 -d --data-dir /tmp/five'],
  ])
}

/** A cluster that is to be brought up, and what was known of it before its ports were settled. */
interface Prepared {
  readonly before: ClusterFile
  readonly file: ClusterFile
}

/** Makes the cluster, or finds the one that is there and checks that it is the one meant. */
async function prepare(run: Run, directory: string, options: UpOptions): Promise<Prepared> {
  const { createCluster, initialiseNodes, readClusterFile, retune, settlePorts } =
    await import('../../cluster/index.ts')
  const tuning = tuningOf(options)
  const existing = readClusterFile(directory)
  if (existing === undefined) {
    const nodes = options.nodes ?? nodesDefault
    const file = await createCluster({
      dataDirectory: directory,
      nodes,
      port: options.port,
      tuning,
    })
    await noteMovedPorts(run, file, options.port)
    return { before: file, file }
  }
  const { length } = existing.nodes
  if (options.nodes !== undefined && options.nodes !== length) {
    throw usageError(
      `${existing.dataDirectory} holds a cluster of ${length} nodes, not of ${options.nodes}: ` +
        'quorate cluster down --wipe removes it, --data-dir names another place',
    )
  }
  const settled = await settlePorts(await initialiseNodes(existing), options.port)
  const first = settled.nodes[0]?.clientAddress
  if (first !== existing.nodes[0]?.clientAddress) {
    await run.out.note(`the cluster moved to other ports, from ${first} on`)
  } else if (options.port !== undefined && options.port !== 0) {
    if (first !== `127.0.0.1:${options.port}`) {
      throw usageError(`the cluster runs already, with its first node at ${first}`)
    }
  }
  // Last: a command that is refused changes nothing.
  return { before: existing, file: await retune(settled, tuning) }
}

async function noteMovedPorts(
  run: Run,
  file: ClusterFile,
  asked: number | undefined,
): Promise<void> {
  const { defaultPort, portOf } = await import('../../cluster/index.ts')
  if (asked !== undefined) return
  const ports = file.nodes.map((node) => portOf(node.clientAddress))
  if (ports.every((port, i) => port === defaultPort + i)) return
  await run.out.note(`some of the usual ports are taken: the nodes listen on ${ports.join(', ')}`)
}

async function bringUp(run: Run, prepared: Prepared, detach: boolean): Promise<void> {
  const { readClusterFile, requireClusterFile, startNodes, stopNodes, waitForLeader } =
    await import('../../cluster/index.ts')
  const { out, io } = run
  const { dataDirectory, nodes } = prepared.file
  await out.note(`${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'} in ${dataDirectory}`)
  const started = await startNodes(dataDirectory)
  const file = requireClusterFile(dataDirectory)
  for (const { id, directory } of nodes) {
    if (file.nodes.some((node) => node.id === id)) continue
    await out.note(
      `${id} was removed from the cluster and is left out from now on; ${directory} stays`,
    )
  }
  // What this command started it also stops, unless all went well and it is to leave them.
  let leave = false
  try {
    const view = await waitForLeader(file, io.signal)
    if (io.signal.aborted) return
    await tellMoved(run, { before: prepared.before, file }, view)
    if (detach) {
      leave = true
      await printUp(run, file, view, started)
      return
    }
    if (out.structured) await out.json(statusDocument(view))
    await showLiveStatus(run, file, started.length > 0)
    if (started.length > 0) await out.note('stopping the nodes')
  } finally {
    if (!leave && readClusterFile(file.dataDirectory) !== undefined) {
      await stopNodes(file.dataDirectory, started)
    }
  }
}

/** Has clients told where the nodes are now, where they were at other ports before. */
async function tellMoved(run: Run, { before, file }: Prepared, view: ClusterView): Promise<void> {
  const { movedNodes } = await import('../../cluster/index.ts')
  const moved = movedNodes(before, file, view)
  if (moved.length === 0) return
  const { io, out } = run
  const endpoints = file.nodes.map((node) => node.clientAddress)
  try {
    const client = await io.connect(endpoints, { timeout: tellMs, signal: io.signal })
    try {
      for (const { id, clientAddress } of moved) await client.updateMember(id, { clientAddress })
    } finally {
      await client.close()
    }
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error
    // The cluster is up, and clients that are given all endpoints get on.
    await out.note(`clients are still told old addresses of some nodes: ${error.message}`)
  }
}

async function printUp(
  run: Run,
  file: ClusterFile,
  view: ClusterView,
  started: readonly string[],
): Promise<void> {
  const { out } = run
  if (out.structured) {
    await out.json(statusDocument(view))
    return
  }
  for (const line of statusLines(view, out.paint, out.columns)) await out.line(line)
  const what = started.length === 0 ? 'was up already' : 'is up'
  await out.note(`the cluster ${what}; leader ${out.paintError('name', view.leader ?? '?')}`)
  const flag = dataDirFlag(run, file)
  await out.note(`next: quorate put${flag} hello world`)
  await out.note(`      quorate cluster kill${flag} leader`)
  await out.note(`      quorate cluster down${flag}`)
}
