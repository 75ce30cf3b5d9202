/** `quorate node init`. */
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { usageError } from '../../errors.ts'
import { addExamples, beginRun } from '../command.ts'
import type { Cli } from '../io.ts'
import { readNodeConfig, type NodeConfig } from '../node-config.ts'
import { parseNodeId, parsePeers } from '../parsers.ts'

interface InitOptions extends NodeConfig {
  readonly config?: string
}

/** Declares it. */
export function nodeInitCommand(cli: Cli): Command {
  const command = new Command('init')
    .summary('set up the data directory of a node')
    .description(
      'Sets up the data directory of a node. Every first member gets the same --cluster and the ' +
        'same --peers. A node that has lost its directory may not be set up again under its old ' +
        'name: it has forgotten its votes, and the other members refuse it.',
    )
    .addOption(new Option('--id <id>', "this node's name").argParser(parseNodeId))
    .option('--data-dir <dir>', 'the directory to set up; it is made')
    .option('--cluster <name>', "the cluster's name")
    .option('--cluster-id <id>', "the cluster's id (default: made from its name and members)")
    .addOption(
      new Option(
        '--peers <list>',
        'peer addresses of all members, this node included: n1=10.0.0.1:7201,n2=…',
      ).argParser(parsePeers),
    )
    .addOption(
      new Option(
        '--clients <list>',
        'client addresses of the members, to tell clients about: n1=10.0.0.1:7101,…',
      ).argParser(parsePeers),
    )
    .option('--config <file>', 'JSON file with these options (dataDir for --data-dir); flags win')
    .action(async (flags: InitOptions) => {
      const run = beginRun(cli, command)
      const { config, ...given } = flags
      const options = {
        ...(config && (await readNodeConfig(resolve(run.io.cwd, config)))),
        ...given,
      }
      const { id, path, cluster, peers } = checked(options, run.io.cwd)
      const members = Object.entries(peers).map(([member, peerAddress]) => {
        const clientAddress = options.clients?.[member]
        return { id: member, peerAddress, ...(clientAddress !== undefined && { clientAddress }) }
      })
      const { initialiseNode } = await import('../../node/index.ts')
      const identity = await initialiseNode({
        path,
        clusterName: cluster,
        ...(options.clusterId !== undefined && { clusterId: options.clusterId }),
        nodeId: id,
        members,
      })
      const { clusterId, incarnation } = identity
      if (run.out.structured) {
        await run.out.json({ schema: 1, id, clusterId, incarnation, dataDirectory: path })
        return
      }
      await run.out.line(`${path} is now the directory of ${id} in cluster ${clusterId}`)
      await run.out.note(`next: quorate node start --data-dir ${path}`)
    })
  return addExamples(command, [
    [
      'the first of three hosts',
      'quorate node init --id n1 --data-dir /var/lib/quorate --cluster market \\\n' +
        '    --peers n1=10.0.0.1:7201,n2=10.0.0.2:7201,n3=10.0.0.3:7201',
    ],
  ])
}

function checked(options: NodeConfig, cwd: string) {
  const { id, dataDir, cluster, peers, clients = {} } = options
  if (id === undefined) throw missing('--id')
  if (dataDir === undefined) throw missing('--data-dir')
  if (cluster === undefined) throw missing('--cluster')
  if (peers === undefined) throw missing('--peers')
  if (peers[id] === undefined) {
    throw usageError(`--peers must name all members, and ${id} itself is not among them`)
  }
  const stranger = Object.keys(clients).find((member) => peers[member] === undefined)
  if (stranger !== undefined) throw usageError(`--clients names ${stranger}, --peers does not`)
  return { id, path: resolve(cwd, dataDir), cluster, peers }
}

function missing(flag: string): Error {
  return usageError(`${flag} is missing; it stands on the command line or in the --config file`)
}
