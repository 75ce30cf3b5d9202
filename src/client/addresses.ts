/** Where the nodes are: `host:port`, one or many. */
import { usageError } from '../errors.ts'

/** More endpoints than any cluster has members are a mistake. */
const endpointsMax = 64

/** The endpoints of a string with commas, or of a list; each once, in their order. */
export function parseEndpoints(endpoints: string | readonly string[]): readonly string[] {
  const list = typeof endpoints === 'string' ? endpoints.split(',') : endpoints
  if (!Array.isArray(list)) throw usageError('endpoints are a string or a list of strings')
  const addresses = new Set<string>()
  for (const each of list) addresses.add(checkAddress(each))
  if (addresses.size === 0) throw usageError('at least one endpoint is needed')
  if (addresses.size > endpointsMax) {
    throw usageError(`${addresses.size} endpoints are over the ${endpointsMax} allowed`)
  }
  return [...addresses]
}

/** The address without surrounding blanks; throws unless it is `host:port` or `[ipv6]:port`. */
function checkAddress(endpoint: unknown): string {
  const address = typeof endpoint === 'string' ? endpoint.trim() : ''
  const match = /^(?:\[[0-9A-Fa-f:.%]+\]|[^\s:[\]/,@]+):([0-9]{1,5})$/.exec(address)
  const port = Number(match?.[1])
  if (match === null || port < 1 || port > 65_535) {
    throw usageError(`an endpoint is host:port, not ${JSON.stringify(endpoint)}`)
  }
  return address
}
