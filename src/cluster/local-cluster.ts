/** A cluster whose nodes are processes on this machine, and what can be done to it. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { QuorateError, isErrorCode, usageError } from '../errors.ts'
import {
  clusterFileName,
  dropNode,
  forgetProcess,
  isLeftover,
  nodePaths,
  readClusterFile,
  requireClusterFile,
  updateNode,
  writeClusterFile,
  type ClusterFile,
  type NodeRecord,
  type NodeTuning,
} from './cluster-file.ts'
import { viewCluster, type ClusterView } from './cluster-view.ts'
import { isInUse } from './directory-lock.ts'
import { LogTail } from './logs.ts'
import { fetchNodeStatus } from './node-status.ts'
import { choosePorts, peerPortOffset, portInUse, realProbe, type PortPair } from './ports.ts'
import { processState, signalNode, spawnNode, stopNode, waitGone } from './process.ts'
import type { StartedProcess } from './process.ts'
import { Deadline, sleep } from './time.ts'

/** More than this helps nobody: every write waits for a majority, on one machine's disk. */
export const nodesMax = 9

const pollMs = 40
const askMs = 500
/** How long a node may take until it answers, on a machine that does other things as well. */
const startMsMax = 30_000
const leaderMsMax = 30_000
/** How long a command waits for a leader that it is to act upon: a few elections. */
const electionMsMax = 3_000
/** How long a node may take to stop in good order before it is stopped by force. */
export const stopGraceMs = 5_000
const killMsMax = 5_000

/** What `createCluster` is told. */
export interface CreateOptions {
  readonly dataDirectory: string
  readonly nodes: number
  /** See `PortChoice.port`. */
  readonly port: number | undefined
  readonly tuning: NodeTuning
}

/** Makes the directories of a new cluster and its `cluster.json`. Starts nothing. */
export async function createCluster(options: CreateOptions): Promise<ClusterFile> {
  const { nodes: count } = options
  if (!Number.isSafeInteger(count) || count < 1 || count > nodesMax) {
    throw usageError(`a local cluster has 1 to ${nodesMax} nodes, not ${count}`)
  }
  refuseForeign(options.dataDirectory)
  await checkTuning(options.tuning)
  const ports = await choosePorts({ nodes: count, port: options.port })
  mkdirSync(options.dataDirectory, { recursive: true })
  const dataDirectory = realpathSync(options.dataDirectory)
  const nodes = ports.map((pair, i) => nodeRecord(dataDirectory, `n${i + 1}`, pair))
  const unique = randomBytes(16).toString('hex')
  const file: ClusterFile = {
    schema: 1,
    clusterName: `local-${unique.slice(0, 8)}`,
    clusterId: unique,
    dataDirectory,
    initialised: false,
    tuning: options.tuning,
    nodes,
  }
  // Written before the nodes' directories: if this command dies in between, the next one sees
  // from it that the work is to be finished rather than that strange directories are about.
  writeClusterFile(file)
  return initialiseNodes(file)
}

function nodeRecord(dataDirectory: string, id: string, pair: PortPair): NodeRecord {
  return {
    id,
    pid: null,
    clientAddress: `127.0.0.1:${pair.client}`,
    peerAddress: `127.0.0.1:${pair.peer}`,
    ...nodePaths(dataDirectory, id),
  }
}

/** A directory with other things in it was hardly meant. */
function refuseForeign(dataDirectory: string): void {
  if (!existsSync(dataDirectory)) return
  const first = readdirSync(dataDirectory).find((name) => !isLeftover(name))
  if (first === undefined) return
  throw usageError(
    `${dataDirectory} is not empty (it holds ${first}) and holds no ${clusterFileName}: ` +
      'choose another directory with --data-dir',
  )
}

/** Makes the nodes' directories, unless that is done; goes on where an earlier attempt ended. */
export async function initialiseNodes(file: ClusterFile): Promise<ClusterFile> {
  if (file.initialised) return file
  const { initialiseNode } = await import('../node/index.ts')
  for (const node of file.nodes) {
    try {
      await initialiseNode({
        path: node.directory,
        clusterName: file.clusterName,
        clusterId: file.clusterId,
        nodeId: node.id,
        members: file.nodes.map(({ id, peerAddress, clientAddress }) => ({
          id,
          peerAddress,
          clientAddress,
        })),
      })
    } catch (error) {
      const code = error instanceof QuorateError ? error.code : undefined
      if (code !== 'QUORATE_ALREADY_INITIALISED') throw error
    }
  }
  const made = { ...file, initialised: true }
  writeClusterFile(made)
  return made
}

/**
 * The cluster with this tuning on top of its own, for nodes that are started from now on. Refused,
 * with nothing changed, where a node would refuse it: else a node that runs today would not start
 * tomorrow.
 */
export async function retune(file: ClusterFile, tuning: NodeTuning): Promise<ClusterFile> {
  if (Object.keys(tuning).length === 0) return file
  const retuned = { ...file, tuning: { ...file.tuning, ...tuning } }
  await checkTuning(retuned.tuning)
  writeClusterFile(retuned)
  return retuned
}

async function checkTuning(tuning: NodeTuning): Promise<void> {
  const { checkNodeOptions } = await import('../node/index.ts')
  checkNodeOptions(tuning)
}

/** Whether there is a directory with something in it. */
export function directoryHolds(path: string): boolean {
  return existsSync(path) && readdirSync(path).some((name) => !isLeftover(name))
}

/**
 * Before a stopped cluster is started again: moves it to other ports, if asked to or if a
 * stranger has taken one of its own in the meantime. Nodes are told each other's addresses at
 * every start, so that moving is possible.
 */
export async function settlePorts(
  file: ClusterFile,
  port: number | undefined,
): Promise<ClusterFile> {
  if (file.nodes.some((node) => processState(node) !== 'stopped')) return file
  const current = file.nodes.map((node) => portOf(node.clientAddress))
  const stays = port === undefined || current.every((value, i) => value === port + i)
  if (stays && (await allFree(current))) return file
  const pairs = await choosePorts({ nodes: file.nodes.length, port })
  const nodes = file.nodes.map((node, i) => {
    const pair = pairs[i]
    return pair === undefined ? node : nodeRecord(file.dataDirectory, node.id, pair)
  })
  const moved = { ...file, nodes }
  writeClusterFile(moved)
  return moved
}

/**
 * Nodes of which clients are still told the address that `before` has of them, and `file` has not. A
 * cluster that has moved to other ports remembers for its members the addresses that they were made
 * with, and what it was told of a member comes before what that says itself. Any other address is
 * one that somebody chose.
 */
export function movedNodes(
  before: ClusterFile,
  file: ClusterFile,
  view: ClusterView,
): readonly NodeRecord[] {
  return file.nodes.filter(({ id, clientAddress }) => {
    const old = before.nodes.find((node) => node.id === id)?.clientAddress
    if (old === undefined || old === clientAddress) return false
    return view.members.some((member) => member.id === id && member.clientAddress === old)
  })
}

async function allFree(clientPorts: readonly number[]): Promise<boolean> {
  for (const port of clientPorts) {
    if (!(await realProbe.isFree(port))) return false
    if (!(await realProbe.isFree(port + peerPortOffset))) return false
  }
  return true
}

/** The port of a `host:port`. */
export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}

/**
 * Starts nodes that do not run, and waits until they answer. Returns the ids it started. Where all
 * are to be started, one that was removed from the cluster is left out, and dropped from its file:
 * it does not start any more, and the others do not need it.
 */
export async function startNodes(
  dataDirectory: string,
  ids?: readonly string[],
): Promise<readonly string[]> {
  const file = requireClusterFile(dataDirectory)
  const stopped = file.nodes.filter(
    (node) => (ids === undefined || ids.includes(node.id)) && processState(node) === 'stopped',
  )
  for (const node of stopped) {
    for (const address of [node.clientAddress, node.peerAddress]) {
      if (!(await realProbe.isFree(portOf(address)))) throw portInUse(portOf(address))
    }
  }
  const started: StartedNode[] = []
  const removed = new Set<string>()
  try {
    for (const node of stopped) {
      await updateNode(dataDirectory, node.id, (current, { nodes, tuning }) => {
        if (processState(current) !== 'stopped') {
          if (ids !== undefined) throw startedMeanwhile(current)
          // Another `up` does the same: between them all are started, each by one.
          return current
        }
        const log = new LogTail(current.logFile)
        const process = spawnNode(current, nodes, tuning)
        const record = { ...current, pid: process.pid }
        started.push({ node: record, process, log })
        return record
      })
    }
    await Promise.all(
      started.map(async (each) => {
        try {
          await waitUntilAnswering(each)
        } catch (error) {
          if (ids !== undefined || !wasRemoved(error)) throw error
          removed.add(each.node.id)
        }
      }),
    )
  } catch (error) {
    // Half of what was asked for is of no use to anybody. By what this command knows itself: the
    // file may not have taken it in.
    await Promise.all(started.map(({ node }) => stopNode(node, stopGraceMs)))
    try {
      for (const { node } of started) await forgetProcess(dataDirectory, node)
    } catch {
      // What failed first is what counts, and the id of an ended process is only a hint.
    }
    throw error
  }
  for (const id of removed) await dropNode(dataDirectory, id)
  return started.map(({ node }) => node.id).filter((id) => !removed.has(id))
}

/** A node that this command has started. */
interface StartedNode {
  readonly node: NodeRecord
  readonly process: StartedProcess
  /** From where its log ended before: what an earlier process said is not this one's reason. */
  readonly log: LogTail
}

function startedMeanwhile({ id, pid }: NodeRecord): QuorateError {
  return new QuorateError(
    'QUORATE_LOCKED',
    `another command has just started ${id} (process ${pid})`,
    { outcome: 'not-applied' },
  )
}

function wasRemoved(error: unknown): boolean {
  return error instanceof QuorateError && error.code === 'QUORATE_REMOVED'
}

async function waitUntilAnswering({ node, process, log }: StartedNode): Promise<void> {
  const deadline = new Deadline(startMsMax)
  for (;;) {
    const ended = process.exit()
    if (ended !== undefined) throw startError(node, ended, log)
    if (await answers(node)) return
    if (deadline.passed) {
      throw new QuorateError(
        'QUORATE_TIMEOUT',
        `${node.id} (process ${node.pid}) did not answer on ${node.clientAddress} within ` +
          `${startMsMax / 1000} s; its log: ${node.logFile}`,
        { outcome: 'not-applied' },
      )
    }
    await sleep(pollMs)
  }
}

/** Whether the process that answers at the node's address is that node. */
async function answers(node: NodeRecord): Promise<boolean> {
  try {
    const status = await fetchNodeStatus(node.clientAddress, askMs)
    return status.id === node.id && status.pid === node.pid
  } catch (error) {
    if (error instanceof QuorateError) return false
    throw error
  }
}

/** Why a node ended at its start, in its own words where its log has some. */
function startError(node: NodeRecord, ended: string, log: LogTail): QuorateError {
  const lines = [...log.added(), ...log.unfinished()]
  const said = lines.map(parseErrorLine).findLast(Boolean)
  const reason = said?.message ?? `see its log, ${node.logFile}`
  return new QuorateError(
    said !== undefined && isErrorCode(said.code) ? said.code : 'QUORATE_INTERNAL',
    `${node.id} ended at its start (${ended}): ${reason}`,
    { outcome: 'not-applied' },
  )
}

function parseErrorLine(line: string): { code: string; message: string } | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const entry: unknown = JSON.parse(line)
    if (typeof entry !== 'object' || entry === null) return undefined
    if (!('code' in entry) || !('error' in entry)) return undefined
    const { code, error } = entry
    return typeof code === 'string' && typeof error === 'string'
      ? { code, message: error }
      : undefined
  } catch {
    return undefined
  }
}

/** The cluster as its nodes tell it, with what this machine knows of their processes. */
export function viewLocalCluster(file: ClusterFile, timeoutMs: number): Promise<ClusterView> {
  const endpoints = file.nodes.map((node) => node.clientAddress)
  return viewCluster({ endpoints, local: file, timeoutMs, discover: false })
}

/** Waits until the cluster has a leader that is ready to serve. */
export async function waitForLeader(file: ClusterFile, signal?: AbortSignal): Promise<ClusterView> {
  const deadline = new Deadline(leaderMsMax)
  for (;;) {
    const view = await viewLocalCluster(file, askMs)
    const leader = view.nodes.find((node) => node.id === view.leader)
    if (leader?.status?.role === 'leader' && leader.status.ready) return view
    if (signal?.aborted === true) return view
    if (deadline.passed) {
      const answering = view.nodes.filter((node) => node.status !== undefined).length
      throw new QuorateError(
        'QUORATE_NO_QUORUM',
        `there was no leader within ${leaderMsMax / 1000} s: ${answering} of ` +
          `${view.nodes.length} nodes answer`,
        { outcome: 'not-applied' },
      )
    }
    await sleep(pollMs, signal)
  }
}

/** The node that a user names: by id, or as `leader`. */
export async function resolveNode(file: ClusterFile, name: string): Promise<NodeRecord> {
  if (name !== 'leader') {
    const node = file.nodes.find((candidate) => candidate.id === name)
    if (node !== undefined) return node
    const ids = file.nodes.map((candidate) => candidate.id).join(', ')
    throw usageError(`there is no node ${name}: this cluster has ${ids}`)
  }
  const deadline = new Deadline(electionMsMax)
  for (;;) {
    const view = await viewLocalCluster(file, 2 * askMs)
    // Only a node that says so itself leads: the others go on naming one that was just killed.
    const leads = view.nodes.some(
      ({ id, status }) => id === view.leader && status?.role === 'leader',
    )
    const record = leads ? file.nodes.find((node) => node.id === view.leader) : undefined
    if (record !== undefined) return record
    if (deadline.passed || view.nodes.every(({ status }) => status === undefined)) break
    await sleep(pollMs)
  }
  throw new QuorateError('QUORATE_NO_QUORUM', 'the cluster has no leader now', {
    outcome: 'not-applied',
  })
}

/** Kills a node's process, as a power cut would. False: it was not running. */
export async function killNode(node: NodeRecord): Promise<boolean> {
  if (!signalNode(node, 'SIGKILL')) return false
  if (await waitGone(node, killMsMax)) return true
  throw new QuorateError('QUORATE_INTERNAL', `process ${node.pid} of ${node.id} does not go away`)
}

/** Stops a node's process in its tracks, as a long stall would. False: it was not running. */
export function pauseNode(node: NodeRecord): boolean {
  return signalNode(node, 'SIGSTOP')
}

/** Lets a paused node go on. False: it was not running. */
export function resumeNode(node: NodeRecord): boolean {
  return signalNode(node, 'SIGCONT')
}

/** What became of a node when the cluster was taken down. */
export interface StopReport {
  readonly id: string
  readonly how: 'was stopped' | 'stopped' | 'killed'
}

/** Stops nodes, all at once: those that are named, or every one. */
export async function stopNodes(
  dataDirectory: string,
  ids?: readonly string[],
): Promise<readonly StopReport[]> {
  const file = requireClusterFile(dataDirectory)
  const nodes = file.nodes.filter((node) => ids === undefined || ids.includes(node.id))
  const reports = await Promise.all(
    nodes.map(async (node) => ({ id: node.id, how: await stopNode(node, stopGraceMs) })),
  )
  for (const node of nodes) {
    if (node.pid !== null) await forgetProcess(dataDirectory, node)
  }
  return reports
}

/**
 * Removes a stopped cluster and its data. Only what the cluster itself made is removed: the
 * directory goes if nothing else is left in it.
 */
export function wipeCluster(dataDirectory: string): boolean {
  const file = readClusterFile(dataDirectory)
  if (file === undefined) return false
  if (file.nodes.some((node) => processState(node) !== 'stopped')) {
    throw new QuorateError('QUORATE_LOCKED', `nodes of ${dataDirectory} are still running`)
  }
  // The file may have been edited: what is removed is named by the layout alone.
  const ids = [...file.nodes.map(({ id }) => id), ...(file.dropped ?? [])]
  for (const id of ids) {
    // Processes that the file does not know of run all the same.
    if (isInUse(join(dataDirectory, id)) !== true) continue
    throw new QuorateError('QUORATE_LOCKED', `a process runs on ${join(dataDirectory, id)}`)
  }
  for (const id of ids) rmSync(join(dataDirectory, id), { recursive: true, force: true })
  rmSync(join(dataDirectory, 'logs'), { recursive: true, force: true })
  // Last: as long as it is there, an interrupted wipe can be repeated.
  rmSync(join(dataDirectory, clusterFileName), { force: true })
  for (const name of readdirSync(dataDirectory).filter(isLeftover)) {
    rmSync(join(dataDirectory, name), { recursive: true, force: true })
  }
  if (readdirSync(dataDirectory).length === 0) rmSync(dataDirectory, { recursive: true })
  return true
}
