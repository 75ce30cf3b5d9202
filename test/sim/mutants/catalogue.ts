/** All planted bugs. Each must be found, or the simulation proves less than it seems to. */
import { clientMutants } from './client-mutants.ts'
import { lifeMutants } from './life-mutants.ts'
import type { Mutant } from './mutant.ts'
import { raftMutants } from './raft-mutants.ts'
import { stateMutants } from './state-mutants.ts'
import { storageMutants } from './storage-mutants.ts'

export const catalogue: readonly Mutant[] = [
  ...raftMutants,
  ...storageMutants,
  ...stateMutants,
  ...clientMutants,
  ...lifeMutants,
]
