/**
 * The namespace that refuses: for what comes in, every address of the run is its own, and so its
 * kernel answers for the node that was meant, and says that nobody listens. What it answers must go
 * out, although it is for an address of the run as well: it looks up another table first.
 */

/** Routes of answers. */
export const refuserTable = 500

/** What `ip` is told in this namespace to set it up, for the addresses of the run. */
export function refuserRoutes(cidr: string): readonly string[] {
  return [
    'link set lo up',
    `route add local ${cidr} dev lo`,
    // What a namespace sends by itself comes from `lo`, as far as rules are concerned. The rule
    // for local addresses stands in front of all others at first.
    `rule add pref 1 iif lo lookup ${refuserTable}`,
    'rule add pref 2 lookup local',
    'rule delete pref 0',
  ]
}
