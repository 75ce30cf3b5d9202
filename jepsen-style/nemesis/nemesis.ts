/** What a nemesis is: a kind of fault that can be drawn, begun, seen and healed. */
import type { Cluster } from '../cluster/cluster.ts'
import type { Links } from '../network/links.ts'
import type { Chance } from '../workloads/workload.ts'

/** What a nemesis acts upon. */
export interface Scene {
  readonly cluster: Cluster
  readonly links: Links
  readonly chance: Chance
  /** Nodes that lack something of their files at the moment: never more than a minority. */
  readonly damaged: Set<string>
  /** Nodes that another fault has under way, which this one must leave in peace. */
  readonly busy: ReadonlySet<string>
  /** The same as of now: another fault may have taken a node after this one was drawn. */
  readonly isTaken: (node: string) => boolean
}

/** One fault, drawn and not yet begun. */
export interface Fault {
  /** For people: whom it hits and how. */
  readonly detail: string
  /** The nodes whose processes or files it takes for itself until it is healed. */
  readonly takes: readonly string[]
  begin(): Promise<void>
  /** What shows that it works, once something does; asked again and again until it is healed. */
  seen(): Promise<string | undefined>
  /** Puts everything back; everything that is started again is running when it resolves. */
  heal(): Promise<void>
}

/** A kind of fault. */
export interface Nemesis {
  readonly name: string
  /** One line for `quorate chaos list`. */
  readonly about: string
  readonly kind: 'network' | 'process' | 'disk' | 'clock' | 'members'
  /** The nodes of a run with it keep little of their log, so that snapshots are needed. */
  readonly smallLog?: true
  /** A run with it sets places aside for nodes that join while it goes on. */
  readonly newcomers?: true
  /** Why it can't be had here (too few nodes, no root, …); undefined: it can. */
  unavailable(scene: Pick<Scene, 'links' | 'cluster'>): string | undefined
  /** Draws one; undefined: nothing fits at the moment (for example, no leader to isolate). */
  draw(scene: Scene): Promise<Fault | undefined>
}
