/** `host:port` in text, with IPv6 hosts in brackets. */
import { usageError } from '../errors.ts'

/** A parsed address; `host` without brackets. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

const pattern =
  /^(?:\[([0-9a-fA-F:.]{2,45}(?:%[\w.-]{1,32})?)\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/

/** Parses `host:port` or `[ipv6]:port`; anything else is a usage error. */
export function parseAddress(address: string): HostPort {
  const match = pattern.exec(address)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || !(port <= 65_535)) {
    throw usageError(`not an address: ${JSON.stringify(address.slice(0, 300))} (want host:port)`)
  }
  return { host, port }
}

/** The text of an address. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
