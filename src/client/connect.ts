/** The composition root of the client: the one file of it that names the real ports. */
import { realClock, realNetwork, realRandom } from '../system/index.ts'
import type { Client } from './client.ts'
import { createClient } from './create-client.ts'
import type { ConnectOptions } from './types.ts'

/**
 * Connects to a cluster, by the addresses of some of its nodes: a string with commas, or a list.
 *
 * @example
 * await using db = await connect('127.0.0.1:7101,127.0.0.1:7102,127.0.0.1:7103')
 * await db.put('greeting', 'hello')
 */
export async function connect(
  endpoints: string | readonly string[],
  options: ConnectOptions = {},
): Promise<Client> {
  return await createClient({
    ...options,
    endpoints,
    clock: realClock,
    random: realRandom,
    network: realNetwork,
  })
}
