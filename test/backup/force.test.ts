/**
 * Goal: from one survivor, a cluster of one goes on with all that is known to be committed, under
 * ids and numbers of its own; the survivor stays as it was, and what may be lost is told.
 *
 * Method: a node's directory with a log, of which a part is committed, and a state that is behind,
 * as a kill leaves it; logs that are damaged at chosen entries.
 */
import { describe, expect, test } from 'vitest'
import { forceNewCluster } from '../../src/backup/index.ts'
import type { ForceOptions } from '../../src/backup/index.ts'
import { QuorateError } from '../../src/errors.ts'
import { encodeConfiguration, firstConfiguration } from '../../src/raft/index.ts'
import { encodeMemberContext } from '../../src/command/index.ts'
import {
  initialise,
  inspectLog,
  LogStore,
  openDataDirectory,
  Recovering,
  Removed,
  StatePointer,
} from '../../src/wal/index.ts'
import { Driver, openMachine, put, sessionName, token } from '../state/support.ts'
import { failureOf, Machine, time } from './support.ts'

const step = 1_000_000
const survivor = 'data/n2'
const segmentBytes = 65_536
const smallSegmentBytes = 2_048
const members = ['n1', 'n2', 'n3'].map((id, i) => ({ id, peerAddress: `10.0.0.${i}:7201` }))

interface Survivor {
  readonly machine: Machine
  readonly clusterId: string
}

/** Eight entries in the log, six known to be committed, two of them durable in the state. */
async function newSurvivor(options: { joining?: boolean } = {}): Promise<Survivor> {
  const machine = new Machine()
  const { disk, random } = machine
  await disk.makeDirectory('data')
  const { joining = false } = options
  const first = joining ? members.filter(({ id }) => id !== 'n2') : members
  const named = { clusterId: 'a'.repeat(32) }
  const base = { disk, random, path: survivor, nodeId: 'n2', members: first, segmentBytes }
  const { clusterId } = await initialise({ ...base, ...named, joining })

  const driver = new Driver(await openMachine(await machine.openDatabase('scratch')), time)
  const context = encodeMemberContext({
    peerAddress: '10.9.9.9:7201',
    clientAddress: '10.9.9.9:7101',
    priority: 3,
    staysLearner: false,
  })
  driver.config(
    encodeConfiguration(firstConfiguration(['n1', 'n2', 'n3'], new Map([['n2', context]]))),
  )
  for (let i = 2; i <= 8; i++) driver.write(put(`k${i}`, 'v'), token(`t${i}`, time))

  const data = await openDataDirectory({ disk, path: survivor })
  const { groupDirectory: directory, logIdentity: identity } = data
  const { log } = await LogStore.open({ disk, directory, identity, segmentBytes })
  const hardState = { currentTerm: 1, votedFor: 'n1', commitIndex: 6 }
  await log.persist({ hardState, entries: driver.log, mustSync: true })
  await log.close()
  const state = await openMachine(await machine.openDatabase(`${directory}/state-1`))
  state.apply(driver.log.slice(0, 2))
  await state.barrier()
  state.apply(driver.log.slice(2, 6))
  await state.abandon()
  await new StatePointer({ disk, directory }).switchTo(1)
  await data.close()
  machine.crashDatabases()
  return { machine, clusterId }
}

function optionsOf(machine: Machine, overrides: Partial<ForceOptions> = {}): ForceOptions {
  const { disk, random, logger, openDatabase } = machine
  const directories = { dataDirectory: survivor, newDataDirectory: 'data/new' }
  return { disk, random, logger, openDatabase, ...directories, segmentBytes, ...overrides }
}

describe('a cluster that is forced from one survivor', () => {
  test('holds what was known to be committed, and tells what may be lost', async () => {
    const { machine, clusterId } = await newSurvivor()
    const before = machine.databases.get(`${survivor}/groups/0/state-1`)!.rows()
    const forced = await forceNewCluster(optionsOf(machine))
    expect(forced).toMatchObject({
      appliedIndex: 6,
      logLastIndex: 8,
      commitIndex: 6,
      unappliedEntries: 2,
    })
    machine.crashDatabases()
    machine.disk.crash({ keepUnsynced: 'none' })
    expect(machine.databases.get(`${survivor}/groups/0/state-1`)!.rows()).toEqual(before)

    const { identity } = forced
    expect(identity.clusterId).not.toBe(clusterId)
    // As all members knew it last, not as it was when it was made.
    const address = { peerAddress: '10.9.9.9:7201', clientAddress: '10.9.9.9:7101' }
    expect(identity.members).toEqual([{ id: 'n2', ...address }])
    const { disk } = machine
    const data = await openDataDirectory({ disk, path: 'data/new' })
    const { groupDirectory: directory, logIdentity } = data
    const { recovered } = await LogStore.open({
      disk,
      directory,
      identity: logIdentity,
      segmentBytes,
    })
    expect(recovered.base).toEqual({ term: 1, index: 6 + step })
    const state = await openMachine(await machine.openDatabase(`${directory}/state-1`))
    expect(state.appliedIndex).toBe(6 + step)
    expect(state.revision).toBe(5 + step)
    expect(state.historyId).toMatch(/^[0-9a-f]{32}$/)
    const driver = new Driver(state, time)
    const call = { session: sessionName(time, 9), firstOutstanding: 1 }
    const again = (n: number) =>
      driver.one({
        kind: 'write',
        call: { ...call, sequence: n },
        identity: token(`t${n}`, time),
        operation: put(`k${n}`, 'v'),
      })
    expect(again(6)).toMatchObject({ status: 'duplicate' })
    expect(again(7)).toMatchObject({ status: 'applied', revision: 6 + step })
  })

  test('uses no id a second time', async () => {
    const { machine } = await newSurvivor()
    const one = await forceNewCluster(optionsOf(machine))
    const two = await forceNewCluster(optionsOf(machine, { newDataDirectory: 'data/other' }))
    expect(two.identity.clusterId).not.toBe(one.identity.clusterId)
    expect(two.summary.historyId).not.toBe(one.summary.historyId)
  })

  test('goes by the state alone where nothing of the log can be read', async () => {
    const { machine } = await newSurvivor()
    machine.disk.flipBit(`${survivor}/groups/0/wal/0000000001.wal`, 8 * 700)
    const forced = await forceNewCluster(optionsOf(machine))
    expect(forced.appliedIndex).toBe(2)
    expect(forced.logLastIndex).toBeUndefined()
    expect(forced.commitIndex).toBeUndefined()
    expect(forced.unappliedEntries).toBeUndefined()
    expect(forced.summary.snapshot.index).toBe(2 + step)
  })

  test('says of a survivor that has lost entries that nobody knows how much is left out', async () => {
    const { machine } = await newSurvivor()
    const { disk } = machine
    expect((await forceNewCluster(optionsOf(machine))).hasLost).toBe(false)
    await new Recovering({ disk, directory: `${survivor}/groups/0` }).mark(1)
    const directories = { newDataDirectory: 'data/other' }
    const forced = await forceNewCluster(optionsOf(machine, directories))
    expect(forced).toMatchObject({ appliedIndex: 6, logLastIndex: 8, hasLost: true })
    expect(forced.unappliedEntries).toBeUndefined()
    // A mark that is damaged is one all the same.
    disk.flipBit(`${survivor}/groups/0/recovering`, 100)
    const third = optionsOf(machine, { newDataDirectory: 'data/third' })
    expect((await forceNewCluster(third)).hasLost).toBe(true)
  })

  test('says of a survivor that was removed that it lacks what came after', async () => {
    const { machine } = await newSurvivor()
    await new Removed(machine.disk, `${survivor}/groups/0`).mark(5)
    const forced = await forceNewCluster(optionsOf(machine))
    expect(forced).toMatchObject({ appliedIndex: 6, hasLost: false, wasRemoved: true })
    expect(forced.unappliedEntries).toBeUndefined()
  })

  test('has another member, if that is wanted', async () => {
    const { machine } = await newSurvivor({ joining: true })
    const member = { id: 'm1', peerAddress: '10.1.1.1:7201' }
    const { identity } = await forceNewCluster(optionsOf(machine, { member }))
    expect(identity).toMatchObject({ nodeId: 'm1', members: [member] })
    const own = await forceNewCluster(optionsOf(machine, { newDataDirectory: 'data/other' }))
    expect(own.identity.nodeId).toBe('n2')
  })

  test('is refused while the survivor runs, into itself, and where it never ran', async () => {
    const { machine } = await newSurvivor()
    const itself = optionsOf(machine, { newDataDirectory: survivor })
    expect((await failureOf(forceNewCluster(itself))).code).toBe('QUORATE_USAGE')
    const running = await openDataDirectory({ disk: machine.disk, path: survivor })
    const locked = await failureOf(forceNewCluster(optionsOf(machine)))
    expect(locked.code).toBe('QUORATE_LOCKED')
    await running.close()
    machine.disk.unplant(`${survivor}/groups/0/current`)
    const never = await failureOf(forceNewCluster(optionsOf(machine)))
    expect(never.code).toBe('QUORATE_USAGE')
    const none = await failureOf(forceNewCluster(optionsOf(machine, { dataDirectory: 'data/x' })))
    expect(none.code).toBe('QUORATE_NOT_INITIALISED')
    expect(machine.disk.paths().filter((path) => path.startsWith('data/new'))).toEqual([])
  })
})

/**
 * Killed: every entry in a flush of its own, and each flush knows the entry before to be committed.
 * The state has `applied` of eight. A segment holds two entries and the seal.
 */
async function newKilled(applied: number, committed = 7): Promise<Machine> {
  const machine = new Machine()
  const { disk, random } = machine
  const small = { segmentBytes: smallSegmentBytes }
  await disk.makeDirectory('data')
  const named = { nodeId: 'n2', members, clusterId: 'a'.repeat(32) }
  await initialise({ disk, random, path: survivor, ...named, ...small })
  const driver = new Driver(await openMachine(await machine.openDatabase('scratch')), time)
  for (let i = 1; i <= 8; i++) driver.write(put(`k${i}`, 'v'), token(`t${i}`, time))
  const data = await openDataDirectory({ disk, path: survivor })
  const { groupDirectory: directory, logIdentity: identity } = data
  const { log } = await LogStore.open({ disk, directory, identity, ...small })
  for (const entry of driver.log) {
    const commitIndex = Math.min(committed, entry.index - 1)
    const hardState = { currentTerm: 1, votedFor: 'n1', commitIndex }
    await log.persist({ hardState, entries: [entry], mustSync: true })
  }
  await log.close()
  const state = await openMachine(await machine.openDatabase(`${directory}/state-1`))
  state.apply(driver.log.slice(0, applied))
  await state.barrier()
  await state.abandon()
  await new StatePointer({ disk, directory }).switchTo(1)
  await data.close()
  machine.crashDatabases()
  return machine
}

/** Where the log has an entry, or the segment that holds it. */
async function placeOf({ disk }: Machine, index: number) {
  let segment = ''
  for await (const item of inspectLog({ disk, directory: `${survivor}/groups/0` })) {
    if (item.type === 'segment') segment = item.file
    const isEntry = item.type === 'record' && item.kind === 'commands'
    if (isEntry && item.index === index) return { segment, offset: item.offset }
  }
  throw new Error(`entry ${index} is not in the log`)
}

const damages = {
  entry: async (machine: Machine, index: number) => {
    const { segment, offset } = await placeOf(machine, index)
    machine.disk.flipBit(segment, 8 * (offset + 40))
  },
  header: async (machine: Machine, index: number) => {
    machine.disk.flipBit((await placeOf(machine, index)).segment, 8 * 100)
  },
  'segment that is missing': async (machine: Machine, index: number) => {
    machine.disk.unplant((await placeOf(machine, index)).segment)
  },
}

describe('a survivor whose log is damaged', () => {
  const forced = (machine: Machine) =>
    forceNewCluster(optionsOf(machine, { segmentBytes: smallSegmentBytes }))

  test.each([
    // Entry 6: those before it can be read, and 4 of them are known to be committed by then.
    { at: 6, kind: 'entry', applied: 0, held: 4 },
    { at: 6, kind: 'entry', applied: 3, held: 4 },
    { at: 6, kind: 'entry', applied: 5, held: 5 },
    // What begins behind the damage counts where the state has all before it.
    { at: 2, kind: 'entry', applied: 2, held: 7 },
    { at: 2, kind: 'entry', applied: 5, held: 7 },
    { at: 3, kind: 'header', applied: 4, held: 7 },
    { at: 3, kind: 'segment that is missing', applied: 4, held: 7 },
    { at: 7, kind: 'header', applied: 0, held: 5 },
    // And where the state has not, something is missing in between.
    { at: 3, kind: 'entry', applied: 2, held: 2 },
    { at: 3, kind: 'header', applied: 0, held: 1 },
  ] as const)(
    'keeps what can be read and is committed: $kind $at, state at $applied',
    async ({ at, kind, applied, held }) => {
      const machine = await newKilled(applied)
      await damages[kind](machine, at)
      const made = await forced(machine)
      expect(made.appliedIndex).toBe(held)
      expect(made.unappliedEntries).toBeUndefined()
      expect(made.summary).toMatchObject({
        snapshot: { index: held + step },
        revision: held + step,
        records: held,
      })
    },
  )

  test('is of no use where nothing is left of it, and says so', async () => {
    const machine = await newKilled(0)
    await damages.entry(machine, 1)
    const error = await failureOf(forced(machine))
    expect(error).toMatchObject({ code: 'QUORATE_CORRUPT', retryable: false })
    expect(machine.disk.paths().filter((path) => path.startsWith('data/new'))).toEqual([])
  })
})

test('a survivor that knows of nothing committed is of no use, and says so', async () => {
  const machine = await newKilled(0, 0)
  const error = await failureOf(forceNewCluster(optionsOf(machine)))
  expect(error.code).toBe('QUORATE_USAGE')
  expect(error.message).toContain('there is nothing to go on from')
})

describe('a forced cluster that is cut off', () => {
  test.each(['EIO', 'kill'] as const)(
    'by %s at any operation of the disk is none or whole, and the survivor is as it was',
    async (kind) => {
      const keeps = ['none', 'sectors', 'all'] as const
      let whole = false
      const stride = process.env['LIFE_CRASHES'] === 'all' ? 1 : 4
      for (let nth = 1; !whole; nth += stride) {
        const { machine } = await newSurvivor()
        const { disk, random } = machine
        disk.fail({ operation: 'any', nth, error: kind })
        whole = await forceNewCluster(optionsOf(machine)).then(
          () => true,
          (failure: unknown) => {
            if (!(failure instanceof QuorateError)) throw failure
            return false
          },
        )
        machine.crashDatabases()
        disk.crash({ keepUnsynced: keeps[(nth >> 2) % 3] ?? 'none', random })
        const made = await openDataDirectory({ disk, path: 'data/new' }).catch(() => undefined)
        await made?.close()
        const dataDirectory = made === undefined ? 'data/new' : 'data/other'
        // The survivor still has it all, and what is half-made is in nobody's way.
        const forced = await forceNewCluster(
          optionsOf(machine, { newDataDirectory: dataDirectory }),
        )
        expect(forced).toMatchObject({ appliedIndex: 6, logLastIndex: 8 })
        for (const path of new Set(['data/new', dataDirectory])) {
          const data = await openDataDirectory({ disk, path })
          const { groupDirectory: directory, logIdentity: identity } = data
          const { log, recovered } = await LogStore.open({
            disk,
            directory,
            identity,
            segmentBytes,
          })
          const state = await openMachine(await machine.openDatabase(`${directory}/state-1`))
          expect([recovered.base.index, state.appliedIndex]).toEqual([6 + step, 6 + step])
          await state.abandon()
          await log.close()
          await data.close()
        }
        expect(nth).toBeLessThan(300)
      }
    },
  )
})

test.each([1, 2])('is none once the signal says so, at opening %d of a state', async (nth) => {
  const { machine } = await newSurvivor()
  const { disk } = machine
  const abort = new AbortController()
  let left = nth
  const openDatabase: ForceOptions['openDatabase'] = async (directory) => {
    if (--left === 0) abort.abort()
    return await machine.openDatabase(directory)
  }
  const { signal } = abort
  const failure = await failureOf(forceNewCluster(optionsOf(machine, { openDatabase, signal })))
  expect(signal.aborted).toBe(true)
  expect(failure.code).toBe('QUORATE_ABORTED')
  const none = await failureOf(openDataDirectory({ disk, path: 'data/new' }))
  expect(none.code).toBe('QUORATE_NOT_INITIALISED')
  const forced = await forceNewCluster(optionsOf(machine))
  expect(forced).toMatchObject({ appliedIndex: 6, unappliedEntries: 2 })
})
