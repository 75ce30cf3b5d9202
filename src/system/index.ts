/** The real versions of the ports: the only code that touches time, entropy, files and sockets. */
import type { DatabaseSizes, StateDatabase } from '../state/index.ts'

export { parseAddress, type HostPort } from './address.ts'
export { realClock } from './clock.ts'
export { realDisk } from './disk.ts'
export { machineName, readMachine, type MachineReading } from './machine.ts'
export { openNetwork, realNetwork, type HandshakeLimits } from './network.ts'
export { realRandom } from './random.ts'

/**
 * Opens the state's database, see `state-database.ts`. Loaded at the first use: clients use this
 * folder too, and have no need of LevelDB.
 */
export async function openStateDatabase(
  directory: string,
  sizes?: DatabaseSizes,
): Promise<StateDatabase> {
  const { openStateDatabase: open } = await import('./state-database.ts')
  return await open(directory, sizes)
}
