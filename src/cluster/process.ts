/**
 * Node processes on this machine: starting them, signalling them, and being sure that a process
 * id still means the node that it was given to.
 */
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs'
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import { errnoOf, type NodeRecord, type NodeTuning } from './cluster-file.ts'
import { Deadline, sleep } from './time.ts'

/** How a node's process is doing. */
export type ProcessState = 'running' | 'paused' | 'stopped'

const pollMs = 20
/** A log above this size is set aside when its node starts, and the one before it forgotten. */
const logBytesMax = 64 * 1_048_576

/** The launcher; it stands beside `src` and `dist` alike. */
const launcher = fileURLToPath(new URL('../../bin/quorate.js', import.meta.url))

/** A process that was started. */
export interface StartedProcess {
  readonly pid: number
  /** How it ended; undefined while it runs. */
  exit(): string | undefined
}

/** Starts a node in a session of its own: it outlives this command, and Ctrl-C does not reach it. */
export function spawnNode(
  node: NodeRecord,
  peers: readonly NodeRecord[],
  tuning: NodeTuning,
): StartedProcess {
  mkdirSync(dirname(node.logFile), { recursive: true })
  setAsideLargeLog(node.logFile)
  const log = openSync(node.logFile, 'a')
  try {
    const child = spawn(process.execPath, [launcher, ...nodeArguments(node, peers, tuning)], {
      detached: true,
      stdio: ['ignore', 'ignore', log],
    })
    let ended: string | undefined
    child.once('error', (error) => (ended = error.message))
    child.once('exit', (code, signal) => (ended = signal ?? `exit code ${code}`))
    child.unref()
    if (child.pid === undefined) {
      throw new QuorateError('QUORATE_INTERNAL', `the process of ${node.id} could not be started`)
    }
    return { pid: child.pid, exit: () => ended }
  } finally {
    closeSync(log)
  }
}

/** The arguments of a node's process; `isNodeProcess` looks for the first ones. */
export function nodeArguments(
  node: NodeRecord,
  peers: readonly NodeRecord[],
  tuning: NodeTuning,
): string[] {
  return [
    ...identifyingArguments(node.directory),
    '--client-listen',
    node.clientAddress,
    '--peer-listen',
    node.peerAddress,
    // Always given: the ports may have moved since the directories were made.
    '--peers',
    peers.map((peer) => `${peer.id}=${peer.peerAddress}`).join(','),
    ...tuningArguments(tuning),
  ]
}

/** Sizes are handed on in bytes, times in milliseconds. */
function tuningArguments(tuning: NodeTuning): string[] {
  const bytes = (value: number | undefined): string | undefined =>
    value === undefined || value === 0 ? value?.toString() : `${value}B`
  const flags: readonly (readonly [string, string | number | undefined])[] = [
    ['--heartbeat', tuning.heartbeatMs],
    ['--election-timeout-min', tuning.electionTimeoutMinMs],
    ['--election-timeout-max', tuning.electionTimeoutMaxMs],
    ['--log-level', tuning.logLevel],
    ['--wal-max', bytes(tuning.walMaxBytes)],
    ['--wal-entries', tuning.walEntriesMax],
    ['--wal-keep', tuning.walKeepEntries],
    ['--free-space-floor', bytes(tuning.freeSpaceFloorBytes)],
    ['--scrub-rate', bytes(tuning.scrubBytesPerSecond)],
    ['--audit-every', tuning.auditEveryMs],
  ]
  return flags.flatMap(([flag, value]) => (value === undefined ? [] : [flag, `${value}`]))
}

function identifyingArguments(directory: string): string[] {
  return ['node', 'start', '--data-dir', directory]
}

function setAsideLargeLog(path: string): void {
  if (existsSync(path) && statSync(path).size > logBytesMax) renameSync(path, `${path}.1`)
}

/** How the process of a node is doing; `stopped` also where its id has passed to a stranger. */
export function processState(node: NodeRecord): ProcessState {
  if (node.pid === null || !isNodeProcess(node.pid, node.directory)) return 'stopped'
  return isStopped(node.pid) ? 'paused' : 'running'
}

/**
 * Whether a process is the node of this directory. Process ids are used again, so its command
 * line must be that of the node: otherwise `kill` could hit a stranger's process.
 */
export function isNodeProcess(pid: number, directory: string): boolean {
  const wanted = identifyingArguments(directory)
  if (existsSync('/proc/self/cmdline')) {
    const words = readProcFile(pid, 'cmdline').split('\0')
    const start = words.indexOf('node', 1)
    return start > 0 && wanted.every((word, i) => words[start + i] === word)
  }
  return psField(pid, 'command').includes(`${wanted.join(' ')} `)
}

function isStopped(pid: number): boolean {
  if (existsSync('/proc/self/stat')) {
    // The name, in brackets, may hold anything: the state follows the last bracket.
    const stat = readProcFile(pid, 'stat')
    return stat.charAt(stat.lastIndexOf(')') + 2) === 'T'
  }
  return psField(pid, 'state').startsWith('T')
}

function readProcFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return ''
    throw error
  }
}

/** Where there is no /proc (macOS). `ps` exits with 1 where there is no such process. */
function psField(pid: number, field: string): string {
  try {
    return execFileSync('ps', ['-ww', '-o', `${field}=`, '-p', `${pid}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return ''
  }
}

/** Signals a node's process. False: it is not running (any more). */
export function signalNode(node: NodeRecord, signal: NodeJS.Signals): boolean {
  if (node.pid === null || !isNodeProcess(node.pid, node.directory)) return false
  assert(node.pid > 1, 'a signal goes to one process, never to a group or to all')
  try {
    process.kill(node.pid, signal)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false
    throw error
  }
}

/** Waits until a node's process has gone. False: it was still there at the end. */
export async function waitGone(node: NodeRecord, withinMs: number): Promise<boolean> {
  const deadline = new Deadline(withinMs)
  while (processState(node) !== 'stopped') {
    if (deadline.passed) return false
    await sleep(pollMs)
  }
  return true
}

/**
 * Stops a node in good order, or, after `graceMs`, by force. A paused process is woken up, since
 * it could not act on the signal otherwise. Returns how it ended.
 */
export async function stopNode(
  node: NodeRecord,
  graceMs: number,
): Promise<'was stopped' | 'stopped' | 'killed'> {
  if (!signalNode(node, 'SIGTERM')) return 'was stopped'
  signalNode(node, 'SIGCONT')
  if (await waitGone(node, graceMs)) return 'stopped'
  signalNode(node, 'SIGKILL')
  if (await waitGone(node, graceMs)) return 'killed'
  throw new QuorateError('QUORATE_INTERNAL', `process ${node.pid} of ${node.id} cannot be killed`)
}
