/** The network between the processes of a run, and what can be done to it. */

/** Who talks: a node by its id, or all clients together. */
export type Party = string
/** The party that stands for all clients. */
export const clients: Party = 'clients'

/** What is done to messages of one direction. */
export type LinkEffect =
  /** Nothing passes. `silent`: bytes stay unanswered (half-open); `reset`: connections are cut. */
  | { readonly type: 'cut'; readonly how: 'silent' | 'reset' }
  | { readonly type: 'delay'; readonly ms: number; readonly jitterMs: number }
  /** Shares of the messages, 0 to 1. */
  | { readonly type: 'loss'; readonly share: number }
  | { readonly type: 'duplicate'; readonly share: number }
  | { readonly type: 'reorder'; readonly share: number }
  | { readonly type: 'bandwidth'; readonly bytesPerSecond: number }
  /** A message that is none, once in a while. */
  | { readonly type: 'corrupt'; readonly share: number }

/** An effect, and the directions that it is for. */
export interface LinkRule {
  readonly effect: LinkEffect
  applies(from: Party, to: Party): boolean
}

/** What a rule has done so far: the proof that a fault happened. */
export interface RuleCounts {
  /** Messages or packets that it held, dropped, delayed, repeated, reordered or damaged. */
  readonly affected: number
  /** Connections that it refused or cut. */
  readonly refused: number
}

/** A rule in force. */
export interface ActiveRule {
  counts(): RuleCounts
  /** Takes it away; connections that it cut are made anew by those who need them. */
  remove(): Promise<void>
}

/** The links of a run. */
export interface Links {
  readonly backend: 'relay' | 'namespaces' | 'direct'
  /** The kinds of effects that this backend can have. */
  readonly effects: ReadonlySet<LinkEffect['type']>
  /** What a node listens on, and what it says that it can be reached at. */
  listenAddresses(node: Party): { readonly client: string; readonly peer: string }
  /** What `from` dials to reach the peer port of `to`. */
  peerAddress(from: Party, to: Party): string
  /** What clients dial to reach the client port of `to`. */
  clientAddress(to: Party): string
  /** A command line that runs a program where the node lives, for example `ip netns exec …`. */
  commandOf(node: Party, command: readonly string[]): readonly string[]
  add(rule: LinkRule): Promise<ActiveRule>
  close(): Promise<void>
}
