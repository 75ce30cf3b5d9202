/** `quorate node start`. */
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { QuorateError, usageError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { addExamples, beginRun, type Run } from '../command.ts'
import { exitCodes, type Cli } from '../io.ts'
import { jsonLogger } from '../json-logger.ts'
import { readNodeConfig, type NodeConfig } from '../node-config.ts'
import { addTuningOptions, tuningOf } from '../node-tuning.ts'
import { parseAddress, parseListenAddress, parsePeers } from '../parsers.ts'

interface StartOptions extends NodeConfig {
  readonly config?: string
}

/** Declares it. */
export function nodeStartCommand(cli: Cli): Command {
  const command = new Command('start')
    .summary('run a node in the foreground')
    .description(
      'Runs a node until it gets SIGINT or SIGTERM. Once it is up it prints one line on stdout; ' +
        'its log goes to stderr, one JSON object a line. On an error that it cannot survive it ' +
        'exits with 1.',
    )
    .option('--data-dir <dir>', "the node's directory, set up with node init")
    .addOption(
      new Option(
        '--client-listen <address>',
        'where clients connect (default: 127.0.0.1:7101)',
      ).argParser(parseListenAddress),
    )
    .addOption(
      new Option(
        '--peer-listen <address>',
        'where other nodes connect (default: 127.0.0.1:7201)',
      ).argParser(parseListenAddress),
    )
    .addOption(
      new Option(
        '--client-advertise <address>',
        'what clients are told instead, unless the cluster was told another address of it (node ' +
          'init --clients, member update --client-address)',
      ).argParser(parseAddress),
    )
    .addOption(
      new Option('--peer-advertise <address>', 'what other nodes are told instead').argParser(
        parseAddress,
      ),
    )
    .addOption(
      new Option(
        '--peers <list>',
        'addresses to dial instead of the stored ones: n2=10.0.0.2:7201,…',
      ).argParser(parsePeers),
    )
  addTuningOptions(command)
    .option('--config <file>', 'JSON file with these options (dataDir for --data-dir); flags win')
    .action(async (flags: StartOptions) => {
      const run = beginRun(cli, command)
      const { config, ...given } = flags
      await start(run, {
        ...(config && (await readNodeConfig(resolve(run.io.cwd, config)))),
        ...given,
      })
    })
  return addExamples(command, [
    [
      'reachable from other hosts',
      'quorate node start --data-dir /var/lib/quorate \\\n' +
        '    --client-listen 0.0.0.0:7101 --client-advertise 10.0.0.1:7101 \\\n' +
        '    --peer-listen 0.0.0.0:7201 --peer-advertise 10.0.0.1:7201',
    ],
    ['from a file', 'quorate node start --config /etc/quorate.json'],
  ])
}

async function start(run: Run, options: NodeConfig): Promise<void> {
  const { io, out } = run
  if (options.dataDir === undefined) {
    throw usageError('--data-dir is missing; it stands on the command line or in the --config file')
  }
  const [{ startNode }, { realClock }] = await Promise.all([
    import('../../node/index.ts'),
    import('../../system/index.ts'),
  ])
  const logger = jsonLogger({
    level: options.logLevel ?? 'info',
    wall: () => realClock.wall(),
    write: (line) => void io.stderr.write(line, () => {}),
  })
  const onUncaught = (error: unknown): void => {
    logFatal(logger, error)
    process.exit(exitCodes.unexpected)
  }
  // A node that met an error nobody expected must not answer another request.
  process.once('uncaughtException', onUncaught).once('unhandledRejection', onUncaught)
  try {
    const node = await startNode({ ...nodeOptions(options, io.cwd), logger })
    const up = { clients: node.clientAddress, peers: node.peerAddress }
    if (out.structured) await out.json({ schema: 1, id: node.id, ...up })
    else await out.line(`quorate node ${node.id} up: clients ${up.clients}, peers ${up.peers}`)
    // Whichever comes first; `closed` rejects with the error that stopped the node.
    await Promise.race([node.closed, aborted(io.signal)])
    await node.close()
  } catch (error) {
    logFatal(logger, error)
    throw error
  }
}

function nodeOptions(options: NodeConfig, cwd: string) {
  const { dataDir = '', clientListen, peerListen, clientAdvertise, peerAdvertise, peers } = options
  const { logLevel: _, ...tuning } = tuningOf(options)
  return {
    dataDirectory: resolve(cwd, dataDir),
    clientListen: clientListen ?? '127.0.0.1:7101',
    peerListen: peerListen ?? '127.0.0.1:7201',
    ...(clientAdvertise !== undefined && { clientAdvertise }),
    ...(peerAdvertise !== undefined && { peerAdvertise }),
    ...(peers !== undefined && { peers }),
    ...tuning,
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** For whoever reads the log only: `cluster up` finds the reason for a failed start here. */
function logFatal(logger: Logger, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error)
  const code = error instanceof QuorateError ? error.code : 'QUORATE_INTERNAL'
  const { file, offset } = error instanceof QuorateError ? error.details : {}
  logger.error('the node stops', { code, error: text, file, offset })
}
