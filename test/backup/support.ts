/** What the tests of backups share: a machine with a disk and databases in memory, and a state. */
import { gunzipSync, gzipSync } from 'node:zlib'
import type { BackupPorts } from '../../src/backup/new-cluster.ts'
import type { SnapshotHeader, SnapshotSource } from '../../src/backup/index.ts'
import { QuorateError } from '../../src/errors.ts'
import { silentLogger } from '../../src/logger.ts'
import { SeededRandom } from '../../src/random.ts'
import type { StateMachine } from '../../src/state/index.ts'
import { Driver, exportFrames, openMachine, put, token } from '../state/support.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import { MemoryDisk } from '../suites/memory-disk.ts'

export const time = 1_700_000_000_000
export const clusterId = '00112233445566778899aabbccddeeff'

/** A machine: what is on its disk, and the databases that its directories stand for. */
export class Machine implements BackupPorts {
  readonly disk = new MemoryDisk()
  readonly random = new SeededRandom(1)
  readonly logger = silentLogger
  readonly databases = new Map<string, MemoryDatabase>()

  readonly openDatabase: BackupPorts['openDatabase'] = async (directory) => {
    // A directory that is gone takes its database with it.
    const there = (await this.disk.list(directory)) !== undefined
    await this.disk.makeDirectory(directory)
    const known = there ? this.databases.get(directory) : undefined
    const database = known ?? new MemoryDatabase()
    this.databases.set(directory, database)
    return await database.open()
  }

  /** All state is lost that no barrier was made for. */
  crashDatabases(): void {
    for (const database of this.databases.values()) database.crash()
  }
}

/** A state with tokens, a session, a configuration and a tombstone less than it had records. */
export async function sampleState(): Promise<Driver> {
  const driver = new Driver(await openMachine(await new MemoryDatabase().open()), time)
  for (const key of ['a', 'b', 'c']) driver.write(put(key, key), token(`t${key}`, time))
  driver.config(new TextEncoder().encode('members'))
  return driver
}

/** What a node would say of an export of this state. */
export function headerOf(machine: StateMachine): SnapshotHeader {
  return {
    clusterId,
    historyId: machine.historyId ?? clusterId,
    snapshot: { term: machine.appliedTerm, index: machine.appliedIndex },
    revision: machine.revision,
    clusterTime: machine.clusterTime,
  }
}

/** An export as a client would hand it over. */
export async function sourceOf(machine: StateMachine): Promise<SnapshotSource> {
  return sourceFrom(headerOf(machine), await exportFrames(machine))
}

/** A source of given frames; an error among them is thrown. */
export function sourceFrom(
  header: SnapshotHeader,
  frames: readonly (Uint8Array | Error)[],
): SnapshotSource {
  return {
    header: Promise.resolve(header),
    async *[Symbol.asyncIterator]() {
      await Promise.resolve()
      for (const frame of frames) {
        if (frame instanceof Error) throw frame
        yield frame
      }
    },
  }
}

/** Changes a file under its compression, which stays as it is written. */
export function rewritten(file: Uint8Array, change: (bytes: Buffer) => Uint8Array): Uint8Array {
  const zipped = gzipSync(change(gunzipSync(file)))
  zipped[8] = 0
  zipped[9] = 0xff
  return zipped
}

/** The error that something ended with. */
export async function failureOf(work: Promise<unknown>): Promise<QuorateError> {
  const outcome: unknown = await work.then(
    () => 'it did not fail',
    (error: unknown) => error,
  )
  if (outcome instanceof QuorateError) return outcome
  throw outcome
}
