/** Clusters whose nodes are processes on this machine: for the command line and the demo. */
export {
  clusterFileName,
  readClusterFile,
  requireClusterFile,
  withClusterLock,
  type ClusterFile,
  type NodeRecord,
  type NodeTuning,
} from './cluster-file.ts'
export { viewCluster, type ClusterView, type NodeView } from './cluster-view.ts'
export {
  createCluster,
  directoryHolds,
  initialiseNodes,
  killNode,
  movedNodes,
  pauseNode,
  portOf,
  resolveNode,
  resumeNode,
  retune,
  settlePorts,
  startNodes,
  stopNodes,
  stopGraceMs,
  viewLocalCluster,
  waitForLeader,
  wipeCluster,
} from './local-cluster.ts'
export { isInUse } from './directory-lock.ts'
export { followLogs, LogTail } from './logs.ts'
export { defaultPort } from './ports.ts'
export { stopNode } from './process.ts'
export { Deadline, monotonicTime, sleep, wallTime } from './time.ts'
export type { MemberStatus, NodeStatus } from '../transport/index.ts'
