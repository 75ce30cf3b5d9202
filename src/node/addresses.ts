/**
 * Which of a member's addresses count: those that the cluster was told of it (`--peers`,
 * `--clients`, `member add`, `member update`), or those that it tells of itself. Addresses are
 * `host:port`.
 */
import type { LogFields } from '../logger.ts'
import type { KnownMember } from './member-list.ts'

/** What a node says of itself, or is known to be reached at. */
interface SaidAddresses {
  readonly peerAddress?: string | undefined
  readonly clientAddress?: string | undefined
}

/** Whether it means all addresses of a machine: good to listen on, and it leads nobody there. */
export function isUnspecified(address: string): boolean {
  return /^(?:0\.0\.0\.0|\[[0:]+\]):\d+$/.test(address)
}

/** Whether nobody but this machine gets there. */
function isLoopback(address: string): boolean {
  return /^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d+$/.test(address)
}

/** The address, if it can lead to the node. */
export function reachable(address: string | undefined): string | undefined {
  return address === undefined || address === '' || isUnspecified(address) ? undefined : address
}

/** What clients are told of a member; undefined: nothing is known that would lead them there. */
export function clientAddressOf(
  member: KnownMember | undefined,
  said: SaidAddresses | undefined,
): string | undefined {
  return reachable(member?.clientAddress) ?? reachable(said?.clientAddress)
}

/**
 * Where other nodes reach a member. `overridden`: this node was told to dial it elsewhere, so what
 * the cluster was told is not so, and the node itself knows better.
 */
export function peerAddressOf(
  member: KnownMember,
  said: SaidAddresses | undefined,
  overridden: boolean,
): string {
  const told = reachable(member.peerAddress)
  const own = reachable(said?.peerAddress)
  return (overridden ? (own ?? told) : (told ?? own)) ?? member.peerAddress
}

/** Where a node listens, and what it was told to say instead. */
interface OwnAddresses {
  readonly peerListen: string
  readonly peerAdvertise: string | undefined
  readonly clientListen: string
  readonly clientAdvertise: string | undefined
}

/** What is wrong with a node's own addresses, for its log; `member`: as the cluster knows it. */
export function addressWarnings(
  own: OwnAddresses,
  member: KnownMember | undefined,
): readonly (readonly [string, LogFields])[] {
  const { peerListen, peerAdvertise, clientListen, clientAdvertise } = own
  const peerAddress = reachable(member?.peerAddress)
  const clientAddress = reachable(member?.clientAddress)
  const found: (readonly [string, LogFields])[] = []
  // Where something is advertised, a proxy may well lead from there to this machine.
  if (peerAdvertise === undefined && missesOthers(peerListen, peerAddress)) {
    const what = 'other hosts cannot reach this node: it listens for its peers on loopback alone'
    found.push([what, { listens: peerListen, member: peerAddress, option: '--peer-listen' }])
  }
  if (clientAdvertise === undefined && missesOthers(clientListen, clientAddress)) {
    const what = 'clients on other hosts cannot reach this node: it listens on loopback alone'
    found.push([what, { listens: clientListen, member: clientAddress, option: '--client-listen' }])
  }
  if (clientAddress === undefined && reachable(clientAdvertise ?? clientListen) === undefined) {
    const what = 'clients are told no address of this node, because it listens on all it has'
    found.push([what, { listens: clientListen, option: '--client-advertise' }])
  }
  if (clientAdvertise !== undefined && clientAddress !== undefined) {
    if (clientAdvertise === clientAddress) return found
    const what = 'clients are told the address that the cluster has of this node, not its own'
    const command = 'quorate member update'
    found.push([what, { member: clientAddress, advertised: clientAdvertise, command }])
  }
  return found
}

function missesOthers(listens: string, told: string | undefined): boolean {
  return told !== undefined && isLoopback(listens) && !isLoopback(told)
}
