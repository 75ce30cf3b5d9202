/** What a node says that was removed from its cluster, and is started again. */
import { QuorateError } from '../errors.ts'
import type { DataDirectory } from '../wal/index.ts'

/** Why such a node does not start. */
export function removedError({ path, identity }: DataDirectory): QuorateError {
  return new QuorateError(
    'QUORATE_REMOVED',
    `${identity.nodeId} was removed from its cluster, and its name may not be used again: remove ` +
      `${path}; a node that is to come in its place gets a new name with "quorate node ` +
      'init --join", and is let in with "quorate member add"',
  )
}
