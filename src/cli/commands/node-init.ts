/** `quorate node init`. */
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { usageError } from '../../errors.ts'
import { addExamples, beginRun, type Run } from '../command.ts'
import type { Cli } from '../io.ts'
import type { JoinedCluster } from '../join.ts'
import { membersOf } from '../members-of.ts'
import { readNodeConfig, type NodeConfig } from '../node-config.ts'
import { parseEndpoints, parseNodeId, parsePeers } from '../parsers.ts'
import { startHint } from '../start-hint.ts'

interface InitOptions extends NodeConfig {
  readonly config?: string
  /** True: without endpoints. */
  readonly join?: readonly string[] | true
}

/** Declares it. */
export function nodeInitCommand(cli: Cli): Command {
  const command = new Command('init')
    .summary('set up the data directory of a node')
    .description(
      'Sets up the data directory of a node. Every first member gets the same --cluster and the ' +
        'same --peers. A node for a cluster that runs gets --join instead, and becomes a member ' +
        'with member add or member replace. A node that has lost its directory may not be set up ' +
        'again under its old name: it has forgotten its votes, and the other members refuse it.',
    )
    .addOption(new Option('--id <id>', "this node's name").argParser(parseNodeId))
    .option('--data-dir <dir>', 'the directory to set up; it is made')
    .option('--cluster <name>', "the cluster's name")
    .option('--cluster-id <id>', "the cluster's id (default: made from its name and members)")
    .addOption(
      new Option(
        '--peers <list>',
        'peer addresses of all members, this node included: n1=10.0.0.1:7201,n2=…; with --join ' +
          'of members that run',
      ).argParser(parsePeers),
    )
    .addOption(
      new Option(
        '--clients <list>',
        'client addresses of the members, to tell clients about: n1=10.0.0.1:7101,… (default: ' +
          'what each says itself)',
      ).argParser(parsePeers),
    )
    .addOption(
      new Option(
        '--join [endpoints]',
        'for a cluster that runs: client addresses of its nodes, which are asked who they are; ' +
          'without any, --cluster-id and --peers say it',
      ).argParser(parseEndpoints),
    )
    .option('--config <file>', 'JSON file with these options (dataDir for --data-dir); flags win')
    .action(async (flags: InitOptions) => {
      const run = beginRun(cli, command)
      const { config, join, ...given } = flags
      const options = {
        ...(config && (await readNodeConfig(resolve(run.io.cwd, config)))),
        ...given,
      }
      await (join === undefined
        ? initialiseFirst(run, options)
        : initialiseJoining(run, options, join))
    })
  return addExamples(command, [
    [
      'the first of three hosts',
      'quorate node init --id n1 --data-dir /var/lib/quorate --cluster market \\\n' +
        '    --peers n1=10.0.0.1:7201,n2=10.0.0.2:7201,n3=10.0.0.3:7201',
    ],
    [
      'a fourth one, once they run',
      'quorate node init --id n4 --data-dir /var/lib/quorate --join 10.0.0.1:7101,10.0.0.2:7101',
    ],
  ])
}

async function initialiseFirst(run: Run, options: NodeConfig): Promise<void> {
  const { id, path, cluster, peers } = checked(options, run.io.cwd)
  const members = membersOf(peers, options.clients)
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
  const own = members.find((member) => member.id === id)
  await run.out.note(`next: ${startHint(path, own)}`)
}

async function initialiseJoining(
  run: Run,
  options: NodeConfig,
  join: readonly string[] | true,
): Promise<void> {
  const { id, dataDir, cluster } = options
  if (id === undefined) throw missing('--id')
  if (dataDir === undefined) throw missing('--data-dir')
  if (cluster !== undefined) throw usageError('--cluster is for first members, not for --join')
  const path = resolve(run.io.cwd, dataDir)
  let joined: JoinedCluster
  if (join === true) joined = told(id, options)
  else {
    if (options.clusterId !== undefined || options.peers !== undefined) {
      throw usageError('with endpoints --join asks for --cluster-id and --peers: leave them out')
    }
    const { askCluster } = await import('../join.ts')
    joined = await askCluster(run, join, id)
  }
  const [{ initialise }, { realDisk, realRandom }] = await Promise.all([
    import('../../wal/index.ts'),
    import('../../system/index.ts'),
  ])
  const { clusterId, incarnation } = await initialise({
    disk: realDisk,
    random: realRandom,
    path,
    clusterId: joined.clusterId,
    nodeId: id,
    members: joined.members,
    joining: true,
  })
  if (run.out.structured) {
    const directory = { id, clusterId, incarnation, dataDirectory: path }
    await run.out.json({ schema: 1, ...directory, joining: true })
    return
  }
  await run.out.line(`${path} is now the directory of ${id}, to join cluster ${clusterId}`)
  const endpoints = join === true ? '' : ` -e ${join.join(',')}`
  await run.out.note(
    `next: ${startHint(path, undefined)}\n      quorate member add ${id} <its peer address>${endpoints}`,
  )
}

/** What the command line says of the cluster, where none of its nodes can be asked. */
function told(id: string, { clusterId, peers, clients }: NodeConfig): JoinedCluster {
  if (clusterId === undefined) throw missing('--cluster-id, or endpoints behind --join,')
  if (peers === undefined) throw missing('--peers, or endpoints behind --join,')
  if (peers[id] !== undefined) {
    throw usageError(`--peers names the members that run: ${id} is to join them`)
  }
  return { clusterId, members: membersOf(peers, clients) }
}

function checked(options: NodeConfig, cwd: string) {
  const { id, dataDir, cluster, peers } = options
  if (id === undefined) throw missing('--id')
  if (dataDir === undefined) throw missing('--data-dir')
  if (cluster === undefined) throw missing('--cluster')
  if (peers === undefined) throw missing('--peers')
  if (peers[id] === undefined) {
    throw usageError(`--peers must name all members, and ${id} itself is not among them`)
  }
  return { id, path: resolve(cwd, dataDir), cluster, peers }
}

function missing(flag: string): Error {
  return usageError(`${flag} is missing; it stands on the command line or in the --config file`)
}
