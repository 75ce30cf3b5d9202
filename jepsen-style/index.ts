/**
 * `quorate/chaos`: the harness as a library. `runChaos` breaks a cluster of real processes while a
 * workload calls it, and judges what its clients were told. Workloads and nemeses of one's own can
 * be handed to it; what they have to be is described in docs/chaos.md.
 */
export { listChaos, runChaos } from './run/index.ts'
export type {
  BackendChoice,
  Bounds,
  ChaosHooks,
  ChaosOptions,
  ChaosResult,
  Phase,
  Progress,
  Tuning,
} from './run/index.ts'
export { completionOf, failureOf, workloadOf, workloads } from './workloads/index.ts'
export type {
  Chance,
  CheckResult,
  Completion,
  FinalState,
  Invocation,
  Workload,
  WorkloadRun,
  WorkloadSetting,
} from './workloads/workload.ts'
export { nemeses, nemesisOf } from './nemesis/index.ts'
export type { Fault, Nemesis, Scene } from './nemesis/index.ts'
export type { Cluster, ClusterNode, NodeReport, NodeState } from './cluster/cluster.ts'
export type { ActiveRule, LinkEffect, LinkRule, Links, Party } from './network/links.ts'
export type { EventType, FaultNote, HistoryEvent } from './history/index.ts'
export { writeReport } from './report/index.ts'
export type { Availability, FaultSpan, RunRecord } from './report/run-record.ts'
