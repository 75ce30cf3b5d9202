/** Where the nodes are: told by flag, by environment, by the local cluster, or the usual place. */
import { join, resolve } from 'node:path'
import { CommanderError } from 'commander'
import { usageError } from '../errors.ts'
import type { ClusterFile } from '../cluster/index.ts'
import type { Io } from './io.ts'
import { parseEndpoints } from './parsers.ts'

/** The directory of the local cluster, unless told otherwise. */
export const defaultDataDirectory = '.quorate'

/** Where a cluster is looked for if nothing says where. */
export const defaultEndpoints = ['127.0.0.1:7101', '127.0.0.1:7102', '127.0.0.1:7103'] as const

/** Endpoints and how they were found. */
export interface FoundEndpoints {
  readonly endpoints: readonly string[]
  readonly source: 'flag' | 'environment' | 'cluster' | 'default'
  /** The local cluster, where it is the source. */
  readonly local: ClusterFile | undefined
}

/** Finds them. `dataDir`: the user named the local cluster, so it has to be there. */
export async function findEndpoints(
  io: Pick<Io, 'env' | 'cwd'>,
  options: { endpoints?: readonly string[] | undefined; dataDir?: string | undefined },
): Promise<FoundEndpoints> {
  if (options.endpoints !== undefined) {
    return { endpoints: options.endpoints, source: 'flag', local: undefined }
  }
  if (options.dataDir === undefined) {
    const fromEnvironment = io.env['QUORATE_ENDPOINTS'] ?? ''
    if (fromEnvironment !== '') {
      const endpoints = parseEnvironment(fromEnvironment)
      return { endpoints, source: 'environment', local: undefined }
    }
  }
  const { readClusterFile, requireClusterFile } = await import('../cluster/index.ts')
  const directory = dataDirectory(io, options.dataDir)
  const local =
    options.dataDir === undefined ? readClusterFile(directory) : requireClusterFile(directory)
  if (local !== undefined) {
    const endpoints = local.nodes.map((node) => node.clientAddress)
    return { endpoints, source: 'cluster', local }
  }
  return { endpoints: defaultEndpoints, source: 'default', local: undefined }
}

function parseEnvironment(text: string): readonly string[] {
  try {
    return parseEndpoints(text)
  } catch (error) {
    if (error instanceof CommanderError) throw usageError(`QUORATE_ENDPOINTS: ${error.message}`)
    throw error
  }
}

/** The absolute path of the local cluster's directory. */
export function dataDirectory(io: Pick<Io, 'cwd'>, dataDir: string | undefined): string {
  return dataDir === undefined ? join(io.cwd, defaultDataDirectory) : resolve(io.cwd, dataDir)
}
