/** New clusters from a snapshot file, or from what one survivor holds. */
import { resolve } from 'node:path'
import type { ForcedCluster } from '../backup/index.ts'
import type { Identity, Member } from '../wal/index.ts'
import { usageError } from '../errors.ts'
import type { Run } from './command.ts'
import { membersOf } from './members-of.ts'
import { progressTeller } from './progress.ts'
import { asViolation, throttled } from './snapshot-file.ts'
import { startHint } from './start-hint.ts'
import { contentText, snapshotDocument } from './snapshot-output.ts'
import { grouped } from './table.ts'
import { openLog } from './wal-log.ts'
import { summarise } from './wal-summary.ts'

/** What `snapshot restore` is told. */
export interface RestoreFlags {
  readonly id?: string
  readonly dataDir?: string
  readonly cluster?: string
  readonly clusterId?: string
  readonly peers?: Readonly<Record<string, string>>
  readonly clients?: Readonly<Record<string, string>>
  readonly forceNewCluster?: boolean
  readonly from?: string
  readonly yes?: boolean
}

/** Makes one node of a new cluster from a file. */
export async function restoreFrom(run: Run, file: string, flags: RestoreFlags): Promise<void> {
  const { io, out } = run
  const { id, dataDir, cluster, clusterId, peers } = flags
  if (id === undefined) throw usageError('--id is missing')
  if (dataDir === undefined) throw usageError('--data-dir is missing')
  if (cluster === undefined && clusterId === undefined) throw usageError('--cluster is missing')
  if (peers === undefined) throw usageError('--peers is missing')
  if (peers[id] === undefined) {
    throw usageError(`--peers must name all members, and ${id} itself is not among them`)
  }
  const path = resolve(io.cwd, dataDir)
  const snapshot = resolve(io.cwd, file)
  const [{ restoreSnapshot }, { monotonicTime }, ports] = await Promise.all([
    import('../backup/index.ts'),
    import('../cluster/index.ts'),
    backupPorts(),
  ])
  const teller = progressTeller(out)
  try {
    const restored = await restoreSnapshot({
      ...ports,
      file: snapshot,
      dataDirectory: path,
      nodeId: id,
      members: membersOf(peers, flags.clients),
      clusterName: cluster,
      clusterId,
      onProgress: throttled(teller, monotonicTime, 'read'),
      signal: io.signal,
    })
    const { identity, summary } = restored
    await teller.end()
    if (out.structured) {
      const { clusterId: made, incarnation } = identity
      await out.json({
        schema: 1,
        id,
        clusterId: made,
        incarnation,
        dataDirectory: path,
        historyId: summary.historyId ?? made,
        revision: summary.revision,
        index: summary.snapshot.index,
        from: snapshotDocument(file, restored),
      })
      return
    }
    await out.line(`${path} is now the directory of ${id} in the new cluster ${identity.clusterId}`)
    await out.line(`it holds ${contentText(restored)}`)
    const { revision } = summary
    await out.line(`it goes on at revision ${grouped(revision)}, in a new history`)
    await out.note(
      'next: the same for the other members, with the same file, --cluster, --peers and --clients\n' +
        `      ${startHint(path, ownOf(identity))}`,
    )
  } catch (error) {
    throw asViolation(error, snapshot)
  } finally {
    await teller.end()
  }
}

/** Makes a cluster of one node from a survivor's directory; without `--yes` tells what that costs. */
export async function forceFrom(run: Run, flags: RestoreFlags): Promise<void> {
  const { io, out } = run
  const { from, dataDir, cluster, clusterId } = flags
  if (from === undefined) throw usageError('--from is missing: the data directory of the survivor')
  if (dataDir === undefined) throw usageError('--data-dir is missing: where the new node is to be')
  if (clusterId !== undefined) throw usageError('--force-new-cluster draws the cluster id itself')
  const member = onlyMember(flags)
  await tellLoss(run, from)
  if (flags.yes !== true) {
    throw usageError('nothing was done: --force-new-cluster is the last resort and needs --yes')
  }
  const path = resolve(io.cwd, dataDir)
  const [{ forceNewCluster }, ports] = await Promise.all([
    import('../backup/index.ts'),
    backupPorts(),
  ])
  const forced = await forceNewCluster({
    ...ports,
    dataDirectory: resolve(io.cwd, from),
    newDataDirectory: path,
    member,
    clusterName: cluster,
    signal: io.signal,
  })
  const { identity, summary, appliedIndex, hasLost, wasRemoved, logLastIndex, commitIndex } = forced
  const { unappliedEntries } = forced
  if (out.structured) {
    await out.json({
      schema: 1,
      id: identity.nodeId,
      clusterId: identity.clusterId,
      incarnation: identity.incarnation,
      dataDirectory: path,
      historyId: summary.historyId ?? identity.clusterId,
      revision: summary.revision,
      index: summary.snapshot.index,
      appliedIndex,
      hasLost,
      wasRemoved,
      logLastIndex: logLastIndex ?? null,
      commitIndex: commitIndex ?? null,
      unappliedEntries: unappliedEntries ?? null,
    })
    return
  }
  const { nodeId } = identity
  await out.line(
    `${path} is now the directory of ${nodeId} in the new cluster ${identity.clusterId}`,
  )
  await out.line(lossText(forced))
  await out.note(
    `next: ${startHint(path, ownOf(identity))}\n` +
      '      then node init --join and member add for two more; keep the old directory until then',
  )
}

/** The member that the node is. */
function ownOf({ nodeId, members }: Identity): Member | undefined {
  return members.find(({ id }) => id === nodeId)
}

/** `--peers` names the new member, where it is not to be the survivor at its own address. */
function onlyMember({ id, peers, clients }: RestoreFlags): Member | undefined {
  if (peers === undefined) {
    if (clients !== undefined) throw usageError('--clients goes with --peers: both name the node')
    if (id !== undefined) throw usageError(`--peers is missing: where ${id} is reached`)
    return undefined
  }
  const [member, ...others] = membersOf(peers, clients)
  if (member === undefined || others.length > 0) {
    throw usageError('--force-new-cluster makes a cluster of one node: --peers names that one')
  }
  if (id !== undefined && id !== member.id) {
    throw usageError(`--peers names ${member.id}, --id names ${id}`)
  }
  return member
}

/** Before anything is done: what the survivor's log tells of what it cannot know. */
async function tellLoss(run: Run, from: string): Promise<void> {
  const { io, out } = run
  const [log, { checkNotAborted, hasLostEntries }, { realDisk }, { Removed }] = await Promise.all([
    openLog(run, from),
    import('../backup/index.ts'),
    import('../system/index.ts'),
    import('../wal/index.ts'),
  ])
  const directory = `${log.dataDirectory}/groups/0`
  const hasLost = await hasLostEntries({ disk: realDisk, directory })
  const { lastIndex, commitIndex, damage } = await summarise(log.items, () => {
    checkNotAborted(io.signal)
    return Promise.resolve()
  })
  await out.note(
    `from ${log.dataDirectory}: the new cluster holds what this node knows for certain`,
  )
  const end = damage === undefined ? 'its log ends at' : 'its log can be read up to'
  await out.note(
    `  ${end} entry ${grouped(lastIndex)}, of which it knows ${grouped(commitIndex)} ` +
      `to be committed${damage === undefined ? '' : `; ${damage.file} is damaged`}`,
  )
  if (await new Removed(realDisk, directory).read()) {
    await out.note(
      '  it was removed from its cluster, and lacks all that was written since; take another survivor',
    )
  }
  if (hasLost) {
    await out.note(
      '  its log was damaged before, and it has not got back what it had acknowledged: entries are ' +
        'lost that it knew to be committed, and nobody can tell how many; take another survivor',
    )
  }
  await out.note(
    `  what it has not applied of the ${grouped(Math.max(0, lastIndex - commitIndex))} behind that ` +
      'is left out, and may have been acknowledged',
  )
  await out.note(
    '  whatever the lost nodes had and this one has not is gone: nobody can tell how much',
  )
}

function lossText(forced: ForcedCluster): string {
  return `it holds all up to entry ${grouped(forced.appliedIndex)}; ${leftOut(forced)}`
}

function leftOut({ hasLost, wasRemoved, unappliedEntries }: ForcedCluster): string {
  if (hasLost)
    return 'it had lost acknowledged entries with a damaged log, and nobody knows how many'
  if (wasRemoved)
    return 'it had been removed from its cluster, and lacks all that was written since'
  if (unappliedEntries === undefined) {
    return 'its log is damaged, so that nobody knows how much it had beyond'
  }
  return `${grouped(unappliedEntries)} entries of its log are left out`
}

async function backupPorts() {
  const [{ openStateDatabase, realDisk, realRandom }, { silentLogger }] = await Promise.all([
    import('../system/index.ts'),
    import('../logger.ts'),
  ])
  return {
    disk: realDisk,
    random: realRandom,
    openDatabase: openStateDatabase,
    logger: silentLogger,
  }
}
