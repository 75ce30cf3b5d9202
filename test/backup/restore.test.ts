/**
 * Goal: a new cluster goes on from what was saved: all its nodes alike, under ids and numbers of
 * its own, with tokens kept. A restore that was cut off is none, and can be made again.
 *
 * Method: directories on disks in memory, opened as a node opens them; restores that end at every
 * change of the disk.
 */
import { describe, expect, test } from 'vitest'
import { restoreSnapshot, saveSnapshot, verifySnapshot } from '../../src/backup/index.ts'
import type { RestoreOptions } from '../../src/backup/index.ts'
import { decodeMemberContext, encodeCommand, encodeEntry } from '../../src/command/index.ts'
import { QuorateError } from '../../src/errors.ts'
import { decodeConfiguration } from '../../src/raft/index.ts'
import { LogStore, openDataDirectory, StatePointer } from '../../src/wal/index.ts'
import type { Disk } from '../../src/ports.ts'
import { Driver, openMachine, put, sessionName, token } from '../state/support.ts'
import type { MemoryDisk } from '../suites/memory-disk.ts'
import { clusterId, failureOf, Machine, sampleState, sourceOf, time } from './support.ts'

const step = 1_000_000
const file = 'backups/monday'
const path = 'data/new'
const members = ['n1', 'n2', 'n3'].map((id, i) => ({
  id,
  peerAddress: `10.0.0.${i}:7201`,
  clientAddress: `10.0.0.${i}:7101`,
}))

/** A machine with the sample state saved. */
async function withFile(): Promise<Machine> {
  const machine = new Machine()
  await machine.disk.makeDirectory('backups')
  await machine.disk.makeDirectory('data')
  for (const name of ['backups', 'data', '.']) await machine.disk.syncDirectory(name)
  const { machine: state } = await sampleState()
  await saveSnapshot({
    disk: machine.disk,
    random: machine.random,
    file,
    source: await sourceOf(state),
  })
  return machine
}

function optionsOf(machine: Machine, overrides: Partial<RestoreOptions> = {}): RestoreOptions {
  const { disk, random, logger, openDatabase } = machine
  const ports = { disk, random, logger, openDatabase }
  const node = { file, dataDirectory: path, nodeId: 'n1', members, clusterName: 'restored' }
  return { ...ports, ...node, segmentBytes: 65_536, ...overrides }
}

/** Opens what a start would open. */
async function opened(machine: Machine, directory: string) {
  const { disk } = machine
  const data = await openDataDirectory({ disk, path: directory })
  const { groupDirectory, logIdentity, identity } = data
  const options = { disk, directory: groupDirectory, identity: logIdentity, segmentBytes: 65_536 }
  const { log, recovered } = await LogStore.open(options)
  const live = await new StatePointer({ disk, directory: groupDirectory }).read()
  const database = await machine.openDatabase(`${groupDirectory}/state-${live?.generation}`)
  const state = await openMachine(database)
  const close = async (): Promise<void> => {
    await state.abandon()
    await log.close()
    await data.close()
  }
  return { identity, log, recovered, live, state, close }
}

/** Removing a directory ends with the process, after so many of the names in it. */
function removingInPart(disk: MemoryDisk, names: number): Disk {
  let left = names
  const remove = async (what: string): Promise<void> => {
    for (const name of ((await disk.list(what).catch(() => [])) ?? []).toReversed()) {
      await remove(`${what}/${name}`)
    }
    if (left-- <= 0) throw new Error('killed')
    await disk.remove(what)
  }
  return {
    makeDirectory: (path) => disk.makeDirectory(path),
    list: (path) => disk.list(path),
    size: (path) => disk.size(path),
    readFile: (path, bytesMax) => disk.readFile(path, bytesMax),
    open: (path, mode) => disk.open(path, mode),
    rename: (from, to) => disk.rename(from, to),
    remove,
    syncDirectory: (path) => disk.syncDirectory(path),
    space: (path) => disk.space(path),
    lock: (path) => disk.lock(path),
  }
}

describe('a restored node', () => {
  test('goes on a million further, as a cluster of its own, and knows old tokens (thesis 6.3)', async () => {
    const machine = await withFile()
    const { header, summary, identity } = await restoreSnapshot(optionsOf(machine))
    machine.crashDatabases()
    machine.disk.crash({ keepUnsynced: 'none' })
    const node = await opened(machine, path)
    const { state } = node
    const base = { term: 1, index: header.snapshot.index + step }
    expect(header).toMatchObject({ clusterId, historyId: clusterId })
    expect(summary.snapshot).toEqual(base)
    expect(node.identity).toEqual(identity)
    expect(identity.clusterId).not.toBe(clusterId)
    expect(node.recovered).toMatchObject({ base, lastIndex: base.index })
    expect(node.recovered.hardState).toMatchObject({ currentTerm: 1, commitIndex: base.index })
    expect(node.live).toEqual({ generation: 1, snapshot: base })
    expect([state.appliedTerm, state.appliedIndex]).toEqual([base.term, base.index])
    expect(state.revision).toBe(header.revision + step)
    expect(state.clusterTime).toBe(header.clusterTime)
    expect(state.historyId).toBe(summary.historyId)
    expect(state.historyId).not.toBe(clusterId)

    const driver = new Driver(state, time)
    const call = { session: sessionName(time, 7), sequence: 1, firstOutstanding: 1 }
    const identityOf = token('ta', time)
    const write = { kind: 'write', call, identity: identityOf } as const
    const retried = driver.one({ ...write, operation: put('a', 'a') })
    expect(retried).toMatchObject({ status: 'duplicate', revision: 1 })
    const other = driver.one({ ...write, call: { ...call, sequence: 2 }, operation: put('a', 'z') })
    expect(other).toMatchObject({ status: 'mismatch', revision: 1 })
    const next = { ...write, call: { ...call, sequence: 3 }, identity: token('new', time) }
    const answer = driver.one({ ...next, operation: put('d', 'd') })
    expect(answer).toMatchObject({ status: 'applied', revision: header.revision + step + 1 })
    await node.close()
  })

  test('is as the others are that are made of the same file, whatever its order of members', async () => {
    const machine = await withFile()
    const states: unknown[] = []
    for (const [i, { id }] of members.entries()) {
      const dataDirectory = `data/${id}`
      const list = i === 1 ? members.toReversed() : members
      await restoreSnapshot(optionsOf(machine, { dataDirectory, nodeId: id, members: list }))
      const node = await opened(machine, dataDirectory)
      const { state } = node
      expect(node.identity.nodeId).toBe(id)
      const data = encodeEntry(time, [encodeCommand({ kind: 'mark', id: Buffer.from('m') })])
      const { historyId, appliedIndex, revision } = state
      state.apply([{ index: appliedIndex + 1, term: 1, kind: 'commands', data }])
      const digests = await state.reader.digestAt(Buffer.from('m'))
      const { base } = node.recovered
      states.push({ cluster: node.identity.clusterId, base, historyId, revision, digests })
      const { configuration } = state
      expect(configuration?.index).toBe(appliedIndex)
      const decoded = decodeConfiguration(configuration!.data)!
      expect(decoded).toMatchObject({
        voters: ['n1', 'n2', 'n3'],
        votersOutgoing: [],
        learners: [],
      })
      const context = decodeMemberContext(decoded.contexts.get('n2')!)
      const { peerAddress, clientAddress } = members[1]!
      expect(context).toEqual({ peerAddress, clientAddress, priority: 0, staysLearner: false })
      await node.close()
    }
    expect(states[1]).toEqual(states[0])
    expect(states[2]).toEqual(states[0])
  })

  test('is of another cluster where name, members, or a client’s address differ', async () => {
    const ids = new Set<string>()
    const variants: Partial<RestoreOptions>[] = [
      {},
      { clusterName: 'other' },
      { members: members.slice(0, 2) },
      { members: members.with(2, { ...members[2]!, clientAddress: '10.0.0.9:7101' }) },
      { clusterId: 'f'.repeat(32) },
    ]
    const histories = new Set<string | undefined>()
    for (const variant of variants) {
      const { identity, summary } = await restoreSnapshot(optionsOf(await withFile(), variant))
      ids.add(identity.clusterId)
      histories.add(summary.historyId)
    }
    expect(ids.size).toBe(variants.length)
    expect(histories.size).toBe(variants.length)
  })
})

describe('a restore is refused', () => {
  test('without a name or id, with the old id, with members that are none', async () => {
    for (const variant of [
      { clusterName: undefined },
      { clusterId },
      { clusterId: 'short' },
      { members: [] },
      { members: [members[0]!, members[0]!] },
      { nodeId: 'n9' },
      { members: [{ id: 'n1', peerAddress: 'nowhere' }] },
      { file: 'backups/none' },
    ] satisfies Partial<RestoreOptions>[]) {
      const machine = await withFile()
      const failure = await failureOf(restoreSnapshot(optionsOf(machine, variant)))
      expect(failure.code).toBe('QUORATE_USAGE')
      expect(machine.disk.paths()).toEqual([file])
    }
  })

  test('where there is a node, and where the file is damaged, before anything is written', async () => {
    const machine = await withFile()
    machine.disk.flipBit(file, 8 * 100)
    const damaged = await failureOf(restoreSnapshot(optionsOf(machine)))
    expect(damaged).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file } })
    expect(machine.disk.paths()).toEqual([file])

    machine.disk.flipBit(file, 8 * 100)
    await restoreSnapshot(optionsOf(machine))
    const again = await failureOf(restoreSnapshot(optionsOf(machine, { clusterName: 'third' })))
    expect(again.code).toBe('QUORATE_ALREADY_INITIALISED')
    await (await opened(machine, path)).close()
  })
})

describe('a restore that is cut off', () => {
  test.each(['EIO', 'kill'] as const)(
    'by %s at any change of the disk is none, and can be made again',
    async (kind) => {
      let whole = false
      for (let nth = 1; !whole; nth++) {
        const machine = await withFile()
        machine.disk.fail({ operation: 'change', nth, error: kind })
        whole = await restoreSnapshot(optionsOf(machine)).then(
          () => true,
          (failure: unknown) => {
            if (!(failure instanceof QuorateError)) throw failure
            return false
          },
        )
        machine.crashDatabases()
        machine.disk.crash({ keepUnsynced: 'none' })
        const there = await openDataDirectory({ disk: machine.disk, path }).then(
          async (directory) => {
            await directory.close()
            return true
          },
          (failure: unknown) => {
            expect(failure).toMatchObject({ code: 'QUORATE_NOT_INITIALISED' })
            return false
          },
        )
        if (!there) await restoreSnapshot(optionsOf(machine))
        const node = await opened(machine, path)
        expect(node.state.appliedIndex).toBe(4 + step)
        expect(node.recovered.base.index).toBe(4 + step)
        await node.close()
        expect(nth).toBeLessThan(100)
      }
    },
  )

  test('twice, while the first attempt is cleared away name by name, can be made again', async () => {
    // A real directory goes one name after the other, in an order of the file system's.
    for (let names = 0; names < 20; names++) {
      const machine = await withFile()
      const { disk } = machine
      const openDatabase: RestoreOptions['openDatabase'] = async (directory) => {
        const database = await machine.openDatabase(directory)
        disk.plant(`${directory}/CURRENT`, new Uint8Array(9))
        return { ...database, barrier: () => Promise.reject(new Error('killed')) }
      }
      await expect(restoreSnapshot(optionsOf(machine, { openDatabase }))).rejects.toThrow('killed')
      expect(disk.paths()).toContain(`${path}/groups/0/unfinished`)
      const again = restoreSnapshot(optionsOf(machine, { disk: removingInPart(disk, names) }))
      // The last name to go is that of the mark, when there is a node already.
      const made = { code: 'QUORATE_ALREADY_INITIALISED' }
      await again.catch(() =>
        restoreSnapshot(optionsOf(machine)).catch((error: unknown) => {
          expect(names).toBeGreaterThan(10)
          expect(error).toMatchObject(made)
        }),
      )
      await (await opened(machine, path)).close()
    }
  })

  test.each(['verifying', 'filling', 'finishing'] as const)(
    'by its signal while %s is none, and can be made again',
    async (when) => {
      const machine = await withFile()
      const { disk } = machine
      const abort = new AbortController()
      const openDatabase: RestoreOptions['openDatabase'] = async (directory) => {
        const database = await machine.openDatabase(directory)
        if (when === 'filling') abort.abort()
        const barrier = async (): Promise<void> => {
          await database.barrier()
          if (when === 'finishing') abort.abort()
        }
        return { ...database, barrier }
      }
      const onProgress = (): void => {
        if (when === 'verifying') abort.abort()
      }
      const { signal } = abort
      const options = optionsOf(machine, { openDatabase, onProgress, signal })
      const failure = await failureOf(restoreSnapshot(options))
      expect(signal.aborted).toBe(true)
      expect(failure).toMatchObject({ code: 'QUORATE_ABORTED', outcome: 'not-applied' })
      if (when === 'verifying') expect(disk.paths()).toEqual([file])
      const none = await failureOf(openDataDirectory({ disk, path }))
      expect(none.code).toBe('QUORATE_NOT_INITIALISED')
      await restoreSnapshot(optionsOf(machine))
      await (await opened(machine, path)).close()
    },
  )
})

test('a file is not read on once the signal says so', async () => {
  const { disk } = await withFile()
  const signal = AbortSignal.abort()
  const failure = await failureOf(verifySnapshot({ disk, file, signal }))
  expect(failure.code).toBe('QUORATE_ABORTED')
})
