/**
 * One of the stores under comparison: a cluster of three nodes as processes on this machine. Both
 * sides are started, looked at, killed and loaded through this, so that nothing in a scenario can
 * treat them differently.
 */
import type { Job, JobAnswer } from '../load/job.ts'
import type { Watched } from '../measure/sampler.ts'
import type { Measured } from '../report/record.ts'

/** One node of a side. */
export interface SideNode {
  readonly id: string
  /** `host:port` for clients. */
  readonly endpoint: string
  /** Undefined: it does not run. */
  readonly pid: number | undefined
}

/** What programs a side is made of; the same for every cluster of it. */
export interface SideKind {
  readonly name: Measured
  /** The server's version. */
  readonly version: string
  /** A word on durability and settings, for the report. */
  readonly settings: string
  /** Starts its load generator; it connects with the first job. */
  load(endpoints: string): Load
  /** Starts a fresh cluster; its data goes under `directory`. Resolves once it serves. */
  start(directory: string): Promise<Cluster>
}

/** What a job must say; the rest has defaults. */
export type JobRequest = Pick<Job, 'op'> & Partial<Job>

/** A load generator: takes one job at a time. */
export interface Load {
  /** Undefined: it has ended. */
  readonly pid: number | undefined
  /** Rejects where the job fails or takes far longer than it says. */
  run(job: JobRequest): Promise<JobAnswer>
  close(): Promise<void>
}

/** A running cluster. */
export interface Cluster {
  readonly nodes: readonly SideNode[]
  /** The node that leads now; waits for one. */
  leader(): Promise<SideNode>
  /** SIGKILL; resolves once the process is gone. */
  kill(id: string): Promise<void>
  /** Starts a node that was killed; resolves once it answers reads and writes again. */
  restart(id: string): Promise<void>
  /** Sends a signal to a node's process. */
  signal(id: string, signal: NodeJS.Signals): void
  /** Ends all processes and removes the data. */
  close(): Promise<void>
}

/** The cluster's processes with the roles that they have now, the leader first. */
export async function watchedNodes(cluster: Cluster): Promise<readonly Watched[]> {
  const leader = await cluster.leader()
  let followers = 0
  const named = cluster.nodes.flatMap(({ id, pid }) => {
    if (pid === undefined) return []
    return [{ pid, name: id === leader.id ? 'leader' : `follower ${(followers += 1)}` }]
  })
  return named.toSorted((a, b) => Number(b.name === 'leader') - Number(a.name === 'leader'))
}

/** Where a cluster is reached. */
export interface Endpoints {
  /** Client addresses with commas between them, the leader's first. */
  readonly endpoints: string
  /** Its id. */
  readonly leader: string
}

/** As it is now; waits for a leader. */
export async function endpointsOf(cluster: Cluster): Promise<Endpoints> {
  const leader = await cluster.leader()
  const others = cluster.nodes.filter(({ id }) => id !== leader.id)
  const endpoints = [leader, ...others].map(({ endpoint }) => endpoint).join(',')
  return { endpoints, leader: leader.id }
}
